"""The Celery application. `python -m tasks` starts all workers, `celery -A tasks.app worker -Q NAME` one."""

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
        settings = config.read(config.collect(), needs_secret=False)
    except config.SettingsError as error:
        sys.exit(str(error))
    # Celery imports prometheus_client, for Flower, before this module: too late to set the variable here.
    if settings.metrics_port and not os.environ.get(METRICS):
        sys.exit(
            f"{METRICS}: not set; METRICS_PORT needs an empty directory in which the processes share their metrics"
        )
    return settings


settings = _settings()
app = Celery(
    "hummdesk",
    include=[
        "tasks.classify",
        "tasks.draft",
        "tasks.summarize",
        "tasks.assist",
        "tasks.knowledge",
        "tasks.simulate",
    ],
)
app.conf.update(configuration(settings))


@signals.setup_logging.connect
def _configure_logs(**_: Any) -> None:
    """Configure the logs; with a receiver of this signal, Celery does not configure its own."""
    from hummdesk.core import logs

    logs.configure(settings, process="worker")


@signals.worker_init.connect
def _lower_priority(**_: Any) -> None:
    """Yield the processor to the other processes before the worker starts processes of its own."""
    from hummdesk.core import priority

    priority.lower(settings.worker_nice)


@signals.worker_ready.connect
def _expose_metrics(**_: Any) -> None:
    """Expose the metrics of all processes of the machine, which share a directory, from the classification worker."""
    from hummdesk.core import metrics

    if settings.metrics_port and QUEUES["classification"] in app.amqp.queues.consume_from:
        metrics.expose(settings.metrics_port)


@signals.worker_process_init.connect
def _end_with_parent(**_: Any) -> None:
    """End the process when its Celery worker is killed: it would receive no more tasks."""
    if bind := die_with(os.getppid(), signal.SIGKILL):
        bind()
