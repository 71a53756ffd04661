"""What a server reports of its connections: opened, closed and refused, each with a reason of a closed list."""

import enum

from engineio.base_server import BaseServer


class ConnectionState(enum.StrEnum):
    """The state of an open session, from its handshake to the end of its `disconnect` handlers."""

    OPENED = "opened"
    """In no namespace."""
    CONNECTED = "connected"
    """In a namespace, and not authenticated."""
    AUTHENTICATED = "authenticated"
    """Marked by the application, with `set_authenticated`."""


class CloseReason(enum.StrEnum):
    """Why a session was closed."""

    CLIENT_DISCONNECT = "client_disconnect"
    """By an Engine.IO CLOSE packet."""
    SERVER_DISCONNECT = "server_disconnect"
    """By the application."""
    TRANSPORT_CLOSE = "transport_close"
    """The client closed its connection, or it was lost."""
    PING_TIMEOUT = "ping_timeout"
    CONNECT_TIMEOUT = "connect_timeout"
    """The session was in no namespace for too long."""
    TRANSPORT_ERROR = "transport_error"
    """The client violated RFC 6455 or the Engine.IO protocol."""
    MALFORMED_PACKET = "malformed_packet"
    """The client violated the Socket.IO protocol."""
    OVERSIZED_PACKET = "oversized_packet"
    """A Socket.IO packet over the limit that cannot be answered with an error: one with attachments."""
    SLOW_READER = "slow_reader"
    """The client did not read: its write buffer was full."""
    FLOOD = "flood"
    """The client sent too many packets or frames without content."""
    EVICTED = "evicted"
    """A limit of all connections together was reached, and this one was the first to be closed."""
    HANDLER_ERROR = "handler_error"
    """The application's `connect` handler raised an exception."""

    @property
    def is_by_server(self) -> bool:
        """Whether `disconnect` handlers get the reason that the server disconnected the client."""
        return self in _BY_SERVER

    @property
    def disconnect_reason(self) -> str:
        """The reason that `disconnect` handlers get: one of python-engineio's."""
        reason: str = BaseServer.reason.SERVER_DISCONNECT if self.is_by_server else _OWN.get(self, _ERROR)
        return reason


_BY_SERVER = {
    CloseReason.SERVER_DISCONNECT,
    CloseReason.CONNECT_TIMEOUT,
    CloseReason.MALFORMED_PACKET,
    CloseReason.OVERSIZED_PACKET,
    CloseReason.EVICTED,
    CloseReason.HANDLER_ERROR,
}
_OWN = {
    CloseReason.CLIENT_DISCONNECT: BaseServer.reason.CLIENT_DISCONNECT,
    CloseReason.TRANSPORT_CLOSE: BaseServer.reason.TRANSPORT_CLOSE,
    CloseReason.PING_TIMEOUT: BaseServer.reason.PING_TIMEOUT,
}
_ERROR = BaseServer.reason.TRANSPORT_ERROR


class RefusalReason(enum.StrEnum):
    """Why a request got an error in place of a session or a response."""

    UNKNOWN_TRANSPORT = "unknown_transport"
    UNKNOWN_SESSION = "unknown_session"
    BAD_METHOD = "bad_method"
    BAD_REQUEST = "bad_request"
    UNKNOWN_PROTOCOL = "unknown_protocol"
    UNKNOWN_WEBSOCKET_VERSION = "unknown_websocket_version"
    FORBIDDEN_ORIGIN = "forbidden_origin"
    UNAUTHORIZED = "unauthorized"
    """By the application's `connect` handler."""
    ABANDONED = "abandoned"
    """The client closed its connection during the `connect` handler."""
    TOO_MANY = "too_many"
    """At the limit of all sessions."""
    TOO_MANY_OF_ADDRESS = "too_many_of_address"
    """At the limit of the sessions of one address."""


class Observer:
    """Receives what happens to connections, to count it. The methods do nothing, must be fast, and must not raise."""

    def on_state_changed(self, before: ConnectionState | None, after: ConnectionState | None) -> None:
        """A session was opened (`before` is None), changed its state, or has ended (`after` is None)."""

    def on_closed(self, reason: CloseReason) -> None:
        """A session was closed. Its end follows, once its packets and `disconnect` are handled."""

    def on_refused(self, reason: RefusalReason) -> None:
        """A request was refused; no session was opened or changed, or the session of the request is closed."""
