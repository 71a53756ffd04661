"""Sign-in, bundle size and accessibility of the console."""

import re
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Browser, expect

from hummdesk.server.http.pages import BUILT
from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.console_page import ConsolePage
from tests.system.browser.foreign_site import ForeignSite

CONSOLE_BYTES = 70 * 1024
"""Of the first load, compressed with Brotli: scripts, styles, and the texts of one language."""
PHONE: Any = {"width": 360, "height": 740}


def test_console_bundle_stays_below_size_limit() -> None:
    page = (BUILT / "index.html").read_text()
    files = {BUILT / name for name in re.findall(r'(?:src|href)="/(assets/[^"]+)"', page)}
    for language in ("en", "de"):
        (texts,) = BUILT.glob(f"assets/console-{language}-*.json")
        sizes = {file.name: sent_bytes(file) for file in (*files, texts)}
        print(sizes)
        assert len(sizes) >= 3
        assert sum(sizes.values()) < CONSOLE_BYTES


def sent_bytes(file: Path) -> int:
    """The size with which a file is sent: small ones are not compressed."""
    compressed = file.with_name(f"{file.name}.br")
    return (compressed if compressed.exists() else file).stat().st_size


def test_settings_are_not_part_of_the_first_load() -> None:
    page = (BUILT / "index.html").read_text()
    scripts = [BUILT / name for name in re.findall(r'(?:src|href)="/(assets/[^"]+\.js)"', page)]
    assert scripts
    assert not [script for script in scripts if "settings.keys.create" in script.read_text()]
    assert [script for script in BUILT.glob("assets/*.js") if "settings.keys.create" in script.read_text()]


async def test_console_in_every_view_has_no_accessibility_violations(open_console: Open, account: DemoAccount) -> None:
    agent = await open_console()
    await expect(agent.page.get_by_role("button", name=account.agents[0]["email"])).to_be_visible()
    assert await agent.violations() == []
    assert await agent.dark_violations() == []
    await agent.sign_in(account.agents[0])
    conversation = await fill(agent, account)
    assert await agent.violations() == []
    assert await agent.dark_violations() == []

    await agent.page.locator("[data-opens=assign]").click()
    assert await agent.violations() == []
    await agent.page.keyboard.press("Escape")
    await agent.page.keyboard.press("Control+k")
    assert await agent.violations() == []
    await agent.page.keyboard.press("Escape")
    await agent.page.keyboard.press("?")
    shortcuts = agent.page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(shortcuts.locator("dt")).to_contain_text(["J", "R", "N"])
    await expect(shortcuts).not_to_contain_text("extras.")
    assert await agent.violations() == []
    await agent.page.keyboard.press("Escape")

    await agent.page.set_viewport_size(PHONE)
    assert await height_of(agent, ".pane-title") <= 56
    assert await height_of(agent, ".pane-head") <= 96
    await check_crowded_head(agent, account, conversation)
    await check_on_phone(agent)
    await agent.page.get_by_role("button", name="Back to the list").click()
    await expect(agent.page.get_by_role("navigation", name="List of conversations")).to_be_visible()
    await check_on_phone(agent)


async def check_crowded_head(agent: ConsolePage, account: DemoAccount, conversation: str) -> None:
    """With labels and a viewer, the name stays readable, the buttons scroll, and no menu is clipped."""
    colleague = await account.connect(account.agents[1])
    await colleague.do("join_conversation", conversation)
    await expect(agent.page.locator(".pane-title .viewers")).to_be_visible()
    headers = {"Authorization": f"Bearer {account.admin['token']}"}
    async with aiohttp.ClientSession(account.url, headers=headers, raise_for_status=True) as session:
        async with session.post("/api/v1/labels", json={"name": "Crowded", "color": "#a02020"}) as answer:
            label = (await answer.json())["id"]
        menu = agent.page.locator("[data-opens=labels]")
        await expect(menu).to_be_visible()
        assert await agent.width() == PHONE["width"]
        name = await agent.page.locator(".pane-title h2").bounding_box()
        back = await agent.page.locator(".pane-title .back").bounding_box()
        actions = await agent.page.locator(".pane-actions").bounding_box()
        assert name is not None
        assert back is not None
        assert actions is not None
        assert back["width"] >= 34
        assert name["width"] >= 60
        assert name["x"] + name["width"] <= actions["x"]
        assert actions["x"] + actions["width"] <= PHONE["width"]
        assert await height_of(agent, ".pane-title") <= 56
        assert await height_of(agent, ".pane-head") <= 96
        await menu.click()
        await agent.page.get_by_role("menuitemradio", name="Crowded").click()
        await expect(agent.page.locator(".pane-marks .label-chip")).to_be_visible()
        await session.patch(f"/api/v1/labels/{label}", json={"active": False})
    await colleague.do("leave_conversation", conversation)


async def height_of(agent: ConsolePage, selector: str) -> float:
    box = await agent.page.locator(selector).bounding_box()
    assert box is not None
    return box["height"]


async def check_on_phone(agent: ConsolePage) -> None:
    assert await agent.width() == PHONE["width"]
    assert await agent.violations() == []


async def fill(agent: ConsolePage, account: DemoAccount) -> str:
    """Open a conversation with every kind of content: note, classification, draft, attachment, both sides."""
    customer, conversation = await account.start_conversation("Leaking bottle", "Good morning!", customer_number=1)
    await agent.open(conversation)
    await agent.page.keyboard.press("m")
    await customer.receives("conversation_assigned")
    await agent.write("Ask the supplier.", key="n")
    assert await agent.violations() == []  # the composer of a note has colours of its own
    await agent.write("Good morning, how can I help?")
    await customer.receives("new_message", senderType="agent")
    attachment = {"url": "https://example.com/b.png", "filename": "b.png", "contentType": "image/png", "size": 20480}
    question = "My bottle leaks. Can I return it and get a refund?"
    message = {"conversationId": conversation, "content": question, "attachments": [attachment]}
    await customer.do("send_message", message)
    await expect(agent.draft).to_be_visible()
    await expect(agent.classification).to_contain_text("Refund cancellation")  # not of "Good morning!"
    return conversation


async def test_docs_page_has_no_accessibility_violations(open_console: Open, account: DemoAccount) -> None:
    reader = await open_console(url=f"{account.url}/docs")
    start = "nav, main > :nth-child(-n + 12)"  # the rest has the same markup
    assert await reader.violations(within=start) == []
    assert await reader.dark_violations(within=start) == []
    await reader.page.set_viewport_size(PHONE)
    assert await reader.width() == PHONE["width"]


async def test_token_after_sign_in_is_in_tabs_only(open_console: Open, account: DemoAccount) -> None:
    console = await open_console()
    page = console.page
    await submit_token(console, "not.a.token")
    await expect(page.get_by_role("alert")).to_contain_text("The token is not valid")
    await submit_token(console, account.customers[0]["token"])
    await expect(page.get_by_role("alert")).to_contain_text("console is for staff")
    await submit_token(console, account.agents[0]["token"])
    await expect(page.get_by_role("navigation", name="List of conversations")).to_be_visible()
    assert "token" not in page.url
    token = account.agents[0]["token"]
    assert token not in await page.evaluate("JSON.stringify(localStorage)")
    assert await page.context.cookies() == []
    other = await page.context.new_page()
    await other.goto(account.url)
    await expect(other.get_by_role("navigation", name="List of conversations")).to_be_visible()
    assert token not in await other.evaluate("JSON.stringify(localStorage)")
    assert await page.context.cookies() == []
    await other.evaluate("sessionStorage.clear()")
    await other.goto(f"{account.url}/sign-in")
    await expect(other.get_by_text("Sign in with a token")).to_be_visible()
    await other.close()
    await page.get_by_role("button", name="your status").click()
    await page.get_by_role("menuitemradio", name="Sign out").click()
    await expect(page.get_by_text("Sign in with a token")).to_be_visible()
    left = await page.evaluate("Object.entries(sessionStorage).filter(([, value]) => value !== '[]')")
    assert left == [["hummdesk.signed-out", "1"]]
    next_tab = await page.context.new_page()
    await next_tab.goto(account.url)
    await expect(next_tab.get_by_text("Sign in with a token")).to_be_visible()
    await next_tab.close()


async def submit_token(console: ConsolePage, token: str) -> None:
    await console.page.get_by_text("Sign in with a token").click()
    await console.page.get_by_role("textbox", name="Issued by your own").fill(token)
    await console.page.get_by_role("button", name="Sign in", exact=True).click()


async def test_token_from_opener_is_accepted_from_allowed_origin_only(
    chromium: Browser, account: DemoAccount, allowed_site: ForeignSite, foreign_site: ForeignSite
) -> None:
    context = await chromium.new_context()
    for site in (foreign_site, allowed_site):
        opener = await context.new_page()
        await opener.goto(site.origin)
        async with context.expect_page() as opened:
            await opener.evaluate(OPEN_AND_OFFER_TOKEN, [account.url, account.agents[0]["token"]])
        console = await opened.value
        if site is foreign_site:
            await expect(console.get_by_role("button", name=account.agents[0]["email"])).to_be_visible()
            await console.evaluate("() => { window.offered = new Promise((end) => addEventListener('message', end)) }")
            await opener.evaluate("window.offer()")
            await console.evaluate("window.offered.then(() => undefined)")
            assert await console.evaluate("sessionStorage.length") == 0
            await expect(console.get_by_text("Sign in with a token")).to_be_visible()
        else:
            await expect(console.get_by_role("navigation", name="List of conversations")).to_be_visible()
        assert "token" not in console.url
    await context.close()


OPEN_AND_OFFER_TOKEN = """([url, token]) => {
  const console = window.open(url);
  window.offer = () => console.postMessage({ type: "hummdesk:token", token }, url);
  window.addEventListener("message", ({ data, origin }) => {
    if (origin === url && data.type === "hummdesk:ready") window.offer();
  });
}"""
