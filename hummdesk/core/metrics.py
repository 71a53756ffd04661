"""What the processes count, in the Prometheus format.

All processes of one machine share a directory (PROMETHEUS_MULTIPROC_DIR, set before this module is imported), so any
of them can expose the sum.
"""

from uuid import UUID

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

OTHER_ACCOUNTS = "other"

CONNECTIONS = Gauge("hummdesk_connections", "Sockets by role and state", ["role", "state"], multiprocess_mode="livesum")
ACCOUNT_CONNECTIONS = Gauge(
    "hummdesk_account_connections",
    "Authenticated sockets of the first accounts seen",
    ["account"],
    multiprocess_mode="livesum",
)
MESSAGES = Counter("hummdesk_messages", "Messages stored", ["sender_type"])
EVENTS = Counter(
    "hummdesk_events", "Requests of clients by event and outcome: ok or the error's code", ["event", "outcome"]
)
HANDLER_SECONDS = Histogram(
    "hummdesk_handler_seconds",
    "Time from a request's arrival at its handler to its answer",
    ["event"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
READY = Gauge(
    "hummdesk_ready",
    "1 while a web process reaches this part of what it needs, 0 while one does not",
    ["part"],
    multiprocess_mode="livemin",
)
ERRORS = Counter("hummdesk_errors", "Errors by where they arose and their code", ["where", "code"])
DELIVERIES = Counter("hummdesk_fanout_deliveries", "Events put to sockets by event", ["event"])
BUS_LAG_SECONDS = Gauge(
    "hummdesk_bus_lag_seconds", "From an event's publication to its delivery", ["shard"], multiprocess_mode="livemax"
)
RECOVERIES = Counter("hummdesk_recoveries", "Clients that came back and asked for what they missed", ["outcome"])
AI_SECONDS = Histogram(
    "hummdesk_ai_seconds",
    "Time of one try of an AI run",
    ["type", "provider", "outcome"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
AI_DRAFT_USES = Counter("hummdesk_ai_draft_uses", "Drafts that an agent has answered, by what became of them", ["use"])
AI_CALLS = Counter(
    "hummdesk_ai_calls",
    "Requests to models outside, of the first accounts seen; outcome: ok or the failure's code",
    ["account", "model", "outcome"],
)
AI_CALL_SECONDS = Histogram(
    "hummdesk_ai_call_seconds",
    "Time of one request to a model outside",
    ["model", "outcome"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30),
)
AI_TOKENS = Counter(
    "hummdesk_ai_tokens",
    "Tokens of models outside; kind: input, cache_read, cache_write or output",
    ["account", "model", "kind"],
)
AI_COST = Counter(
    "hummdesk_ai_cost_dollars", "What models outside with a known price have cost, in US dollars", ["account", "model"]
)
AI_RUNS = Gauge("hummdesk_ai_runs", "AI runs by kind and status", ["kind", "status"], multiprocess_mode="mostrecent")
AI_OLDEST_RUN_SECONDS = Gauge(
    "hummdesk_ai_oldest_run_seconds",
    "Age of the oldest AI run that has not ended",
    ["kind"],
    multiprocess_mode="mostrecent",
)
QUEUE_TASKS = Gauge(
    "hummdesk_queue_tasks", "Tasks that wait in the broker for a worker", ["queue"], multiprocess_mode="mostrecent"
)

OUTBOX_ENTRIES = Gauge(
    "hummdesk_outbox_entries", "Messages and new conversations in the outbox", multiprocess_mode="mostrecent"
)
OUTBOX_OLDEST_SECONDS = Gauge(
    "hummdesk_outbox_oldest_seconds",
    "Age of the oldest entry of the outbox; above 2, somebody waits to be told",
    multiprocess_mode="mostrecent",
)


class AccountLabels:
    """Bound the labels of a metric: the first `number` accounts that are seen have their own, the rest share one."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._labels: dict[UUID, str] = {}

    def of(self, account_id: UUID) -> str:
        if account_id not in self._labels and len(self._labels) < self._number:
            self._labels[account_id] = str(account_id)
        return self._labels.get(account_id, OTHER_ACCOUNTS)


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def exposition() -> bytes:
    """The figures of all processes that share the directory, in the text format 0.0.4."""
    return generate_latest(_registry())


def expose(port: int) -> None:
    """Serve the figures on a port of this machine's loopback and networks, from a thread."""
    start_http_server(port, registry=_registry())
