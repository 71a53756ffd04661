"""The generated methods of the Python client call the routes of the table."""

import json

import httpx2
import pytest
from hummdesk_client.rest import RestClient
from hummdesk_client.socket.contract import Requests

from docs.generate import ROOT
from hummdesk.contract.rest import BASE, ROUTES
from hummdesk.contract.table import REQUESTS

TYPESCRIPT = (ROOT / "web/client/src/rest/routes.ts").read_text()


@pytest.mark.parametrize("name", ROUTES)
async def test_method_of_each_route_calls_it(name: str) -> None:
    route = ROUTES[name]
    sent: list[httpx2.Request] = []
    status = 204 if route.answer is None else 200

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(status, json=None if route.answer is None else {})

    given: list[object] = ["a/b" for _ in route.parameters]
    given += [{part: part} for part, schema in (("query", route.query), ("body", route.body)) if schema]
    async with RestClient("http://desk.example", token="hd_key", transport=httpx2.MockTransport(answer)) as rest:
        await getattr(rest, name)(*given)
    path = route.plain_path
    for parameter in route.parameters:
        path = path.replace(f"{{{parameter}}}", "a%2Fb")
    query = "?query=query" if route.query else ""
    assert (sent[0].method, sent[0].url.raw_path.decode()) == (route.method, BASE + path + query)
    assert json.loads(sent[0].content or "null") == ({"body": "body"} if route.body else None)


@pytest.mark.parametrize("name", ROUTES)
def test_method_of_typescript_calls_each_route(name: str) -> None:
    route = ROUTES[name]
    first, *others = name.split("_")
    method = TYPESCRIPT.split(f"\n  {first}{''.join(map(str.capitalize, others))}(")[1].split("\n  }")[0]
    path = route.plain_path.replace("{", "${")
    parts = [part for part, schema in (("query", route.query), ("body", route.body)) if schema]
    assert f'this.call("{route.method}", path`{path}`, ' in method
    assert f"{{ {', '.join([*parts, '...options'])} }}" in method or not parts


def test_every_request_of_the_socket_has_a_method() -> None:
    assert set(REQUESTS) <= set(vars(Requests))


async def test_messages_are_iterated_by_their_seq() -> None:
    pages = [{"messages": [{"seq": 3}, {"seq": 4}], "hasMore": True}, {"messages": [{"seq": 5}], "hasMore": False}]
    queries: list[bytes] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        queries.append(request.url.query)
        return httpx2.Response(200, json=pages[len(queries) - 1])

    async with RestClient("http://desk.example", token="hd_key", transport=httpx2.MockTransport(answer)) as rest:
        found = [message["seq"] async for message in rest.all_messages("1", {"afterSeq": 2, "limit": 2})]
    assert found == [3, 4, 5]
    assert queries == [b"afterSeq=2&limit=2", b"afterSeq=4&limit=2"]
