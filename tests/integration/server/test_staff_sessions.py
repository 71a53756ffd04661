"""Sign-in of staff by link, their sessions, and the tokens of their sockets."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import jwt
import pytest
from yarl import URL

from hummdesk.core import tokens
from hummdesk.core.account_secrets import AccountSecret
from hummdesk.core.config import Settings
from hummdesk.server.http import staff_sessions as routes
from hummdesk.server.node import Node
from hummdesk.storage import sign_in_links, staff_sessions
from tests.integration.server.accounts import Account, Client
from tests.integration.server.conftest import running
from tests.integration.server.reconnecting import ReconnectingClient
from tests.running_time import running_timeout


class Browser:
    """A browser with cookies of its own, on a page of the server."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.origin: str | None = url

    async def does(self, method: str, path: str, *, status: int = 200, **more: Any) -> Any:
        headers = {"Origin": self.origin} if self.origin else {}
        async with self.session.request(method, path, headers=headers | more.pop("headers", {}), **more) as answer:
            said = await answer.json() if answer.status != 204 else None
            assert answer.status == status, said
            assert answer.headers["Cache-Control"] == "no-store"
        return said

    async def opens(self, secret: str, *, status: int = 200) -> Any:
        return await self.does("POST", "/session", json={"secret": secret}, status=status)

    async def token(self, *, status: int = 200) -> Any:
        answer = await self.does("POST", "/session/token", json={}, status=status)
        return answer["token"] if status == 200 else answer

    @property
    def cookie(self) -> str:
        return next(one.value for one in self.session.cookie_jar if one.key == routes.COOKIE)

    @cookie.setter
    def cookie(self, value: str) -> None:
        self.session.cookie_jar.clear()
        self.session.cookie_jar.update_cookies({routes.COOKIE: value}, URL(self.origin or ""))


@asynccontextmanager
async def browsing(url: str) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession(url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Browser(session, url)


@pytest.fixture
async def browser(account: Account) -> AsyncIterator[Browser]:
    async with browsing(account.url) as browser:
        yield browser


@pytest.fixture
def context(node: Node) -> Any:
    return node.context


async def link(context: Any, account: Account, name: str = "agent", seconds: float = 60) -> str:
    async with context.database.account(account.id) as tx:
        return await sign_in_links.create_link(tx, account.people[name].id, seconds)


async def socket(account: Account, token: str, url: str | None = None) -> Client:
    client = await account.client().connect(token=token, url=url)
    await client.receives("authenticated")
    return client


async def revoke(context: Any, account: Account, token: str) -> None:
    session_id = tokens.verify(account.settings, token).staff_session_id
    assert session_id is not None
    async with context.database.account(account.id) as tx:
        assert await staff_sessions.revoke(tx, None, session_id)


async def test_link_signs_in_once_and_new_tabs_get_tokens(context: Any, account: Account, browser: Browser) -> None:
    secret = await link(context, account)
    await browser.opens(secret)
    for _ in range(2):
        token = await browser.token()
        client = await account.client().connect(token=token)
        person = await client.receives("authenticated")
        assert (person["userId"], person["role"]) == (str(account.people["agent"].id), "agent")
    assert time.time() < tokens.verify(account.settings, token).expires_at <= time.time() + routes.TOKEN_SECONDS + 1
    async with browsing(account.url) as other:
        assert (await other.opens(secret, status=401))["code"] == "UNAUTHORIZED"
        await other.token(status=204)


async def test_cookie_is_hidden_from_scripts_and_other_sites(
    context: Any, account: Account, web_settings: Settings
) -> None:
    secure = replace(web_settings, public_url="https://desk.example")
    async with running(secure, name="secure-cookies") as (url, _), aiohttp.ClientSession(url) as session:
        body, headers = {"secret": await link(context, account)}, {"Origin": "https://desk.example"}
        async with session.post("/session", json=body, headers=headers) as answer:
            parts = {part.strip() for part in answer.headers["Set-Cookie"].split(";")}
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= parts


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://127.0.0.1.evil.example"])
async def test_pages_of_other_origins_are_forbidden(
    context: Any, account: Account, browser: Browser, origin: str | None
) -> None:
    await browser.opens(await link(context, account))
    browser.origin = origin
    for method, path in (("POST", "/session"), ("POST", "/session/token"), ("DELETE", "/session")):
        assert (await browser.does(method, path, json={}, status=403))["code"] == "FORBIDDEN"
    browser.origin = account.url
    await browser.token()


async def test_form_and_invalid_bodies_are_refused(browser: Browser) -> None:
    await browser.does("POST", "/session/token", data={"a": "b"}, status=400)
    for data in (b"", b"[]", b"{", b"\xff", b"1" * 9999):
        await browser.does("POST", "/session", data=data, headers={"Content-Type": "application/json"}, status=400)
    for secret in (None, 7, "", "x" * 64, ["x"]):
        await browser.does("POST", "/session", json={"secret": secret}, status=401)


async def test_socket_is_extended_by_a_new_token_of_the_session(
    context: Any, account: Account, browser: Browser
) -> None:
    await browser.opens(await link(context, account))
    client = await socket(account, await browser.token())
    await client.do("authenticate", await browser.token())
    assert "authentication_error" not in client.names()
    await client.do("list_conversations", {})


async def test_revoked_session_is_out_within_a_second_on_every_process(
    context: Any, account: Account, browser: Browser, second_url: str, clients: ReconnectingClient
) -> None:
    await browser.opens(await link(context, account))
    token = await browser.token()
    sockets = [await socket(account, token, url) for url in (None, second_url)]
    lost = await clients.connect(account.url, token)
    await lost.receives("authenticated")
    lost.cut()
    async with running_timeout(1):
        await revoke(context, account, token)
        for client in sockets:
            await client.receives("authentication_error", code="UNAUTHORIZED")
    for url in (account.url, second_url):
        late = await account.client().connect(token=token, url=url)
        await late.receives("authentication_error", code="UNAUTHORIZED")
    assert (await browser.token(status=401))["code"] == "UNAUTHORIZED"
    again = await clients.reconnect(account.url, token, lost)
    assert again.sid != lost.sid
    await again.receives("authentication_error")


async def test_session_revoked_while_a_socket_authenticates_does_not_authenticate_it(
    context: Any, account: Account, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await browser.opens(await link(context, account))
    token = await browser.token()
    find, is_revoked = context.people.find, False

    async def slow_find(*given: Any, **more: Any) -> Any:
        nonlocal is_revoked
        if not is_revoked:
            is_revoked = True
            changes = context.tokens.changes
            await revoke(context, account, token)
            async with asyncio.timeout(20):
                while context.tokens.changes == changes:
                    await asyncio.sleep(0.01)
        return await find(*given, **more)

    monkeypatch.setattr(context.people, "find", slow_find)
    client = await account.client().connect(token=token)
    await client.receives("authentication_error", code="UNAUTHORIZED")
    assert is_revoked


async def test_lost_notification_is_made_up_for_by_the_next_that_names_no_session(
    context: Any, account: Account, browser: Browser
) -> None:
    await browser.opens(await link(context, account))
    client = await socket(account, await browser.token())
    kept = await socket(account, account.token("colleague"))
    await account.execute("ALTER TABLE staff_sessions DISABLE TRIGGER staff_sessions_announce")
    try:
        await account.execute("UPDATE staff_sessions SET revoked_at = now() WHERE account_id = %(account)s")
    finally:
        await account.execute("ALTER TABLE staff_sessions ENABLE TRIGGER staff_sessions_announce")
    for rubbish in ("", "{}", '{"accountId": 1}', f'{{"accountId": "{account.id}", "sessionId": "{account.id}"}}'):
        await account.execute("SELECT pg_notify('hummdesk_staff_sessions', %(payload)s)", payload=rubbish)
    await client.receives("authentication_error", code="UNAUTHORIZED")
    await kept.do("list_conversations", {})


async def test_sign_out_ends_the_session_and_its_sockets_but_no_other(
    context: Any, account: Account, browser: Browser
) -> None:
    async with browsing(account.url) as other:
        await other.opens(await link(context, account))
        kept = await socket(account, await other.token())
        await browser.opens(await link(context, account))
        client = await socket(account, await browser.token())
        cookie = browser.cookie
        await browser.does("DELETE", "/session")
        await client.receives("authentication_error", code="UNAUTHORIZED")
        browser.cookie = cookie
        await browser.token(status=401)
        await kept.do("list_conversations", {})
        await other.token()


async def test_second_sign_in_of_a_browser_ends_its_first_session(
    context: Any, account: Account, browser: Browser
) -> None:
    await browser.opens(await link(context, account))
    client = await socket(account, await browser.token())
    await browser.opens(await link(context, account, "admin"))
    await client.receives("authentication_error", code="UNAUTHORIZED")
    claims = tokens.verify(account.settings, await browser.token())
    assert (claims.user_id, claims.role) == (account.people["admin"].id, "admin")


async def test_disabled_user_is_out_and_cannot_sign_in(context: Any, account: Account, browser: Browser) -> None:
    await browser.opens(await link(context, account))
    secret = await link(context, account)
    client = await socket(account, await browser.token())
    await account.execute("UPDATE users SET active = false WHERE id = %(id)s", id=account.people["agent"].id)
    await client.receives("authentication_error", code="UNAUTHORIZED")
    await browser.token(status=401)
    await browser.opens(secret, status=401)


async def test_idle_and_expired_sessions_end(context: Any, account: Account, browser: Browser) -> None:
    await browser.opens(await link(context, account))
    await account.execute(
        "UPDATE staff_sessions SET expires_at = now() + interval '1 minute' WHERE account_id = %(account)s"
    )
    assert tokens.verify(account.settings, await browser.token()).expires_at <= time.time() + 61
    await account.execute(
        "UPDATE staff_sessions SET expires_at = 'infinity', last_used_at = now() - interval '73 hours' "
        "WHERE account_id = %(account)s"
    )
    await browser.token(status=401)


async def test_secrets_of_sessions_and_links_are_not_interchangeable(
    context: Any, account: Account, foreign: Account, browser: Browser
) -> None:
    secret = await link(context, account)
    browser.cookie = secret
    await browser.token(status=401)
    await browser.opens(secret)
    await browser.opens(browser.cookie, status=401)
    moved = AccountSecret.parsed(browser.cookie)
    assert moved is not None
    browser.cookie = AccountSecret(foreign.id, moved.secret).text
    await browser.token(status=401)


async def test_claim_of_a_session_counts_only_in_tokens_of_the_server(context: Any, account: Account) -> None:
    """An application that signs with JWT_SECRET cannot name a session that does not exist."""
    claims = account.people["agent"].wire() | {"exp": int(time.time()) + 60}
    for value in ("x", str(account.id)):
        signed = jwt.encode(claims | {tokens.SESSION: value}, account.settings.jwt_secret, algorithm="HS256")
        client = await account.client().connect(token=signed)
        await client.receives("authentication_error", code="UNAUTHORIZED")


async def test_sign_ins_of_one_address_are_limited(web_settings: Settings, account: Account) -> None:
    few = replace(web_settings, rate_limit_sign_ins_per_minute=3)
    began, allowed = time.monotonic(), 0
    async with running(few, name="few-sign-ins") as (url, _), browsing(url) as browser:
        secret, headers = {"secret": "x" * 64}, {"Origin": url}
        while (answer := await browser.session.post("/session", json=secret, headers=headers)).status == 401:
            allowed += 1
        assert answer.status == 429
        assert (await answer.json())["code"] == "RATE_LIMITED"
    assert 3 <= allowed <= 3 + 3 * (time.monotonic() - began) / 60


async def test_concurrent_sign_ins_with_one_link_start_one_session(context: Any, account: Account) -> None:
    secret = await link(context, account)

    async def attempt() -> int:
        async with browsing(account.url) as one:
            url, headers = "/session", {"Origin": account.url}
            async with one.session.post(url, json={"secret": secret}, headers=headers) as answer:
                return answer.status

    assert sorted(await asyncio.gather(*(attempt() for _ in range(5)))) == [200, 401, 401, 401, 401]
    rows = await account.execute("SELECT id FROM staff_sessions WHERE account_id = %(account)s")
    assert len(rows) == 1
