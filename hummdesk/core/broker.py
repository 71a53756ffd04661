"""The Celery configuration shared by relay and workers. State is in PostgreSQL: the broker may lose or repeat tasks."""

import math
from typing import Any, Literal, get_args

from hummdesk.core.config import Settings
from hummdesk.core.models import RunKind

Queue = Literal[
    "classification",
    "draft",
    "bulk",
    "classification.anthropic",
    "draft.anthropic",
    "classification.openai",
    "draft.openai",
]
"""Queues of AI runs, also for each external model, and one for bulk work. Each has its own worker processes, so that no
queue waits for the work of another."""

RUN_QUEUES: dict[RunKind, Literal["classification", "draft"]] = {
    "classification": "classification",
    "draft": "draft",
    "summary": "draft",
}
"""The queue of each kind of AI run. An agent waits for a summary as for a draft, and few summaries are requested."""

TASKS: dict[RunKind, str] = {
    "classification": "hummdesk.classify",
    "draft": "hummdesk.draft",
    "summary": "hummdesk.summarize",
}
"""Names of the Celery tasks. Their argument is a list of [account id, run id]."""

BULK_TASKS = "hummdesk.bulk.*"
"""Tasks with these names are routed to the bulk queue."""
UPDATE_KNOWLEDGE = "hummdesk.bulk.index"
"""The argument is an account id."""

QUEUES: dict[Queue, str] = {queue: f"ai.{queue}" for queue in get_args(Queue)}
KEY_PREFIX = "hummdesk:celery:"
QUEUE_KEYS: dict[Queue, str] = {queue: KEY_PREFIX + name for queue, name in QUEUES.items()}
"""The Redis list of each queue."""

BATCH_SIZES: dict[RunKind, int] = {"classification": 50, "draft": 5, "summary": 5}
"""Maximum number of runs in one Celery task: they are claimed and stored together."""

SOCKET_SECONDS = 5.0
LEASE_MARGIN_SECONDS = 2.0


def active_queues(settings: Settings) -> list[Queue]:
    """The queues in use with these settings: those of an external model need its API key."""
    return [queue for queue in QUEUES if "." not in queue or queue.partition(".")[2] in settings.providers]


def lease_seconds(settings: Settings) -> float:
    """The lease of a run. Celery kills its process at the hard limit, before the lease expires."""
    return settings.ai_hard_limit_seconds + LEASE_MARGIN_SECONDS


def configuration(settings: Settings) -> dict[str, Any]:
    from kombu import Exchange  # here, because the web process imports this module and has no kombu
    from kombu import Queue as BrokerQueue

    exchange = Exchange("ai", type="direct")
    return {
        "broker_url": settings.redis,
        "broker_transport_options": {
            # For this long a task of a dead worker is hidden. No task is delayed in the broker, so the timeout only has
            # to exceed the hard limit.
            "visibility_timeout": math.ceil(2 * lease_seconds(settings)),
            "global_keyprefix": KEY_PREFIX,
            "socket_timeout": SOCKET_SECONDS,
            "socket_connect_timeout": SOCKET_SECONDS,
            "socket_keepalive": True,
        },
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # no limit; the default is 100
        "task_queues": [BrokerQueue(name, exchange, routing_key=name) for name in QUEUES.values()],
        "task_routes": {name: {"queue": QUEUES[RUN_QUEUES[kind]]} for kind, name in TASKS.items()}
        | {BULK_TASKS: {"queue": QUEUES["bulk"]}},
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_time_limit": settings.ai_hard_limit_seconds,
        "worker_prefetch_multiplier": 1,
        "worker_concurrency": settings.worker_concurrency,
        "worker_send_task_events": True,  # for Flower
        "timezone": "UTC",
    }
