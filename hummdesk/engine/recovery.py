"""Connection state recovery of Socket.IO v4: https://socket.io/docs/v4/connection-state-recovery.

CONNECT carries `{sid, pid}`, every event ends with its offset, and a reconnecting client sends `{pid, offset}` beside
its credentials. A CONNECT with the same pid confirms the recovery; the missed events have been sent before it. The
application decides what a client can recover.
"""

import base64
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

PREDECESSOR_TIMEOUT_SECONDS = 5.0
"""Recovery is refused if the handlers of the client's previous connection take longer than this to end."""


@dataclass(frozen=True, slots=True)
class RecoveryRequest:
    """The recovery that a client asks for. Nothing in it is verified."""

    pid: str
    offset: str
    auth: dict[str, Any]
    environ: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MissedEvent:
    event: str
    data: object
    offset: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """The state to which a client is recovered as `sid`.

    `read_missed` returns all missed events, or None if they are no longer complete. `join_rooms` subscribes the socket
    to all later events. Nothing is awaited between the two, so that no event is duplicated or lost. `on_recovered` is
    called after the CONNECT packet was sent.
    """

    sid: str
    read_missed: Callable[[], Iterable[MissedEvent] | None]
    join_rooms: Callable[[], object]
    on_recovered: Callable[[], Awaitable[object]]


OnRecover = Callable[[RecoveryRequest], Awaitable[Recovery | None]]
"""Finds the state to recover; None starts a new session. It is called once for each request and consumes the state."""


def parse_recovery_request(auth: Any, environ: dict[str, Any]) -> RecoveryRequest | None:
    """Return the recovery request in the data of a CONNECT packet, if there is one.

    A `pid` that is not ASCII is none of `PrivateIds`.
    """
    if not isinstance(auth, dict):
        return None
    pid, offset = auth.get("pid"), auth.get("offset")
    if not isinstance(pid, str) or not pid.isascii() or not isinstance(offset, str):
        return None
    return RecoveryRequest(pid, offset, auth, environ)


class PrivateIds:
    """The private id (pid) of each socket: derived from the sid with a secret key, and stored only if recovered."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._recovered: dict[str, str] = {}

    def get(self, sid: str) -> str:
        return self._recovered.get(sid) or self._derive(sid)

    def set_recovered(self, sid: str, pid: str) -> None:
        self._recovered[sid] = pid

    def discard(self, sid: str) -> None:
        self._recovered.pop(sid, None)

    def _derive(self, sid: str) -> str:
        digest = hashlib.blake2b(sid.encode(), key=self._key, digest_size=18).digest()
        return base64.urlsafe_b64encode(digest).decode()
