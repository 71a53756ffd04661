"""Sessions of staff and the identity provider over REST."""

import aiohttp
import pytest

from hummdesk.core import tokens
from hummdesk.server.node import Node
from hummdesk.storage import sign_in_links
from tests.integration.api.rest_client import RestClient
from tests.integration.server.accounts import Account
from tests.integration.server.test_staff_sessions import browsing, socket

PROVIDER = {"issuer": "http://127.0.0.1:1", "clientId": "hummdesk"}


async def signed_in(account: Account, node: Node, name: str) -> str:
    """Sign in by a link; return a token."""
    async with node.context.database.account(account.id) as tx:
        secret = await sign_in_links.create_link(tx, account.people[name].id)
    async with browsing(account.url) as browser:
        await browser.opens(secret)
        return str(await browser.token())


async def test_users_see_and_revoke_their_own_sessions(
    account: Account, node: Node, admin: RestClient, http: aiohttp.ClientSession
) -> None:
    token, other = await signed_in(account, node, "agent"), await signed_in(account, node, "admin")
    agent = RestClient(http, token)
    [session] = (await agent.do("list_sessions"))["sessions"]
    assert session["id"] == str(tokens.verify(account.settings, token).staff_session_id)
    assert session["userId"] == str(account.people["agent"].id)
    await agent.refused("list_sessions", userId=account.people["admin"].id, status=403)
    foreign = str(tokens.verify(account.settings, other).staff_session_id)
    await agent.refused("revoke_session", id=foreign, status=404)
    client = await socket(account, token)
    await agent.do("revoke_session", id=session["id"])
    await client.receives("authentication_error", code="UNAUTHORIZED")
    await agent.refused("list_sessions", status=401)
    assert [one["id"] for one in (await admin.do("list_sessions"))["sessions"]] == [foreign]


async def test_admins_see_and_revoke_sessions_of_all_users(
    account: Account, node: Node, admin: RestClient, foreigner: RestClient
) -> None:
    for name in ("agent", "colleague", "agent"):
        await signed_in(account, node, name)
    first = await admin.do("list_sessions", limit=2)
    second = await admin.do("list_sessions", limit=2, cursor=first["nextCursor"])
    assert (len(first["sessions"]), len(second["sessions"]), "nextCursor" in second) == (2, 1, False)
    own = (await admin.do("list_sessions", userId=account.people["agent"].id))["sessions"]
    assert len(own) == 2
    await foreigner.refused("revoke_session", id=own[0]["id"], status=404)
    await admin.do("revoke_session", id=own[0]["id"])
    await admin.refused("revoke_session", id=own[0]["id"], status=404)


async def test_provider_is_set_changed_and_removed(admin: RestClient, account: Account) -> None:
    await admin.refused("get_oidc", status=404)
    await admin.refused("put_oidc", PROVIDER, headers={"If-Match": '"x"'}, status=404)
    groups = {"support": {"role": "agent", "teamIds": [str(account.team)]}, "all": {"teamIds": []}}
    made = await admin.call("put_oidc", PROVIDER | {"clientSecret": "very secret", "groups": groups})
    assert (made.status, made.body["hasClientSecret"], made.body["groups"]) == (200, True, groups)
    assert made.body["scopes"] == ["openid", "email", "profile"]
    match = {"If-Match": made.headers["ETag"]}
    changed = await admin.do("put_oidc", PROVIDER | {"emailDomains": ["ACME.example"]}, headers=match)
    assert (changed["hasClientSecret"], changed["emailDomains"], changed["groups"]) == (True, ["acme.example"], {})
    await admin.refused("put_oidc", PROVIDER, headers=match, status=412)
    assert "very secret" not in str(changed)
    public = await admin.do("put_oidc", PROVIDER | {"clientSecret": None})
    assert not public["hasClientSecret"]
    await admin.do("remove_oidc")
    await admin.refused("remove_oidc", status=404)
    logged = [entry["action"] for entry in (await admin.do("list_audit_entries"))["entries"]]
    assert logged[:2] == ["oidc.removed", "oidc.updated"]


async def test_secret_is_not_sent_to_another_issuer(admin: RestClient) -> None:
    await admin.do("put_oidc", PROVIDER | {"clientSecret": "very secret"})
    for change in ({"issuer": "http://127.0.0.1:2"}, {"clientId": "other"}):
        problem = await admin.refused("put_oidc", PROVIDER | change, status=422)
        assert problem["errors"][0]["field"] == "clientSecret"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("issuer", "id.example"),
        ("issuer", "https://user@id.example"),
        ("issuer", "https://id.example?x"),
        ("clientId", ""),
        ("scopes", ["email"]),
        ("groups", {"support": {"role": "customer"}}),
        ("groups", {"support": {"teamIds": ["01a22798-8e62-7245-b13b-2b8fa6de0bc6"]}}),
        ("groups", {"support": {"more": 1}}),
        ("emailDomains", ["a@b"]),
        ("defaultRole", "owner"),
        ("createsUsers", "yes"),
        ("names", ["acme"]),
    ],
)
async def test_invalid_provider_is_refused(admin: RestClient, field: str, value: object) -> None:
    problem = await admin.refused("put_oidc", PROVIDER | {field: value}, status=422)
    assert problem["errors"][0]["field"].startswith(field)
    await admin.refused("get_oidc", status=404)
