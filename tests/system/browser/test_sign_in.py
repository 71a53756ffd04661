"""Sign-in of staff by link: reload, further tabs, renewal of tokens, revocation, sign-out."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from uuid import UUID

import jwt
import psycopg
import pytest
from playwright.async_api import Browser, BrowserContext, Page, WebSocket, expect

from hummdesk.storage import sign_in_links
from hummdesk.storage.database import operator
from tests.system.browser.conftest import DemoAccount
from tests.system.browser.console_page import ConsolePage
from tests.system.js.identity_provider import identity_provider

EXPECTED = ("responded with a status of 401", "responded with a status of 404")
"""Logged by Chromium when a link or a session is refused, and for the provider's page, which has no icon."""


@pytest.fixture
async def window(chromium: Browser) -> AsyncIterator[BrowserContext]:
    """A browser window with cookies of its own, whose pages log no error."""
    window = await chromium.new_context(locale="en-GB")
    pages: list[ConsolePage] = []
    window.on("page", lambda page: pages.append(ConsolePage(page)))
    yield window
    await window.close()
    errors = [error for page in pages for error in page.errors]
    assert [error for error in errors if not any(text in error for text in EXPECTED)] == []


async def link(account: DemoAccount, number: int = 0) -> str:
    settings = account.settings
    async with operator(settings) as database, database.account(account.id) as tx:
        secret = await sign_in_links.create_link(tx, UUID(account.agents[number]["id"]))
    assert account.url in sign_in_links.url_of(settings, secret)
    return sign_in_links.url_of(settings, secret)


async def execute(account: DemoAccount, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(account.settings.postgres, autocommit=True) as connection:
        await connection.execute(statement.encode(), {"account": account.id})


async def is_signed_in(page: Page) -> None:
    await expect(page.get_by_role("navigation", name="List of conversations")).to_be_visible()


async def is_signed_out(page: Page) -> None:
    await expect(page.get_by_text("Sign in to the agent console.")).to_be_visible()


async def test_link_signs_in_this_browser_until_sign_out(account: DemoAccount, window: BrowserContext) -> None:
    page, url = await window.new_page(), await link(account)
    await page.goto(url)
    await is_signed_in(page)
    assert page.url == f"{account.url}/"
    assert await page.evaluate("Object.keys(sessionStorage).concat(Object.keys(localStorage), document.cookie)") == [""]
    await page.reload()
    await is_signed_in(page)
    tab = await window.new_page()
    await tab.goto(account.url)
    await is_signed_in(tab)
    operations = await window.new_page()
    await operations.goto(f"{account.url}/ops")
    await expect(operations.get_by_text("Only admins")).to_be_visible()
    await tab.reload()
    await is_signed_in(tab)

    await tab.keyboard.press("Control+k")
    await tab.keyboard.type("Sign out")
    await tab.keyboard.press("Enter")
    await is_signed_out(tab)
    await is_signed_out(page)
    await page.reload()
    await is_signed_out(page)


async def test_used_link_is_explained(account: DemoAccount, window: BrowserContext) -> None:
    page, url = await window.new_page(), await link(account)
    await page.goto(url)
    await is_signed_in(page)
    await window.clear_cookies()
    await page.goto("about:blank")
    await page.goto(url)
    await expect(page.get_by_role("alert")).to_contain_text("used already")
    assert page.url == f"{account.url}/sign-in"
    await page.goto(await link(account))  # only the fragment changes
    await is_signed_in(page)


async def test_admin_of_a_new_account_signs_in_by_the_printed_link(
    account: DemoAccount, window: BrowserContext
) -> None:
    arguments = ("account", "create", "Acme", "--admin", "ada@acme.example", "--home", str(account.desk.home), "--json")
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hummdesk", *arguments, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await command.communicate()
    page = await window.new_page()
    await page.goto(json.loads(printed)["signInUrl"])
    await expect(page.get_by_role("button", name="ada, Online")).to_be_visible()


HOLD_RENEWAL = """
    const start = window.setTimeout;
    window.setTimeout = (run, ...more) => {
        if (!String(run).includes(".renew(")) return start(run, ...more);
        window.renew = run;
        return 0;
    };
"""
RENEW = """() => {
    const now = Date.now;
    Date.now = () => now() + 60_000;
    window.renew();
}"""
"""Renew the token now, as if its time had come: a machine that stands still for seconds would do so too late."""


async def test_token_is_renewed_before_it_expires(account: DemoAccount, window: BrowserContext) -> None:
    page = await window.new_page()
    await page.goto(await link(account, 1))
    await is_signed_in(page)
    await page.add_init_script(HOLD_RENEWAL)
    connections: list[WebSocket] = []
    page.on("websocket", lambda connection: connections.append(connection))
    for seconds in (8, 30, 60):
        expiry = await renew_token_of(seconds, account, page)
        connections.clear()
        if expiry > time.time() + 1:  # otherwise the machine has stood still for so long
            break
    await asyncio.sleep(max(0.0, expiry + 0.5 - time.time()))
    await is_signed_in(page)
    _, conversation = await account.start_conversation("After the renewal")
    await expect(page.locator(f"[data-conversation='{conversation}']")).to_be_visible()
    assert connections == [], "the console has not reconnected"


async def renew_token_of(seconds: int, account: DemoAccount, page: Page) -> float:
    """Load the page with a token of so many seconds, and renew it; return the time when it expires."""
    lifetime = "UPDATE staff_sessions SET expires_at = now() + interval '{} seconds' WHERE revoked_at IS NULL"
    await execute(account, lifetime.format(seconds))
    async with page.expect_response("**/session/token") as first, page.expect_websocket():
        await page.reload()
    short = await (await first.value).json()
    await is_signed_in(page)
    await execute(account, lifetime.format(3600))
    async with page.expect_response("**/session/token") as renewed:
        await page.evaluate(RENEW)
    assert (await (await renewed.value).json())["expiresIn"] == 900
    expiry = float(jwt.decode(short["token"], options={"verify_signature": False})["exp"])
    assert expiry < time.time() + seconds + 1
    return expiry


async def test_revoked_session_is_out(account: DemoAccount, window: BrowserContext) -> None:
    page = await window.new_page()
    await page.goto(await link(account))
    await is_signed_in(page)
    await execute(account, "UPDATE staff_sessions SET revoked_at = now() WHERE account_id = %(account)s")
    await is_signed_out(page)
    await expect(page.get_by_role("alert")).to_contain_text("session has ended")


async def test_staff_sign_in_at_their_company(account: DemoAccount, window: BrowserContext) -> None:
    page, agent = await window.new_page(), account.agents[0]
    async with identity_provider(account.settings, account.id) as provider:
        await provider.configure()
        await provider.set_user("ada", email=agent["email"], email_verified=True)
        await page.goto(f"{account.url}/sign-in")
        await page.get_by_label("Work e-mail or company").fill(str(account.id))
        await page.get_by_role("button", name="Continue", exact=True).click()
        await page.wait_for_url(f"{provider.issuer}/**")
        await page.goto(f"{account.url}/sign-in/{account.id}")  # a bookmark begins at once
        await page.wait_for_url(f"{provider.issuer}/**")
        await page.locator("[name=login]").fill("ada")
        await page.locator("[name=password]").fill("any")
        await page.locator("[type=submit]").click()
        await is_signed_in(page)
        assert page.url == f"{account.url}/"
        await provider.set_user("ada", email=agent["email"], email_verified=True)
        await provider.configure(email_domains=("elsewhere.example",))
        await window.clear_cookies(name="hummdesk_session")
        await page.goto(f"{account.url}/sign-in/{account.id}")
        await expect(page.get_by_role("alert")).to_contain_text("may not sign in")
    await execute(account, "DELETE FROM oidc_providers WHERE account_id = %(account)s")
