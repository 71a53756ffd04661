"""Who gets in and how, on which screens, and with which help."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from hummdesk.pages import BUILT
from tests.browser.conftest import Open, Shop
from tests.browser.console import Console

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
