"""A client of the REST API that checks every answer against the contract."""

from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import aiohttp

from hummdesk.contract.event_schemas import instance_of
from hummdesk.contract.rest import BASE, ROUTES
from hummdesk.core.api_keys import Scope
from hummdesk.storage import api_keys
from hummdesk.storage.database import Database

PROBLEM_FIELDS = {"type", "title", "status", "code", "detail"}


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Any
    body: Any


@dataclass(frozen=True, slots=True)
class RestClient:
    session: aiohttp.ClientSession
    text: str
    """The API key or token."""

    @classmethod
    async def of(cls, session: aiohttp.ClientSession, database: Database, account_id: UUID, scope: Scope) -> Self:
        """A client with a new key of the account."""
        async with database.account(account_id) as tx:
            name = f"test {scope} {id(session)}"
            _, text = await api_keys.create(tx, None, account_id, name=name, scope=scope)
            assert text is not None
        return cls(session, text)

    async def call(
        self, route: str, body: Any = None, *, headers: dict[str, str] | None = None, **values: Any
    ) -> Response:
        """Call a route by its name; `values` are parameters of the path, or of the query."""
        known = ROUTES[route]
        path = known.plain_path
        for name in known.parameters:
            path = path.replace(f"{{{name}}}", str(values.pop(name)))
        sent = {"Authorization": f"Bearer {self.text}"} | (headers or {})
        query = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items()}
        async with self.session.request(known.method, BASE + path, json=body, params=query, headers=sent) as response:
            found = Response(response.status, response.headers, await _body(response))
        if found.status < 300 and known.answer is not None:
            assert instance_of(known.answer).validate(found.body) == {}, found.body
        elif found.status >= 400:
            assert found.headers["Content-Type"] == "application/problem+json"
            assert PROBLEM_FIELDS <= found.body.keys() <= PROBLEM_FIELDS | {"errors", "details"}
            assert found.body["status"] == found.status
        return found

    async def do(self, route: str, body: Any = None, **values: Any) -> Any:
        """Call a route, expect success, and return the body of the answer."""
        found = await self.call(route, body, **values)
        assert found.status < 300, found
        return found.body

    async def refused(self, route: str, body: Any = None, *, status: int, **values: Any) -> Any:
        """Call a route, expect this status, and return the problem document."""
        found = await self.call(route, body, **values)
        assert found.status == status, found
        return found.body


async def _body(response: aiohttp.ClientResponse) -> Any:
    return await response.json(content_type=None) if response.status not in (204, 304) else None
