"""API keys: who may act with them, and for how long."""

import asyncio

import pytest

from hummdesk.core.api_keys import Scope
from hummdesk.server.node import Node
from tests.integration.api.rest_client import RestClient
from tests.integration.server.accounts import Account
from tests.running_time import running_timeout


async def created(client: RestClient, scope: Scope, name: str = "shop") -> tuple[str, RestClient]:
    made = await client.do("create_key", {"name": name, "scope": scope})
    return made["id"], RestClient(client.session, made["key"])


async def test_key_is_shown_once_and_listed_without_text(admin: RestClient) -> None:
    key_id, reader = await created(admin, "admin")
    assert (await reader.do("get_key", id=key_id))["name"] == "shop"
    listed = await admin.do("list_keys")
    assert all("key" not in key for key in listed["keys"])
    assert {key["name"] for key in listed["keys"]} >= {"shop"}


@pytest.mark.parametrize("scope", ["read", "write"])
async def test_key_of_lower_scope_cannot_manage_keys(admin: RestClient, scope: Scope) -> None:
    _, client = await created(admin, scope)
    assert (await client.refused("list_keys", status=403))["code"] == "FORBIDDEN"


async def test_revoked_key_is_refused_within_a_second(admin: RestClient) -> None:
    key_id, client = await created(admin, "admin")
    await client.do("list_keys")
    await admin.do("revoke_key", id=key_id)
    async with running_timeout(1):
        while (await client.call("list_keys")).status != 401:
            await asyncio.sleep(0.01)
    assert (await admin.do("get_key", id=key_id))["revokedAt"]


async def test_rotated_key_is_refused_with_its_old_text(admin: RestClient) -> None:
    key_id, client = await created(admin, "admin")
    await client.do("list_keys")
    new = RestClient(admin.session, (await admin.do("rotate_key", id=key_id))["key"])
    async with running_timeout(1):
        while (await client.call("list_keys")).status != 401:
            await asyncio.sleep(0.01)
    await new.do("list_keys")


async def test_second_active_key_of_a_name_is_a_conflict(admin: RestClient) -> None:
    key_id, _ = await created(admin, "read")
    problem = await admin.refused("create_key", {"name": "shop", "scope": "read"}, status=409)
    assert problem["details"] == {"id": key_id}


async def test_key_of_another_account_is_not_found(admin: RestClient, foreigner: RestClient) -> None:
    key_id, _ = await created(admin, "read")
    for route in ("get_key", "rotate_key", "revoke_key"):
        await foreigner.refused(route, id=key_id, status=404)
    assert key_id not in str(await foreigner.do("list_keys"))


@pytest.mark.parametrize("text", ["", "hdk_", "hdk_" + "A" * 75, "x" * 7000, "hdk_" + "%" * 75])
async def test_text_that_is_no_key_is_refused(admin: RestClient, text: str) -> None:
    await RestClient(admin.session, text).refused("list_keys", status=401)


async def test_token_of_an_admin_acts_as_the_user(admin: RestClient, account: Account) -> None:
    client = RestClient(admin.session, account.token("admin"))
    made = await client.do("create_key", {"name": "by a person", "scope": "read"})
    entry = (await client.do("list_audit_entries"))["entries"][0]
    assert (entry["action"], entry["subjectId"], entry["actorType"]) == ("key.created", made["id"], "agent")
    for role in ("agent", "customer"):
        await RestClient(admin.session, account.token(role)).refused("list_keys", status=403)


async def test_use_of_a_key_is_recorded(admin: RestClient, node: Node) -> None:
    key_id, client = await created(admin, "admin")
    await client.do("list_keys")
    async with asyncio.timeout(20):
        while "lastUsedAt" not in await admin.do("get_key", id=key_id):
            await asyncio.sleep(0.01)
