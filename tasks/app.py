"""The Celery application of the workers: `celery -A tasks.app worker`."""

import os
import sys
from typing import Any

from celery import Celery, signals

from hummdesk import config
from hummdesk.broker import configuration

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
app = Celery("hummdesk", include=["tasks.classify", "tasks.draft"])
app.conf.update(configuration(settings))


@signals.setup_logging.connect
def _log(**_: Any) -> None:
    """Celery sets up no logs of its own when this signal has a receiver."""
    from hummdesk import logs

    logs.configure(settings, process="worker")


@signals.worker_ready.connect
def _expose(**_: Any) -> None:
    """The main process tells the figures of its children, which run the tasks."""
    from hummdesk import metrics

    if settings.metrics_port:
        metrics.expose(settings.metrics_port)
