"""What Socket.IO's Admin UI shows an operator: https://socket.io/docs/v4/admin-ui/, by python-socketio.

In that library's production mode it is told numbers alone, no address, room or payload, and read-only nothing obeys it.
"""

import asyncio
import hmac
from collections.abc import Callable
from typing import Any

from hummdesk.core.errors import Unauthorized
from hummdesk.core.metrics import ERRORS
from hummdesk.engine import SocketIOServer

NAMESPACE = "/admin"
USERNAME = "admin"
EVERY_SECONDS = 2.0


class AdminUi:
    def __init__(self, server: SocketIOServer, *, password: str, node: str) -> None:
        may_enter = _guard(password)
        server.restrict_namespace(NAMESPACE, may_enter)  # before; the library asks when the socket is in already
        self._told: Any = server.instrument(
            auth=may_enter,
            mode="production",
            read_only=True,
            namespace=NAMESPACE,
            server_id=node,
            server_stats_interval=EVERY_SECONDS,
        )

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """What runs once a client has come."""
        return [self._told.stats_task] if self._told.stats_task else []


def _guard(password: str) -> Callable[[object], bool]:
    def may_enter(auth: object) -> bool:
        username, given = (auth.get("username"), auth.get("password")) if isinstance(auth, dict) else (None, None)
        is_password = isinstance(given, str) and hmac.compare_digest(given.encode(errors="replace"), password.encode())
        is_right = is_password and username == USERNAME
        if not is_right:
            ERRORS.labels("admin_ui", Unauthorized.code).inc()
        return is_right

    return may_enter
