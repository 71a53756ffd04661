"""The contract of the REST API, as one table of routes.

To add a route: a row here, its schemas in `hummdesk.contract.resources`, its function in
`hummdesk.server.api.routes`, its test. The OpenAPI document follows from the rows.
"""

import re
from dataclasses import dataclass
from typing import Literal

from marshmallow import Schema

from hummdesk.contract.resources import audit, keys, lists
from hummdesk.contract.table import ADMIN
from hummdesk.core.models import Role

BASE = "/api/v1"

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_PARAMETER = re.compile(r"\{(\w+)(?::(text))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A method of a path below BASE. `roles` are those of users, or of keys by their scope.

    A parameter of the path is a UUID, or any text if it is written `{name:text}`. `answer` None: no content.
    """

    name: str
    """Also of its function, and the operationId."""
    method: Method
    path: str
    summary: str
    roles: frozenset[Role]
    answer: Schema | None
    body: Schema | None = None
    query: Schema | None = None
    status: int = 200
    is_tagged: bool = False
    """Its answer has an ETag, and it honours `If-Match`, or `If-None-Match` if it reads."""

    @property
    def parameters(self) -> dict[str, bool]:
        """The parameters of the path, and whether each is any text."""
        return {name: kind == "text" for name, kind in _PARAMETER.findall(self.path)}

    @property
    def plain_path(self) -> str:
        """The path without the types of its parameters, as OpenAPI writes it."""
        return _PARAMETER.sub(r"{\1}", self.path)

    @property
    def noun(self) -> str:
        return self.path.split("/")[1]


ROUTES: dict[str, Route] = {
    route.name: route
    for route in (
        Route(
            name="create_key",
            method="POST",
            path="/keys",
            summary="Create an API key. Its text is in this answer only.",
            roles=ADMIN,
            body=keys.NewKey(),
            answer=keys.KeyWithText(),
            status=201,
        ),
        Route(
            name="list_keys",
            method="GET",
            path="/keys",
            summary="List API keys, newest first, also revoked ones.",
            roles=ADMIN,
            query=lists.PageQuery(),
            answer=keys.KeyPage(),
        ),
        Route(
            name="get_key",
            method="GET",
            path="/keys/{id}",
            summary="Show an API key.",
            roles=ADMIN,
            answer=keys.Key(),
        ),
        Route(
            name="rotate_key",
            method="POST",
            path="/keys/{id}/rotate",
            summary="Replace the text of an API key. The old one is refused within a second.",
            roles=ADMIN,
            answer=keys.KeyWithText(),
        ),
        Route(
            name="revoke_key",
            method="DELETE",
            path="/keys/{id}",
            summary="Revoke an API key. It is refused within a second.",
            roles=ADMIN,
            answer=keys.Key(),
        ),
        Route(
            name="list_audit_entries",
            method="GET",
            path="/audit",
            summary="List changes of people, keys and settings, newest first.",
            roles=ADMIN,
            query=lists.PageQuery(),
            answer=audit.AuditPage(),
        ),
    )
}
