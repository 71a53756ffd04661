"""Connects the Socket.IO engine to the handlers."""

from pathlib import Path

from orjson import Fragment

from hummdesk.core.config import Settings
from hummdesk.engine import ConnectionLimits, Recovery, RecoveryRequest, SocketIOServer
from hummdesk.server import answers, cors
from hummdesk.server.connection_metrics import ConnectionMetrics
from hummdesk.server.context import ServerContext
from hummdesk.server.dispatch import dispatch
from hummdesk.server.handlers import connection, recovery
from hummdesk.server.listener import descriptor_capacity

KEPT_ENVIRON = ("QUERY_STRING", "HTTP_AUTHORIZATION", "REMOTE_ADDR")

MAX_PAYLOAD_PACKETS = 16
"""Packets in the body of one POST of a polling client; python-engineio has the same limit."""

CONNECT_SECONDS = 20.0
"""The longest time without a namespace."""


def _total(wanted: int) -> int:
    """Return the limit of all sockets: as wanted, but no more than there are descriptors."""
    capacity = descriptor_capacity()
    return min(wanted, capacity) if wanted and capacity else wanted or capacity


class EngineAdapter:
    """`context` must be set before the server accepts connections."""

    context: ServerContext

    def __init__(self, settings: Settings, *, max_http_bytes: int, handover_directory: Path | None) -> None:
        self.server = SocketIOServer(
            on_event=self._on_event,
            on_recover=self._on_recover if settings.recovery_window_seconds else None,
            max_packet_bytes=settings.max_packet_bytes,
            accepts_binary=False,
            max_payload_packets=MAX_PAYLOAD_PACKETS,
            kept_environ=KEPT_ENVIRON,
            always_connect=True,
            connect_timeout=min(CONNECT_SECONDS, settings.auth_timeout_seconds),
            handover_directory=handover_directory,
            max_http_buffer_size=max_http_bytes,
            max_buffered_bytes=settings.max_buffered_bytes,
            max_total_buffered_bytes=settings.max_buffered_bytes_per_process,
            max_total_received_bytes=settings.max_received_bytes_per_process,
            compression=settings.compression == "on",
            ping_interval=settings.ping_interval_seconds,
            ping_timeout=settings.ping_timeout_seconds,
            limits=ConnectionLimits(
                total=_total(settings.max_sockets_per_process),
                per_address=settings.max_sockets_per_address,
                unauthenticated=settings.max_sockets_unauthenticated,
            ),
            observer=ConnectionMetrics(),
            **cors.engine_options(settings),
        )
        self.server.on("connect", self._on_connect)
        self.server.on("disconnect", self._on_disconnect)

    async def _on_connect(self, sid: str, environ: dict[str, str], auth: object = None) -> None:
        token = connection.find_token(auth, environ)
        address = connection.forget_token(environ)
        pid = self.server.private_ids.get(sid)
        session = connection.new_session(self.context, sid=sid, pid=pid, address=address)
        await connection.connected(self.context, session, token)

    async def _on_recover(self, request: RecoveryRequest) -> Recovery | None:
        return await recovery.recover(self.context, request)

    async def _on_disconnect(self, sid: str, reason: str) -> None:
        is_final = reason == self.server.reason.CLIENT_DISCONNECT
        session = self.context.sockets.sessions.get(sid)
        if is_final and session is not None and session.person is None:
            self.server.close_session(sid, reconnect=True)  # it could join and leave for ever without authenticating
        await connection.disconnected(self.context, sid, is_final=is_final)

    async def _on_event(self, sid: str, event: object, arguments: list[object], acknowledges: bool) -> Fragment:
        session = self.context.sockets.sessions[sid]
        answer = await dispatch(self.context, session, event, arguments, acknowledges=acknowledges)
        return answers.encoded(self.context, answer)
