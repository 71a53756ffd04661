"""Who gets in and how, on which screens, and with which help."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from hummdesk.config import Settings
from hummdesk.pages import BUILT
from tests.browser.conftest import Open, Shop
from tests.browser.console import Console
from tests.realtime.conftest import running
from tests.realtime.world import Account

pytestmark = pytest.mark.timeout(90)

CONSOLE_BYTES = 150 * 1024
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}


def test_the_console_is_small() -> None:
    page = (BUILT / "index.html").read_text()
    files = re.findall(r'(?:src|href)="/(assets/[^"]+)"', page)
    sizes = {name: (BUILT / f"{name}.gz").stat().st_size for name in files}
    print(sizes)
    assert len(sizes) >= 2
    assert sum(sizes.values()) < CONSOLE_BYTES


async def busy(open_console: Open, shop: Shop, **options: Any) -> Console:
    """A console with everything on it: note, chips, draft, two sides."""
    agent = await open_console(shop.agents[0], **options)
    customer, conversation = await shop.ask("Leaking bottle", "Good morning!", customer_number=1)
    await agent.open(conversation)
    await agent.page.keyboard.press("m")
    await customer.hears("conversation_assigned")
    await agent.write("Ask the supplier.", key="n")
    await agent.write("Good morning, how can I help?")
    await customer.hears("new_message", senderType="agent")
    attachment = {"url": "https://example.com/b.png", "filename": "b.png", "contentType": "image/png", "size": 20480}
    question = "My bottle leaks. Can I return it and get a refund?"
    message = {"conversationId": conversation, "content": question, "attachments": [attachment]}
    await customer.do("send_message", message)
    await expect(agent.draft).to_be_visible()
    return agent


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nobody_is_kept_out(open_console: Open, shop: Shop, scheme: str, pictures: Path) -> None:
    stranger = await open_console(color_scheme=scheme)
    await expect(stranger.page.get_by_role("button", name=shop.agents[0]["email"])).to_be_visible()
    assert await stranger.barriers() == []
    agent = await busy(open_console, shop, color_scheme=scheme)
    assert await agent.barriers() == []
    await agent.page.screenshot(path=pictures / f"console-{scheme}.png")


async def test_nobody_is_kept_out_of_menus_and_windows(open_console: Open, shop: Shop) -> None:
    _, conversation = await shop.ask("Cold hands", "Good morning!", customer_number=2)
    agent = await open_console(shop.agents[0])
    await agent.open(conversation)
    await agent.page.locator("[data-opens=assign]").click()
    assert await agent.barriers() == []
    await agent.page.keyboard.press("Escape")
    await agent.page.keyboard.press("Control+k")
    assert await agent.barriers() == []
    await agent.page.keyboard.press("Escape")
    await agent.page.keyboard.press("n")
    assert await agent.barriers() == []
    await agent.page.keyboard.press("Escape")
    await agent.page.keyboard.press("?")
    await expect(agent.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert await agent.barriers() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_phone_is_enough(open_console: Open, shop: Shop, scheme: str, pictures: Path) -> None:
    agent = await busy(open_console, shop, color_scheme=scheme, **PHONE)
    assert await agent.width() == 360
    assert await agent.barriers() == []
    await agent.page.screenshot(path=pictures / f"phone-{scheme}.png")
    await agent.page.get_by_role("button", name="Back to the list").click()
    await expect(agent.page.get_by_role("navigation", name="List of conversations")).to_be_visible()
    assert await agent.width() == 360
    assert await agent.barriers() == []
    await agent.page.screenshot(path=pictures / f"phone-list-{scheme}.png")


async def test_a_token_lets_in_and_is_kept_for_the_tab_alone(open_console: Open, shop: Shop) -> None:
    console = await open_console()
    page = console.page
    await page.get_by_text("Sign in with a token").click()
    await page.get_by_role("textbox").fill("not.a.token")
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("The token is not valid")
    await page.get_by_text("Sign in with a token").click()
    await page.get_by_role("textbox").fill(shop.agents[0]["token"])
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("navigation", name="List of conversations")).to_be_visible()
    assert "token" not in page.url
    assert await page.evaluate("localStorage.length") == 0
    assert await page.context.cookies() == []
    other = await page.context.new_page()
    await other.goto(shop.url)
    await expect(other.get_by_text("Sign in with a token")).to_be_visible()
    await page.get_by_role("button", name="your status").click()
    await page.get_by_role("menuitemradio", name="Sign out").click()
    await expect(page.get_by_text("Sign in with a token")).to_be_visible()
    assert await page.evaluate("Object.values(sessionStorage).filter(kept => kept !== '[]')") == []


async def test_a_customer_is_told_that_this_is_not_the_place(open_console: Open, shop: Shop) -> None:
    console = await open_console()
    await console.page.get_by_text("Sign in with a token").click()
    await console.page.get_by_role("textbox").fill(shop.customers[0]["token"])
    await console.page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(console.page.get_by_role("alert")).to_contain_text("console of the staff")


@pytest.mark.parametrize("is_accepted", [True, False])
async def test_a_page_of_an_accepted_origin_hands_its_token_over(
    chromium: Browser, settings: Settings, is_accepted: bool
) -> None:
    application = await asyncio.start_server(_greet, "127.0.0.1", 0)
    origin = f"http://localhost:{application.sockets[0].getsockname()[1]}"
    named = origin if is_accepted else "https://app.example.com"
    async with running(replace(settings, cors_origin=named), name="handed") as (url, _):
        account = await Account(settings=settings, url=url).make()
        context = await chromium.new_context()
        opener = await context.new_page()
        await opener.goto(origin)
        async with context.expect_page() as opened:
            await opener.evaluate(HAND_OVER, [url, account.token("agent")])
        console = await opened.value
        if is_accepted:
            await expect(console.get_by_role("navigation", name="List of conversations")).to_be_visible()
        else:
            await opener.evaluate("window.offer()")
            await expect(console.get_by_text("Sign in with a token")).to_be_visible()
        assert "token" not in console.url
        await context.close()
    application.close()
    await application.wait_closed()


HAND_OVER = """([url, token]) => {
  const console = window.open(url);
  window.offer = () => console.postMessage({ type: "hummdesk:token", token }, url);
  window.addEventListener("message", ({ data, origin }) => {
    if (origin === url && data.type === "hummdesk:ready") window.offer();
  });
}"""


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The operator's own application: one empty page."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<!doctype html>")
    await writer.drain()
    writer.close()
