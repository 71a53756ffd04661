"""Celery on Redis, as relay and workers have to agree on it. State is in PostgreSQL: the broker may lose or repeat."""

import math
from typing import Any, Literal, get_args

from kombu import Exchange
from kombu import Queue as BrokerQueue

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
"""A kind of AI run, the same for a model outside, or what nobody waits for. Each has processes of its own, so that none
waits for another's work."""

TASKS: dict[RunKind, str] = {"classification": "hummdesk.classify", "draft": "hummdesk.draft"}
"""By name, since this package does not know the tasks. Their argument is a list of [account, run], the ids as text."""

BULK_TASKS = "hummdesk.bulk.*"
"""Tasks so named go to the bulk queue."""
UPDATE_KNOWLEDGE = "hummdesk.bulk.index"
"""The argument is an account."""

QUEUES: dict[Queue, str] = {queue: f"ai.{queue}" for queue in get_args(Queue)}
KEY_PREFIX = "hummdesk:celery:"
QUEUE_KEYS: dict[Queue, str] = {queue: KEY_PREFIX + name for queue, name in QUEUES.items()}
"""Where in Redis the tasks of each queue wait."""

BATCHES: dict[RunKind, int] = {"classification": 50, "draft": 5}
"""Runs in one task, at the most: they are claimed and stored together, and share the fate of their process."""

EXCHANGE = Exchange("ai", type="direct")

SOCKET_SECONDS = 5.0
LEASE_MARGIN_SECONDS = 2.0


def served(settings: Settings) -> list[Queue]:
    """The queues that have work with these settings: those of models outside need their keys."""
    return [queue for queue in QUEUES if "." not in queue or queue.partition(".")[2] in settings.providers]


def lease_seconds(settings: Settings) -> float:
    """How long a run is believed to be worked on. Celery has killed who works on it before that is over."""
    return settings.ai_hard_limit_seconds + LEASE_MARGIN_SECONDS


def configuration(settings: Settings) -> dict[str, Any]:
    return {
        "broker_url": settings.redis,
        "broker_transport_options": {
            # Until then a message that a dead worker took is hidden. No task is delayed in the broker, so the hard
            # limit is all that this has to exceed.
            "visibility_timeout": math.ceil(2 * lease_seconds(settings)),
            "global_keyprefix": KEY_PREFIX,
            "socket_timeout": SOCKET_SECONDS,
            "socket_connect_timeout": SOCKET_SECONDS,
            "socket_keepalive": True,
        },
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # for ever; the default is 100
        "task_queues": [BrokerQueue(name, EXCHANGE, routing_key=name) for name in QUEUES.values()],
        "task_routes": {name: {"queue": QUEUES[kind]} for kind, name in TASKS.items()}
        | {BULK_TASKS: {"queue": QUEUES["bulk"]}},
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_time_limit": settings.ai_hard_limit_seconds,
        "worker_prefetch_multiplier": 1,
        "worker_concurrency": settings.worker_concurrency,
        "worker_send_task_events": True,  # what Flower shows
        "timezone": "UTC",
    }
