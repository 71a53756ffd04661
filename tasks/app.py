"""The Celery application of the workers: `python -m tasks`, or for one queue `celery -A tasks.app worker -Q NAME`."""

import os
import signal
import sys
from typing import Any

from celery import Celery, signals

from hummdesk.core import config
from hummdesk.core.broker import QUEUES, configuration
from hummdesk.core.parent_death import die_with

METRICS = "PROMETHEUS_MULTIPROC_DIR"


def _settings() -> config.Settings:
    try:
        settings = config.read(config.gather())
    except config.SettingsError as error:
        sys.exit(str(error))
    # Celery imports prometheus_client, for Flower, before this module: too late to set the variable here.
    if settings.metrics_port and not os.environ.get(METRICS):
        sys.exit(
            f"{METRICS}: not set; METRICS_PORT needs an empty directory in which a worker's processes share figures"
        )
    return settings


settings = _settings()
app = Celery("hummdesk", include=["tasks.classify", "tasks.draft", "tasks.knowledge"])
app.conf.update(configuration(settings))


@signals.setup_logging.connect
def _log(**_: Any) -> None:
    """Celery sets up no logs of its own when this signal has a receiver."""
    from hummdesk.core import logs

    logs.configure(settings, process="worker")


@signals.worker_ready.connect
def _expose(**_: Any) -> None:
    """A main process tells the figures of all, which share a directory: on a machine the one for classification."""
    from hummdesk.core import metrics

    if settings.metrics_port and QUEUES["classification"] in app.amqp.queues.consume_from:
        metrics.expose(settings.metrics_port)


@signals.worker_process_init.connect
def _bind(**_: Any) -> None:
    """A main process that is killed leaves no children that nobody gives work to."""
    if bind := die_with(os.getppid(), signal.SIGKILL):
        bind()
