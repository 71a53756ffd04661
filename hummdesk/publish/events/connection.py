"""Events about a client's own connection."""

from dataclasses import field
from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from hummdesk.core.errors import HummDeskError
from hummdesk.core.models import Person, Role
from hummdesk.publish.events.base import Payload, SocketEvent, event, utc_now


@event("authenticated", schema="PersonIdentity")
class Authenticated(SocketEvent):
    """The person behind a socket."""

    user_id: UUID
    account_id: UUID
    email: str
    role: Role

    @classmethod
    def of(cls, person: Person) -> Self:
        return cls(user_id=person.id, account_id=person.account_id, email=person.email, role=person.role)


@event("authentication_error", schema="ErrorReport")
class AuthenticationError(SocketEvent):
    """Names its schema: an error has the same shape in refused acknowledgements, and writes it itself."""

    error: HummDeskError

    def payload(self) -> Payload:
        return self.error.payload()


@event("error", schema="ErrorReport")
class RequestError(SocketEvent):
    """The failure of a request without an acknowledgement. Names its schema, as AuthenticationError."""

    error: Payload

    def payload(self) -> Payload:
        return self.error


@event("disconnect_reason")
class DisconnectReason(SocketEvent):
    """Why the server closes the connection, and whether the client should reconnect."""

    code: Literal["SERVER_SHUTDOWN", "UNAUTHORIZED", "RESYNC"]
    message: str
    reconnect: bool
    timestamp: datetime = field(default_factory=utc_now)
