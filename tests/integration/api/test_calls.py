"""What holds for every route: bad input, repeated requests, lists, the document."""

import asyncio
from typing import Any

import aiohttp
import pytest

from hummdesk.contract.rest import BASE, ROUTES
from hummdesk.core.errors import Unavailable
from hummdesk.server.node import Node
from tests.integration.api.rest_client import RestClient
from tests.integration.server.accounts import Account

NEW = {"name": "shop", "scope": "read"}


async def test_invalid_fields_are_named(admin: RestClient) -> None:
    problem = await admin.refused("create_key", {"name": "", "scope": "all", "more": 1}, status=422)
    assert {error["field"] for error in problem["errors"]} == {"name", "scope", "more"}


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": "x"}, {"limit": 101}, {"more": 1}, {"cursor": "!"}])
async def test_invalid_query_is_refused(admin: RestClient, query: Any) -> None:
    problem = await admin.refused("list_keys", **query, status=422)
    assert [error["field"] for error in problem["errors"]] == list(query)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"{}", "text/plain", 415),
    ],
)
async def test_body_that_is_no_json_object_is_refused(
    admin: RestClient, http: aiohttp.ClientSession, body: bytes, content_type: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {admin.text}", "Content-Type": content_type}
    async with http.post(f"{BASE}/keys", data=body, headers=headers) as response:
        assert response.status == status
        assert response.content_type == "application/problem+json"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", "/keys", 405)])
async def test_unknown_route_is_a_problem_document(
    http: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with http.request(method, BASE + path) as response:
        assert response.status == status
        assert response.content_type == "application/problem+json"
        assert (await response.json(content_type=None))["status"] == status


async def test_id_that_is_no_uuid_is_not_found(admin: RestClient) -> None:
    await admin.refused("get_key", id="x", status=404)


async def test_repeated_request_acts_once_and_gets_the_first_answer(admin: RestClient) -> None:
    headers = {"Idempotency-Key": "one"}
    first, second = (
        await admin.call("create_key", NEW, headers=headers),
        await admin.call("create_key", NEW, headers=headers),
    )
    assert first.body == second.body
    assert (first.status, second.status) == (201, 201)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len((await admin.do("list_keys"))["keys"]) == 2


async def test_repeated_request_with_a_number_over_64_bits_gets_the_first_answer(
    admin: RestClient, account: Account
) -> None:
    """PostgreSQL returns 1e20 as an integer of more than 64 bits."""
    body = {"contactId": str(account.people["customer"].id), "metadata": {"number": 1e20}}
    headers = {"Idempotency-Key": "one"}
    first = await admin.call("create_conversation", body, headers=headers)
    again = await admin.call("create_conversation", body, headers=headers)
    assert (first.status, again.status, again.body) == (201, 201, first.body)


async def test_concurrent_repeats_act_once(admin: RestClient) -> None:
    calls = [admin.call("create_key", NEW, headers={"Idempotency-Key": "one"}) for _ in range(10)]
    answers = await asyncio.gather(*calls)
    assert {answer.status for answer in answers} <= {201, 409}
    assert {answer.headers.get("Retry-After") for answer in answers if answer.status == 409} <= {"1"}
    assert len({answer.body["id"] for answer in answers if answer.status == 201}) == 1


async def test_idempotency_key_of_another_request_is_refused(admin: RestClient) -> None:
    headers = {"Idempotency-Key": "one"}
    await admin.call("create_key", NEW, headers=headers)
    await admin.refused("create_key", NEW | {"name": "other"}, headers=headers, status=422)


async def test_refused_request_can_be_repeated_with_its_key(admin: RestClient) -> None:
    made = await admin.do("create_key", NEW)
    headers = {"Idempotency-Key": "two"}
    await admin.refused("create_key", NEW, headers=headers, status=409)
    await admin.do("revoke_key", id=made["id"])
    assert (await admin.call("create_key", NEW, headers=headers)).status == 201


async def test_stored_answer_is_not_readable(admin: RestClient, account: Account, node: Node) -> None:
    made = await admin.call("create_key", NEW, headers={"Idempotency-Key": "one"})
    async with node.context.database.account(account.id) as tx:
        rows = await (await tx.execute("SELECT * FROM idempotency_keys")).fetchall()
    assert len(rows) == 1
    assert made.body["key"].encode() not in bytes(rows[0]["answer"])


async def test_list_is_paged_with_its_cursor(admin: RestClient) -> None:
    for number in range(4):
        await admin.do("create_key", {"name": f"key {number}", "scope": "read"})
    names: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await admin.do("list_keys", limit=2, **cursor)
        names += [key["name"] for key in page["keys"]]
        if "nextCursor" not in page:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert names[:4] == [f"key {number}" for number in (3, 2, 1, 0)]
    assert len(names) == 5


async def test_document_describes_every_route(http: aiohttp.ClientSession) -> None:
    async with http.get(f"{BASE}/openapi.json") as response:
        document = await response.json()
    assert document["openapi"] == "3.1.0"
    assert document["paths"]["/keys/{id}"].keys() == {"get", "delete"}


@pytest.mark.parametrize("path", ["/keys", "/keys/x", "/conversations/x/messages", "/knowledge/import"])
async def test_method_that_a_path_has_not_is_answered_with_those_that_it_has(
    http: aiohttp.ClientSession, path: str
) -> None:
    async with http.request("TRACE", BASE + path) as response:
        assert response.status == 405
        allowed = {"/keys/x": {"GET", "DELETE"}, "/knowledge/import": {"POST"}}.get(path, {"GET", "POST"})
        assert set(response.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("text", ["", " ", ","])
async def test_empty_if_match_is_refused_and_not_taken_for_no_condition(
    admin: RestClient, account: Account, text: str
) -> None:
    body, headers = {"priority": "low"}, {"If-Match": text}
    await admin.refused("update_conversation", body, id=account.conversation, headers=headers, status=422)


async def test_header_that_is_too_large_is_a_problem_document(http: aiohttp.ClientSession) -> None:
    async with http.get(f"{BASE}/keys", params={"cursor": "x" * 20_000}) as response:
        assert response.status == 413
        assert response.content_type == "application/problem+json"


async def test_page_of_the_api_shows_every_call_without_scripts(http: aiohttp.ClientSession) -> None:
    async with http.get("/docs/api") as response:
        assert response.status == 200
        assert "script-src" in response.headers["Content-Security-Policy"]
        page = await response.text()
    assert "<script" not in page
    assert all(f'<h3 id="{name}">' in page for name in ROUTES)


async def test_request_that_failed_after_its_commit_is_continued(
    admin: RestClient, account: Account, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = node.context.writer.send

    async def lose_answer(**values: Any) -> None:
        await send(**values)
        raise Unavailable

    body, headers = {"as": "system", "content": "Hello", "basedOnSeq": 0}, {"Idempotency-Key": "one"}
    with monkeypatch.context() as patch:
        patch.setattr(node.context.writer, "send", lose_answer)
        await admin.refused("send_message", body, id=account.conversation, headers=headers, status=503)
    sent = await admin.do("send_message", body, id=account.conversation, headers=headers)
    assert [one["id"] for one in (await admin.do("list_messages", id=account.conversation))["messages"]] == [sent["id"]]
