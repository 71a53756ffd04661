"""Connection state recovery as the official client speaks it: https://socket.io/docs/v4/connection-state-recovery.

CONNECT carries `{sid, pid}`, every event ends with its offset, and a client that comes back sends `{pid, offset}` with
whatever else it authenticates by. An answer with the same pid tells it that it has missed nothing: all it missed was
sent before. What a socket may have back is for the application to say.
"""

import base64
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

PREDECESSOR_SECONDS = 5.0
"""So long the handlers of a connection that the client has already given up may take to end."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a client says that comes back. Nothing of it is verified."""

    pid: str
    offset: str
    auth: dict[str, Any]
    environ: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Missed:
    event: str
    data: object
    offset: str


@dataclass(frozen=True, slots=True)
class Return:
    """A socket that may come back as `sid`.

    `missed` gives what it has not heard, all of it, or None if that cannot be said any more. `enter` makes it hear
    everything else. Between the two nothing is awaited, so that no event is in both or in neither. `welcome` is called
    when the client has been told.
    """

    sid: str
    missed: Callable[[], Iterable[Missed] | None]
    enter: Callable[[], object]
    welcome: Callable[[], Awaitable[object]]


OnRecover = Callable[[Claim], Awaitable[Return | None]]
"""What a client may have back, if anything. It is asked once for each claim, and takes the claimed session."""


def claim_of(auth: Any, environ: dict[str, Any]) -> Claim | None:
    """The claim in the data of a CONNECT packet, if there is one."""
    if not isinstance(auth, dict):
        return None
    pid, offset = auth.get("pid"), auth.get("offset")
    if not isinstance(pid, str) or not isinstance(offset, str):
        return None
    return Claim(pid, offset, auth, environ)


class PrivateIds:
    """The pid of each socket, which nobody can guess from its sid: derived, so that only those of others are kept."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._recovered: dict[str, str] = {}

    def of(self, sid: str) -> str:
        return self._recovered.get(sid) or self._derived(sid)

    def keep(self, sid: str, pid: str) -> None:
        self._recovered[sid] = pid

    def forget(self, sid: str) -> None:
        self._recovered.pop(sid, None)

    def _derived(self, sid: str) -> str:
        digest = hashlib.blake2b(sid.encode(), key=self._key, digest_size=18).digest()
        return base64.urlsafe_b64encode(digest).decode()
