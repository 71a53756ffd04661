"""The Celery configuration shared by relay and workers. State is in PostgreSQL: the broker may lose or repeat tasks."""

import math
import ssl
from typing import Any, Literal, get_args
from urllib.parse import quote

from hummdesk.core.broker_address import AmqpAddress, parse_broker
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

STARTED = "hummdesk_started"
"""The header of a task for whose runs the relay has published `ai_processing_started`. Workers of an earlier version,
which do not know it, publish the event again: it is deduplicated."""

BULK_TASKS = "hummdesk.bulk.*"
"""Tasks with these names are routed to the bulk queue."""
UPDATE_KNOWLEDGE = "hummdesk.bulk.index"
"""The argument is an account id."""
SIMULATE = "hummdesk.bulk.simulate_step"
"""The arguments are an account id, a simulation id and the number of a step. Workers of a version without batches
discard it, and the step is sent again after its lease."""
SIMULATE_WITHOUT_BATCHES = "hummdesk.bulk.simulate"
"""The same, sent by relays of a version without batches: no batch begins before they have ended."""

QUEUES: dict[Queue, str] = {queue: f"ai.{queue}" for queue in get_args(Queue)}
KEY_PREFIX = "hummdesk:celery:"
QUEUE_KEYS: dict[Queue, str] = {queue: KEY_PREFIX + name for queue, name in QUEUES.items()}
"""The Redis list of each queue."""

BATCH_SIZES: dict[RunKind, int] = {"classification": 50, "draft": 5, "summary": 5, "assist": 5}
"""Maximum number of runs in one Celery task: they are claimed and stored together."""

SOCKET_SECONDS = 5.0
HEARTBEAT_SECONDS = 20
"""Of AMQP: a worker, or RabbitMQ, that sends nothing for twice as long counts as gone, and its tasks go to others."""
LEASE_MARGIN_SECONDS = 2.0


def active_queues(settings: Settings) -> list[Queue]:
    """The queues in use with these settings: those of an external model need its API key."""
    return [queue for queue in QUEUES if "." not in queue or queue.partition(".")[2] in settings.providers]


def lease_seconds(settings: Settings) -> float:
    """The lease of a run. Celery kills its process at the hard limit, before the lease expires."""
    return settings.ai_hard_limit_seconds + LEASE_MARGIN_SECONDS


def connection(settings: Settings, *, confirms: bool = False) -> dict[str, Any]:
    """Celery's settings of its connections to the broker."""
    address = parse_broker(settings.broker)
    return _rabbitmq(address, confirms) if isinstance(address, AmqpAddress) else _redis(address, settings)


def _rabbitmq(address: AmqpAddress, confirms: bool) -> dict[str, Any]:
    return {
        "broker_url": _urls(address, "amqps" if address.has_tls else "amqp", quote(address.vhost, safe="")),
        "broker_heartbeat": HEARTBEAT_SECONDS,
        "broker_transport_options": {
            "confirm_publish": confirms,
            # Of the socket: a broker that stands still, or accepts nothing while it lacks memory, blocks no thread.
            "read_timeout": SOCKET_SECONDS,
            "write_timeout": SOCKET_SECONDS,
            "client_properties": {"connection_name": "hummdesk"},
        },
    } | ({"broker_use_ssl": _amqp_tls(address)} if address.has_tls else {})


def _amqp_tls(address: AmqpAddress) -> dict[str, Any]:
    """The names of py-amqp, which checks the host of a certificate only if it is given one."""
    checks_host = address.is_verified and address.tls.get("ssl_check_hostname", True)
    files = {name: address.tls.get(f"ssl_{name}") for name in ("ca_certs", "certfile", "keyfile")}
    return {
        "cert_reqs": ssl.CERT_REQUIRED if address.is_verified else ssl.CERT_NONE,
        **{name: path for name, path in files.items() if path},
        **({"server_hostname": address.hosts[0][0]} if checks_host else {}),
    }


def _redis(address: RedisAddress, settings: Settings) -> dict[str, Any]:
    """TLS options are apart, since kombu does not verify certificates without them."""
    if address.path:
        url = f"redis+socket://{_userinfo(address)}{quote(address.path)}?virtual_host={address.database}"
    else:
        url = _urls(address, "sentinel" if address.topology == "sentinel" else "redis", str(address.database))
    return {
        "broker_url": url,
        "broker_transport_options": {
            **_sentinel_options(address),
            # For this long a task of a dead worker is hidden. No task is delayed in the broker, so the timeout only has
            # to exceed the hard limit.
            "visibility_timeout": math.ceil(2 * lease_seconds(settings)),
            "global_keyprefix": KEY_PREFIX,
            "socket_timeout": SOCKET_SECONDS,
            "socket_connect_timeout": SOCKET_SECONDS,
            "socket_keepalive": True,
        },
    } | ({"broker_use_ssl": _tls(address)} if address.has_tls else {})


def _userinfo(address: RedisAddress | AmqpAddress) -> str:
    if not address.username and not address.password:
        return ""
    return f"{quote(address.username, safe='')}:{quote(address.password, safe='')}@"


def _urls(address: RedisAddress | AmqpAddress, scheme: str, path: str) -> str:
    """The URLs of the hosts as kombu takes them, which tries them in turn."""
    places = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in address.hosts]
    return ";".join(f"{scheme}://{_userinfo(address)}{place}/{path}" for place in places)


def _tls(address: RedisAddress) -> dict[str, Any]:
    return {"ssl_cert_reqs": "required", "ssl_check_hostname": True, **address.tls}


def _sentinel_options(address: RedisAddress) -> dict[str, Any]:
    if address.topology != "sentinel":
        return {}
    credentials = {"username": address.sentinel_username or None, "password": address.sentinel_password or None}
    timeouts = {"socket_timeout": SOCKET_SECONDS, "socket_connect_timeout": SOCKET_SECONDS}
    tls = {"ssl": True, **_tls(address)} if address.has_tls else {}
    return {"master_name": address.service, "sentinel_kwargs": credentials | timeouts | tls}


def configuration(settings: Settings, *, confirms: bool = False) -> dict[str, Any]:
    """The settings of Celery.

    `confirms`: whether RabbitMQ confirms each message, so that the relay notices when a task was not stored. Workers do
    not wait for it: while RabbitMQ lacks memory, it confirms nothing, and they have to empty its queues.
    """
    from kombu import Exchange  # here, because the web process imports this module and has no kombu
    from kombu import Queue as BrokerQueue

    exchange = Exchange("ai", type="direct")
    return {
        **connection(settings, confirms=confirms),
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
        "timezone": "UTC",
    }
