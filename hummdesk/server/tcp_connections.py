"""The TCP connections of HTTP, limited for each address: one that sends no request is in no other count."""

from asyncio import BaseTransport
from collections import Counter
from typing import Any

from sanic.server.protocols.websocket_protocol import WebSocketProtocol

from hummdesk.core.metrics import LIMITED
from hummdesk.engine import network_of

LIMIT = "tcp_connections"


class TcpConnections:
    """Counts the open connections of each address until they are closed, or become WebSockets."""

    def __init__(self, *, per_address: int) -> None:
        """`per_address`: 0 is no limit."""
        self._per_address = per_address
        self._open: Counter[str] = Counter()

    def is_full(self, address: str) -> bool:
        return 0 < self._per_address <= self._open.get(address, 0)

    def add(self, address: str) -> None:
        self._open[address] += 1

    def remove(self, address: str) -> None:
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]


class _Place:
    """Stands for Sanic's set of connections, from which a connection is discarded when it is closed or detached."""

    __slots__ = ("_address", "_all", "_counted")

    def __init__(self, connections: set[Any], counted: TcpConnections, address: str) -> None:
        self._all = connections
        self._counted: TcpConnections | None = counted
        self._address = address
        counted.add(address)

    def discard(self, connection: object) -> None:
        self._all.discard(connection)
        counted, self._counted = self._counted, None
        if counted is not None:
            counted.remove(self._address)


class LimitedProtocol(WebSocketProtocol):
    """Closes a connection at once if its address has too many. `app.ctx.tcp_connections` counts them."""

    __slots__ = ()

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[no-untyped-call]
        counted: TcpConnections = self.app.ctx.tcp_connections
        address = network_of(self.conn_info.client_ip if self.conn_info is not None else "")
        if counted.is_full(address):
            LIMITED.labels(LIMIT).inc()
            self.transport.abort()  # type: ignore[union-attr]
        else:
            self.connections = _Place(self.connections, counted, address)
