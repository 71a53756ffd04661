"""The metrics, in the Prometheus format.

All processes of one machine share a directory, PROMETHEUS_MULTIPROC_DIR, so that each can expose the sum. It must be
set before this module is imported.
"""

from functools import cache
from typing import TypeVar
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, start_http_server
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.multiprocess import MultiProcessCollector

OTHER_ACCOUNTS = "other"

CONNECTIONS = Gauge(
    "hummdesk_connections",
    "Open connections, by role and state: opened (in no namespace), unauthenticated or authenticated",
    ["role", "state"],
    multiprocess_mode="livesum",
)
CONNECTIONS_CLOSED = Counter("hummdesk_connections_closed", "Closed connections, by reason", ["reason"])
CONNECTIONS_REFUSED = Counter(
    "hummdesk_connections_refused", "Refused handshakes and requests of the transport, by reason", ["reason"]
)
DISCONNECTS = Counter("hummdesk_disconnects", "Sockets that were sent `disconnect_reason`, by its code", ["code"])
ACCOUNT_CONNECTIONS = Gauge(
    "hummdesk_account_connections",
    "Authenticated sockets, by account",
    ["account"],
    multiprocess_mode="livesum",
)
MESSAGES = Counter("hummdesk_messages", "Messages stored, by type of sender", ["sender_type"])
ACCOUNT_MESSAGES = Counter("hummdesk_account_messages", "Messages stored, by account", ["account"])
EVENTS = Counter(
    "hummdesk_events", "Requests from clients, by event and outcome: ok or the error code", ["event", "outcome"]
)
HANDLER_SECONDS = Histogram(
    "hummdesk_handler_seconds",
    "Duration of a request from its handler's start to its acknowledgement",
    ["event"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
REST_SECONDS = Histogram(
    "hummdesk_rest_seconds",
    "Duration of a request of the REST API, by route and status",
    ["route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30),
)
READY = Gauge(
    "hummdesk_ready",
    "1 if all web processes of the machine reach this dependency, else 0",
    ["part"],
    multiprocess_mode="livemin",
)
ERRORS = Counter("hummdesk_errors", "Errors, by component and code", ["where", "code"])
LIMITED = Counter(
    "hummdesk_limited",
    "Requests, connections and AI runs that a limit has refused, and sockets closed by `refusals`, by limit",
    ["limit"],
)
ACCOUNT_LIMITED = Counter(
    "hummdesk_account_limited", "Requests and AI runs that a limit of their account has refused", ["account", "limit"]
)
DELIVERIES = Counter(
    "hummdesk_fanout_deliveries", "Events sent to sockets, by event; an event sent to 10 sockets counts 10", ["event"]
)
BUS_LAG_SECONDS = Gauge(
    "hummdesk_bus_lag_seconds",
    "Time from the publication of an event to its delivery to sockets",
    ["shard"],
    multiprocess_mode="livemax",
)
EVENTS_DROPPED = Counter(
    "hummdesk_events_dropped",
    "Events dropped by a full buffer, `backlog` (Redis is unavailable) or `held` (their predecessor is missing), or "
    "`outdated` by a failover of PostgreSQL",
    ["buffer"],
)
RECOVERIES = Counter(
    "hummdesk_recoveries", "Clients that reconnected and asked to recover their session, by outcome", ["outcome"]
)
AI_SECONDS = Histogram(
    "hummdesk_ai_seconds",
    "Duration of one attempt of an AI run",
    ["type", "provider", "outcome"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
AI_DRAFT_USES = Counter(
    "hummdesk_ai_draft_uses", "Drafts after the agent's reply, by use: as_it_was, edited or ignored", ["use"]
)
AI_CALLS = Counter(
    "hummdesk_ai_calls",
    "Requests to external models, by outcome: ok or the error code; budget_exhausted: not sent",
    ["account", "model", "outcome"],
)
AI_CALL_SECONDS = Histogram(
    "hummdesk_ai_call_seconds",
    "Duration of one request to an external model",
    ["model", "outcome"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30),
)
AI_TOKENS = Counter(
    "hummdesk_ai_tokens",
    "Tokens used by external models, by kind: input, cache_read, cache_write or output",
    ["account", "model", "kind"],
)
AI_COST = Counter(
    "hummdesk_ai_cost_dollars", "Cost of external models with a known price, in US dollars", ["account", "model"]
)
AI_RUNS = Gauge(
    "hummdesk_ai_runs", "Unfinished AI runs, by kind and status", ["kind", "status"], multiprocess_mode="mostrecent"
)
AI_OLDEST_RUN_SECONDS = Gauge(
    "hummdesk_ai_oldest_run_seconds",
    "Age of the oldest unfinished AI run",
    ["kind"],
    multiprocess_mode="mostrecent",
)
QUEUE_TASKS = Gauge(
    "hummdesk_queue_tasks", "Celery tasks waiting in the broker", ["queue"], multiprocess_mode="mostrecent"
)

OUTBOX_ENTRIES = Gauge(
    "hummdesk_outbox_entries",
    "Entries in the outbox: messages and new conversations whose publication is not confirmed",
    multiprocess_mode="mostrecent",
)
OUTBOX_OLDEST_SECONDS = Gauge(
    "hummdesk_outbox_oldest_seconds",
    "Age of the oldest outbox entry; above 2 seconds, publication is delayed",
    multiprocess_mode="mostrecent",
)

FEED_CHANGES = Gauge(
    "hummdesk_feed_changes",
    "Changes of accounts without a number in the feed",
    multiprocess_mode="mostrecent",
)
FEED_OLDEST_SECONDS = Gauge(
    "hummdesk_feed_oldest_seconds",
    "Age of the oldest change without a number in the feed; above 2 seconds, the feed is delayed",
    multiprocess_mode="mostrecent",
)
FEED_NUMBERED = Counter(
    "hummdesk_feed_numbered",
    "Changes that the relay has numbered; readers of a feed number its changes, too",
)
WEBHOOK_ATTEMPTS = Counter(
    "hummdesk_webhook_attempts",
    "Attempts to deliver a webhook, by outcome: delivered, no_response, or the class of the HTTP status",
    ["outcome"],
)
WEBHOOK_SET_ASIDE = Counter("hummdesk_webhook_set_aside", "Deliveries of webhooks that were given up")
WEBHOOK_PENDING = Gauge(
    "hummdesk_webhook_pending", "Pending deliveries of enabled webhooks", multiprocess_mode="mostrecent"
)
WEBHOOK_OLDEST_SECONDS = Gauge(
    "hummdesk_webhook_oldest_seconds",
    "Age of the oldest pending delivery, also to receivers that fail",
    multiprocess_mode="mostrecent",
)
WEBHOOK_LAG_SECONDS = Gauge(
    "hummdesk_webhook_lag_seconds",
    "Age of the oldest delivery that was not attempted, to receivers that do not fail",
    multiprocess_mode="mostrecent",
)
WEBHOOKS_FAILING = Gauge(
    "hummdesk_webhooks_failing", "Webhooks whose last attempt has failed", multiprocess_mode="mostrecent"
)

ROUTING_MOVES = Counter(
    "hummdesk_routing_moves",
    "Conversations moved by routing, by rule: routing (to an agent); offline or unanswered (back to a queue)",
    ["rule"],
)
ROUTING_SECONDS = Histogram(
    "hummdesk_routing_seconds",
    "Duration of one decision of routing, up to 100 conversations, from the beginning of its transaction to the commit",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1),
)
ROUTING_STRANDED = Gauge(
    "hummdesk_routing_stranded",
    "Conversations that wait for more than 5 seconds beside an agent who is free for them; 0 while routing works",
    multiprocess_mode="mostrecent",
)
ROUTING_ABOVE_CAPACITY = Gauge(
    "hummdesk_routing_above_capacity",
    "Agents to whom routing has given more than their capacity; 0 while routing works",
    multiprocess_mode="mostrecent",
)
ROUTING_OLDEST_WAIT_SECONDS = Gauge(
    "hummdesk_routing_oldest_wait_seconds",
    "Longest wait of a conversation in a queue that is routed, by kind of queue: account or team",
    ["queue"],
    multiprocess_mode="mostrecent",
)

RETENTION_ERASED = Counter(
    "hummdesk_retention_erased",
    "Conversations erased, and rows deleted because they were too old, by retention",
    ["kind"],
)


SIGN_INS = Counter(
    "hummdesk_sign_ins", "Sign-ins of staff, by way (link or oidc) and outcome: ok, or why not", ["by", "outcome"]
)


class AccountLabels:
    """Bound the number of account labels: the first `number` accounts get their own, all others share one."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._labels: dict[UUID, str] = {}

    def of(self, account_id: UUID) -> str:
        if account_id not in self._labels and len(self._labels) < self._number:
            self._labels[account_id] = str(account_id)
        return self._labels.get(account_id, OTHER_ACCOUNTS)


Metric = TypeVar("Metric", bound=MetricWrapperBase)


def _remember_children(*metrics: Metric) -> None:
    """Cache the results of `labels`, which checks and converts its arguments: it takes as long as an increment."""
    for metric in metrics:
        metric.labels = cache(metric.labels)  # type: ignore[method-assign]


_remember_children(MESSAGES, ACCOUNT_MESSAGES, EVENTS, DELIVERIES)
_remember_children(CONNECTIONS, ACCOUNT_CONNECTIONS)
_remember_children(HANDLER_SECONDS)


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def exposition() -> bytes:
    """Return the metrics of all processes that share the directory, in the text format 0.0.4."""
    return generate_latest(_registry())


def expose(port: int) -> None:
    """Serve the metrics on a port of all interfaces, from a thread."""
    start_http_server(port, registry=_registry())
