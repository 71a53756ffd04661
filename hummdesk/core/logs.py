"""Configuration of the logs. Log lines never contain a token or the text of a message."""

import logging
import sys
import traceback
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id


class RequestFields:
    """In its block, log lines have these fields and a `request_id`, also those of tasks that the block starts.

    The id is made for the first line: most requests log nothing, and structlog's `bound_contextvars` costs each of them
    several times as much.
    """

    __slots__ = ("_fields", "_token")

    _token: Token["RequestFields | None"]

    def __init__(self, **fields: str) -> None:
        self._fields = fields

    def __enter__(self) -> None:
        self._token = _request.set(self)

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        _request.reset(self._token)

    def all(self) -> dict[str, str]:
        if "request_id" not in self._fields:
            self._fields["request_id"] = str(new_id())
        return self._fields


_request: ContextVar[RequestFields | None] = ContextVar("request", default=None)


def configure(settings: Settings, *, process: str) -> None:
    """Send all log lines of this process, those of libraries included, to standard error in one format."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _with_request_fields,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_exception_text,
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
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # it warns at every attempt to reconnect
    logging.getLogger("celery.worker.strategy").setLevel(
        logging.WARNING
    )  # it logs every received task; we log how each ends
    for client in ("anthropic", "openai", "httpx2", "httpcore2"):  # at INFO they log requests and responses
        logging.getLogger(client).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(process=process)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _with_request_fields(_: WrappedLogger, __: str, entry: EventDict) -> EventDict:
    request = _request.get()
    return entry if request is None else {**request.all(), **entry}


def _without_exception_text(_: WrappedLogger, __: str, entry: EventDict) -> EventDict:
    """Replace an exception by its type and stack: its text may quote a customer's message."""
    info = entry.pop("exc_info", None)
    failure = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    if isinstance(failure, BaseException):
        entry["exception"] = type(failure).__qualname__
        entry["stack"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(failure.__traceback__)
        ]
    return entry
