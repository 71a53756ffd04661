"""What the function of a route receives and returns."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hummdesk.core import json_encoding
from hummdesk.core.errors import Conflict
from hummdesk.core.models import Person
from hummdesk.server.context import Payload


class PreconditionFailed(Conflict):
    message = "The resource was changed by someone else; read it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    actor: Person
    """A user, or an API key."""
    path: Mapping[str, Any]
    """The parameters of the path: a UUID, or a text."""
    query: Payload
    body: Payload
    new_id: UUID
    """For what a POST creates: the same one when a request with an `Idempotency-Key` is continued after a failure, so
    that it is not created twice.
    """
    if_match: frozenset[str] = frozenset()

    @property
    def id(self) -> UUID:
        found: UUID = self.path["id"]
        return found

    @property
    def account_id(self) -> UUID:
        return self.actor.account_id

    def require_match(self, resource: Payload) -> None:
        """Compare `If-Match` with the resource as it is, under a lock. Raises PreconditionFailed."""
        if self.if_match and not self.if_match & {"*", etag(resource)}:
            raise PreconditionFailed


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` None: that of the route."""

    body: Payload | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


def etag(resource: Payload) -> str:
    return f'"{hashlib.sha256(json_encoding.encode(resource)).hexdigest()[:32]}"'


def page_of(name: str, items: list[Payload], cursor: str | None) -> Answer:
    body: Payload = {name: items}
    return Answer(body if cursor is None else body | {"nextCursor": cursor})
