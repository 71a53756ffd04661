"""The metrics of connections: each open one by state, each closed or refused one by reason."""

from hummdesk.core.errors import HummDeskError
from hummdesk.core.metrics import CONNECTIONS, CONNECTIONS_CLOSED, CONNECTIONS_REFUSED, ERRORS
from hummdesk.engine import CloseReason, ConnectionState, Observer, RefusalReason

UNAUTHENTICATED = "none"
"""The role of connections without a person."""

_OPEN = {
    ConnectionState.OPENED: CONNECTIONS.labels(UNAUTHENTICATED, "opened"),
    ConnectionState.CONNECTED: CONNECTIONS.labels(UNAUTHENTICATED, "unauthenticated"),
}
"""Authenticated connections are counted by `ConnectionCounts`, which knows their roles."""
_CLOSED = {reason: CONNECTIONS_CLOSED.labels(reason.value) for reason in CloseReason}
_REFUSED = {reason: CONNECTIONS_REFUSED.labels(reason.value) for reason in RefusalReason}
REFUSED_BY_RATE = CONNECTIONS_REFUSED.labels("rate_limited")
REFUSED_WHILE_STOPPING = CONNECTIONS_REFUSED.labels("stopping")
"""Handshakes that are refused before the engine receives them."""


class ConnectionMetrics(Observer):
    def on_state_changed(self, before: ConnectionState | None, after: ConnectionState | None) -> None:
        if before in _OPEN:
            _OPEN[before].dec()
        if after in _OPEN:
            _OPEN[after].inc()

    def on_closed(self, reason: CloseReason) -> None:
        _CLOSED[reason].inc()
        if reason is CloseReason.HANDLER_ERROR:
            ERRORS.labels("connect", HummDeskError.code).inc()

    def on_refused(self, reason: RefusalReason) -> None:
        _REFUSED[reason].inc()
