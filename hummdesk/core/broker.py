"""The Celery configuration shared by relay and workers. State is in PostgreSQL: the broker may lose or repeat tasks."""

import math
from typing import Any, Literal, get_args
from urllib.parse import quote

from hummdesk.core.config import Settings
from hummdesk.core.models import RunKind
from hummdesk.core.redis_address import RedisAddress

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
    "assist": "draft",
}
"""The queue of each kind of AI run. An agent waits for a summary, and for help, as for a draft; few are requested."""

TASKS: dict[RunKind, str] = {
    "classification": "hummdesk.classify",
    "draft": "hummdesk.draft",
    "summary": "hummdesk.summarize",
    "assist": "hummdesk.assist",
}
"""Names of the Celery tasks. Their argument is a list of [account id, run id]."""

BULK_TASKS = "hummdesk.bulk.*"
"""Tasks with these names are routed to the bulk queue."""
UPDATE_KNOWLEDGE = "hummdesk.bulk.index"
"""The argument is an account id."""
SIMULATE = "hummdesk.bulk.simulate"
"""The arguments are an account id, a simulation id and the number of a step."""

QUEUES: dict[Queue, str] = {queue: f"ai.{queue}" for queue in get_args(Queue)}
KEY_PREFIX = "hummdesk:celery:"
QUEUE_KEYS: dict[Queue, str] = {queue: KEY_PREFIX + name for queue, name in QUEUES.items()}
"""The Redis list of each queue."""

BATCH_SIZES: dict[RunKind, int] = {"classification": 50, "draft": 5, "summary": 5, "assist": 5}
"""Maximum number of runs in one Celery task: they are claimed and stored together."""

SOCKET_SECONDS = 5.0
LEASE_MARGIN_SECONDS = 2.0


def active_queues(settings: Settings) -> list[Queue]:
    """The queues in use with these settings: those of an external model need its API key."""
    return [queue for queue in QUEUES if "." not in queue or queue.partition(".")[2] in settings.providers]


def lease_seconds(settings: Settings) -> float:
    """The lease of a run. Celery kills its process at the hard limit, before the lease expires."""
    return settings.ai_hard_limit_seconds + LEASE_MARGIN_SECONDS


def _connection(address: RedisAddress) -> dict[str, Any]:
    """The address as kombu takes it: TLS options apart, since kombu does not verify certificates without them."""
    userinfo = ""
    if address.username or address.password:
        userinfo = f"{quote(address.username, safe='')}:{quote(address.password, safe='')}@"
    if address.path:
        url = f"redis+socket://{userinfo}{quote(address.path)}?virtual_host={address.database}"
    else:
        scheme = "sentinel" if address.topology == "sentinel" else "redis"
        places = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.hosts]
        url = ";".join(f"{scheme}://{userinfo}{place}/{address.database}" for place in places)
    return {"broker_url": url} | ({"broker_use_ssl": _tls(address)} if address.has_tls else {})


def _tls(address: RedisAddress) -> dict[str, Any]:
    return {"ssl_cert_reqs": "required", "ssl_check_hostname": True, **address.tls}


def _sentinel_options(address: RedisAddress) -> dict[str, Any]:
    if address.topology != "sentinel":
        return {}
    credentials = {"username": address.sentinel_username or None, "password": address.sentinel_password or None}
    timeouts = {"socket_timeout": SOCKET_SECONDS, "socket_connect_timeout": SOCKET_SECONDS}
    tls = {"ssl": True, **_tls(address)} if address.has_tls else {}
    return {"master_name": address.service, "sentinel_kwargs": credentials | timeouts | tls}


def configuration(settings: Settings) -> dict[str, Any]:
    from kombu import Exchange  # here, because the web process imports this module and has no kombu
    from kombu import Queue as BrokerQueue

    exchange = Exchange("ai", type="direct")
    return {
        **_connection(RedisAddress.parse(settings.broker)),
        "broker_transport_options": {
            **_sentinel_options(RedisAddress.parse(settings.broker)),
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
