"""Events about a client's own connection."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from hummdesk.core.models import Person, Role
from hummdesk.publish.events.base import Payload, SocketEvent, event, utc_now

DisconnectCode = Literal["SERVER_SHUTDOWN", "UNAUTHORIZED", "RESYNC", "RATE_LIMITED"]


@event("authenticated", schema="PersonIdentity")
class Authenticated(SocketEvent):
    """The person behind a socket.

    `epoch`: another one than before means that the server may have lost what it had confirmed, such as in a failover.
    Discard all state that was received in the earlier one; a `seq` or `revision` may be given again.
    """

    user_id: UUID
    account_id: UUID
    email: str
    role: Role
    epoch: str

    @classmethod
    def of(cls, person: Person, *, epoch: int) -> Self:
        return cls(
            user_id=person.id,
            account_id=person.account_id,
            email=person.email,
            role=person.role,
            epoch=str(epoch),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReport(SocketEvent):
    """An error. Names its schema, because refused acknowledgements carry the same payload."""

    error: Payload

    def payload(self) -> Payload:
        return self.error


@event("authentication_error", schema="ErrorReport")
class AuthenticationError(ErrorReport):
    """A socket is not authenticated, or no longer."""


@event("error", schema="ErrorReport")
class RequestError(ErrorReport):
    """A request without an acknowledgement has failed."""


@event("disconnect_reason")
class DisconnectReason(SocketEvent):
    """Why the server closes the connection, and whether the client should reconnect."""

    code: DisconnectCode
    message: str
    reconnect: bool
    timestamp: datetime = field(default_factory=utc_now)
