"""What holds for every route, generated from the table: roles, accounts, repeated requests.

`tests.integration.api.route_examples` says what a new route needs.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from hummdesk.contract.rest import ROUTES, Route
from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id
from hummdesk.core.models import Role
from hummdesk.server.node import Node
from tests.integration.api import route_examples
from tests.integration.api.rest_client import Response, RestClient
from tests.integration.api.route_examples import (
    LEAVES_A_SECRET,
    OTHER_BODIES,
    Desk,
    body_of,
    id_fields,
    noun_of,
    path_of,
    query_of,
    with_field,
)
from tests.integration.server.accounts import Account

ALL = pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES.keys())
CALLERS: dict[str, Role] = {
    "read key": "viewer",
    "write key": "agent",
    "admin key": "admin",
    "viewer": "viewer",
    "agent": "agent",
    "admin": "admin",
    "customer": "customer",
}
"""The callers of an account: keys, and people with a token; each with what it may do."""
UUID_LENGTH = 36
UNCOMPARED = ("audit_log", "idempotency_keys", "feed_changes", "feed_events", "feed_positions", "outbox")
"""Tables in which a repeated request may leave something more."""


@pytest.fixture(scope="module")
async def session(desk_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(desk_url) as session:
        yield session


async def made(session: aiohttp.ClientSession, node: Node, settings: Settings, url: str) -> Desk:
    account = await Account(settings=settings, url=url).make()
    admin = await RestClient.of(session, node.context.database, account.id, "admin")
    return await route_examples.made(account, admin)


@pytest.fixture(scope="module")
async def desk(session: aiohttp.ClientSession, node: Node, web_settings: Settings, desk_url: str) -> Desk:
    return await made(session, node, web_settings, desk_url)


@pytest.fixture(scope="module")
async def repeater(session: aiohttp.ClientSession, node: Node, web_settings: Settings, desk_url: str) -> Desk:
    return await made(session, node, web_settings, desk_url)


@pytest.fixture(scope="module")
async def victim(
    session: aiohttp.ClientSession, node: Node, web_settings: Settings, desk_url: str
) -> AsyncIterator[Desk]:
    """Another account, none of whose rows may change."""
    made_desk = await made(session, node, web_settings, desk_url)
    before = await rows(made_desk.account)
    yield made_desk
    assert await rows(made_desk.account) == before


@pytest.fixture(scope="module")
async def callers(session: aiohttp.ClientSession, node: Node, desk: Desk) -> dict[str, RestClient]:
    found = {name: RestClient(session, desk.account.token(name)) for name in ("viewer", "agent", "admin", "customer")}
    for scope in ("read", "write"):
        found[f"{scope} key"] = await RestClient.of(session, node.context.database, desk.account.id, scope)
    return found | {"admin key": desk.admin}


async def rows(account: Account) -> dict[str, int]:
    """The number of rows of the account in each table."""
    tables = await account.execute(
        "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid "
        "WHERE attname = 'account_id' AND relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    )
    counts = " UNION ALL ".join(
        f"SELECT '{table}', count(*) FROM {table} WHERE account_id = %(account)s"  # noqa: S608
        for (table,) in tables
        if table not in UNCOMPARED
    )
    return dict(await account.execute(counts))


async def call(client: RestClient, route: Route, ids: dict[str, str], **headers: str) -> Response:
    return await client.call(route.name, body_of(route, ids), headers=headers, **path_of(route, ids), **query_of(route))


@ALL
async def test_caller_may_do_what_its_role_may(
    desk: Desk, victim: Desk, callers: dict[str, RestClient], route: Route
) -> None:
    foreign = {str(victim.account.id), *(one for one in victim.ids.values() if len(one) == UUID_LENGTH)}
    for name, role in CALLERS.items():
        ids = desk.ids
        if name == "agent" and route.name in route_examples.WITH_OWN_ID:
            ids = ids | {"users": str(desk.account.people["agent"].id)}
        answer = await call(callers[name], route, ids)
        text = json.dumps(answer.body)
        assert not [one for one in foreign if one in text], f"{name} receives an id of another account"
        if role not in route.roles or (name == "agent" and route.name in route_examples.NOT_BY_USERS):
            assert answer.status == 403, f"{name}: {answer}"
            assert answer.body["code"] == "FORBIDDEN"
        else:
            assert answer.status not in (401, 403, 500), f"{name}: {answer}"
    assert (await call(RestClient(desk.admin.session, ""), route, desk.ids)).status == 401


@ALL
async def test_id_of_another_account_is_answered_as_an_absent_one(desk: Desk, victim: Desk, route: Route) -> None:
    absent = str(new_id())
    body, path = body_of(route, desk.ids), path_of(route, desk.ids)
    for name in path:
        foreign = victim.ids[noun_of(route, name)]
        answers = [await desk.admin.call(route.name, body, **path | {name: value}) for value in (foreign, absent)]
        assert answers[0].status == 404 or (name != "id" and answers[0].status < 500), answers[0]
        assert comparable(answers[0], foreign) == comparable(answers[1], absent)
    for name, is_list in id_fields(route.query):
        foreign = victim.ids[noun_of(route, name)]
        query = path | query_of(route)
        answers = [await desk.admin.call(route.name, body, **query | {name: value}) for value in (foreign, absent)]
        assert not is_list
        assert comparable(answers[0], foreign) == comparable(answers[1], absent)
    for name, is_list in id_fields(route.body):
        foreign = victim.ids[noun_of(route, name)]
        other = OTHER_BODIES.get((route.name, name))
        example = (body or {}) if other is None else other(desk.ids)
        answers = [
            await desk.admin.call(route.name, with_field(example, name, [value] if is_list else value), **path)
            for value in (foreign, absent)
        ]
        assert answers[0].status in (404, 422), f"{name}: {answers[0]}"
        assert comparable(answers[0], foreign) == comparable(answers[1], absent)


def comparable(answer: Response, value: str) -> Any:
    return answer.status, json.dumps(answer.body).replace(value, "ID")


POSTS = {name: route for name, route in ROUTES.items() if route.method == "POST"}


@pytest.mark.parametrize("route", POSTS.values(), ids=POSTS.keys())
@pytest.mark.parametrize("is_killed", [False, True], ids=["answered", "killed"])
async def test_repeated_post_acts_once(repeater: Desk, route: Route, is_killed: bool) -> None:
    """A process that is killed after its commit has left the key without an answer."""
    desk = repeater
    body, path, key = body_of(route, desk.ids), path_of(route, desk.ids), {"Idempotency-Key": str(new_id())}
    first = await desk.admin.call(route.name, body, headers=key, **path)
    assert first.status < 300, first
    if is_killed:
        await desk.account.execute(
            "UPDATE idempotency_keys SET status = NULL, answer = NULL, started_at = '-infinity' "
            "WHERE account_id = %(account)s"
        )
    before = await rows(desk.account)
    second = await desk.admin.call(route.name, body, headers=key, **path)
    assert second.status == first.status, second
    if not (is_killed and route.name in LEAVES_A_SECRET):
        assert await rows(desk.account) == before, "the repeated request has left something"
    if "id" in (first.body or {}):
        assert second.body["id"] == first.body["id"]
    third = await desk.admin.call(route.name, body, headers=key, **path)
    assert third.headers["Idempotent-Replayed"] == "true"
    assert third.body == second.body
