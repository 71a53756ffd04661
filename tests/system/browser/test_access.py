"""Who gets in and how, on which screens, and with which help."""

import re
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, expect

from hummdesk.server.http.pages import BUILT
from tests.system.browser.conftest import Open, Shop
from tests.system.browser.console import Console
from tests.system.browser.site import Site

CONSOLE_BYTES = 150 * 1024
PHONE: Any = {"width": 360, "height": 740}


def test_the_console_is_small() -> None:
    page = (BUILT / "index.html").read_text()
    files = re.findall(r'(?:src|href)="/(assets/[^"]+)"', page)
    sizes = {name: (BUILT / f"{name}.gz").stat().st_size for name in files}
    print(sizes)
    assert len(sizes) >= 2
    assert sum(sizes.values()) < CONSOLE_BYTES


async def test_nobody_is_kept_out(open_console: Open, shop: Shop, pictures: Path) -> None:
    agent = await open_console()
    await expect(agent.page.get_by_role("button", name=shop.agents[0]["email"])).to_be_visible()
    assert await agent.barriers() == []
    assert await agent.barriers_in_the_dark() == []
    await agent.sign_in(shop.agents[0])
    await fill(agent, shop)
    assert await agent.barriers() == []
    assert await agent.barriers_in_the_dark() == []
    await agent.photograph(pictures, "console")

    await agent.page.locator("[data-opens=assign]").click()
    assert await agent.barriers() == []
    await agent.page.keyboard.press("Escape")
    await agent.page.keyboard.press("Control+k")
    assert await agent.barriers() == []
    await agent.page.keyboard.press("Escape")
    await agent.page.keyboard.press("?")
    await expect(agent.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert await agent.barriers() == []
    await agent.page.keyboard.press("Escape")

    await agent.page.set_viewport_size(PHONE)
    await narrow(agent, pictures, "phone")
    await agent.page.get_by_role("button", name="Back to the list").click()
    await expect(agent.page.get_by_role("navigation", name="List of conversations")).to_be_visible()
    await narrow(agent, pictures, "phone-list")


async def narrow(agent: Console, pictures: Path, name: str) -> None:
    assert await agent.width() == PHONE["width"]
    assert await agent.barriers() == []
    await agent.photograph(pictures, name)


async def fill(agent: Console, shop: Shop) -> None:
    """Everything that there can be in a conversation: note, chips, draft, attachment, two sides."""
    customer, conversation = await shop.ask("Leaking bottle", "Good morning!", customer_number=1)
    await agent.open(conversation)
    await agent.page.keyboard.press("m")
    await customer.hears("conversation_assigned")
    await agent.write("Ask the supplier.", key="n")
    assert await agent.barriers() == []  # the colours of the note's composer
    await agent.write("Good morning, how can I help?")
    await customer.hears("new_message", senderType="agent")
    attachment = {"url": "https://example.com/b.png", "filename": "b.png", "contentType": "image/png", "size": 20480}
    question = "My bottle leaks. Can I return it and get a refund?"
    message = {"conversationId": conversation, "content": question, "attachments": [attachment]}
    await customer.do("send_message", message)
    await expect(agent.draft).to_be_visible()
    found = agent.page.get_by_role("group", name="What the AI has found")
    await expect(found).to_contain_text("Refund cancellation")  # not what it found about "Good morning!", even if later


async def test_the_contract_is_to_be_read_by_everybody(open_console: Open, shop: Shop, pictures: Path) -> None:
    reader = await open_console(url=f"{shop.url}/docs")
    beginning = "nav, main > :nth-child(-n + 12)"  # it goes on as it begins
    assert await reader.barriers(within=beginning) == []
    assert await reader.barriers_in_the_dark(within=beginning) == []
    await reader.photograph(pictures, "contract")
    await reader.page.set_viewport_size(PHONE)
    assert await reader.width() == PHONE["width"]


async def test_a_token_lets_in_and_is_kept_for_the_tab_alone(open_console: Open, shop: Shop) -> None:
    console = await open_console()
    page = console.page
    await offer(console, "not.a.token")
    await expect(page.get_by_role("alert")).to_contain_text("The token is not valid")
    await offer(console, shop.customers[0]["token"])
    await expect(page.get_by_role("alert")).to_contain_text("console of the staff")
    await offer(console, shop.agents[0]["token"])
    await expect(page.get_by_role("navigation", name="List of conversations")).to_be_visible()
    assert "token" not in page.url
    assert await page.evaluate("localStorage.length") == 0
    assert await page.context.cookies() == []
    other = await page.context.new_page()
    await other.goto(shop.url)
    await expect(other.get_by_text("Sign in with a token")).to_be_visible()
    await other.close()
    await page.get_by_role("button", name="your status").click()
    await page.get_by_role("menuitemradio", name="Sign out").click()
    await expect(page.get_by_text("Sign in with a token")).to_be_visible()
    assert await page.evaluate("Object.values(sessionStorage).filter(kept => kept !== '[]')") == []


async def offer(console: Console, token: str) -> None:
    await console.page.get_by_text("Sign in with a token").click()
    await console.page.get_by_role("textbox").fill(token)
    await console.page.get_by_role("button", name="Sign in", exact=True).click()


async def test_a_page_of_an_accepted_origin_hands_its_token_over(
    chromium: Browser, shop: Shop, neighbour: Site, stranger: Site
) -> None:
    context = await chromium.new_context()
    for site in (stranger, neighbour):
        opener = await context.new_page()
        await opener.goto(site.origin)
        async with context.expect_page() as opened:
            await opener.evaluate(HAND_OVER, [shop.url, shop.agents[0]["token"]])
        console = await opened.value
        if site is stranger:
            await expect(console.get_by_role("button", name=shop.agents[0]["email"])).to_be_visible()
            await opener.evaluate("window.offer()")
            assert await console.evaluate("sessionStorage.length") == 0
            await expect(console.get_by_text("Sign in with a token")).to_be_visible()
        else:
            await expect(console.get_by_role("navigation", name="List of conversations")).to_be_visible()
        assert "token" not in console.url
    await context.close()


HAND_OVER = """([url, token]) => {
  const console = window.open(url);
  window.offer = () => console.postMessage({ type: "hummdesk:token", token }, url);
  window.addEventListener("message", ({ data, origin }) => {
    if (origin === url && data.type === "hummdesk:ready") window.offer();
  });
}"""
