"""JSON logs. Nothing here ever receives a token or the text of a message."""

import logging
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from hummdesk.core.config import Settings


def configure(settings: Settings, *, process: str) -> None:
    """Send every log line of this process, ours and the libraries', to standard error in one format."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _where_it_failed,
    ]
    renderer: Any = structlog.processors.JSONRenderer()
    if settings.log_format == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # a warning for every try to reconnect
    logging.getLogger("celery.worker.strategy").setLevel(logging.WARNING)  # each task that comes: its end is logged
    for client in ("anthropic", "openai", "httpx2", "httpcore2"):  # below this they tell what is sent and received
        logging.getLogger(client).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(process=process)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _where_it_failed(_: WrappedLogger, __: str, entry: EventDict) -> EventDict:
    """Replace an exception by its type and place: its text may quote what a customer wrote."""
    info = entry.pop("exc_info", None)
    failure = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    if isinstance(failure, BaseException):
        entry["exception"] = type(failure).__qualname__
        entry["stack"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(failure.__traceback__)
        ]
    return entry
