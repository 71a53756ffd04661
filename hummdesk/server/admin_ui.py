"""Socket.IO's Admin UI for operators (https://socket.io/docs/v4/admin-ui/), as python-socketio implements it.

In the production mode of that library it receives numbers only, no address, room or payload; read-only, it changes
nothing.
"""

import asyncio
import hmac
from collections.abc import Callable
from typing import Any, Self

from hummdesk.core.config import Settings
from hummdesk.core.errors import Unauthorized
from hummdesk.core.metrics import ERRORS
from hummdesk.engine import SocketIOServer

NAMESPACE = "/admin"
USERNAME = "admin"
STATISTICS_SECONDS = 2.0


class AdminUi:
    @classmethod
    def of(cls, server: SocketIOServer, settings: Settings, *, node: str) -> Self | None:
        """Return the Admin UI if the settings have a password for it."""
        password = settings.admin_ui_password
        return cls(server, password=password, node=node) if password else None

    def __init__(self, server: SocketIOServer, *, password: str, node: str) -> None:
        is_allowed = _check(password)
        server.restrict_namespace(NAMESPACE, is_allowed)  # the library itself checks after the socket has joined
        self._instrumented: Any = server.instrument(
            auth=is_allowed,
            mode="production",
            read_only=True,
            namespace=NAMESPACE,
            server_id=node,
            server_stats_interval=STATISTICS_SECONDS,
        )

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """The library's task, which runs from the first client on."""
        return [self._instrumented.stats_task] if self._instrumented.stats_task else []


def _check(password: str) -> Callable[[object], bool]:
    def is_allowed(auth: object) -> bool:
        username, given = (auth.get("username"), auth.get("password")) if isinstance(auth, dict) else (None, None)
        is_password = isinstance(given, str) and hmac.compare_digest(given.encode(errors="replace"), password.encode())
        is_valid = is_password and username == USERNAME
        if not is_valid:
            ERRORS.labels("admin_ui", Unauthorized.code).inc()
        return is_valid

    return is_allowed
