"""The console by keyboard, and in short windows."""

import re

from playwright.async_api import expect

from tests.system.browser.conftest import DemoAccount, Open

SHOWS_THE_CONVERSATION = """() => {
    const log = document.querySelector("[role=log]").getBoundingClientRect();
    const composer = document.querySelector(".composer").getBoundingClientRect();
    return Math.min(log.bottom, composer.top) - Math.max(log.top, 0) >= 120 && composer.bottom <= innerHeight;
}"""
SHORT_WINDOWS = {"small screen": (1366, 625), "zoom of 200 %": (683, 312), "phone with keyboard": (390, 420)}


async def test_keys_search_open_and_close_conversations(open_console: Open, account: DemoAccount) -> None:
    _, older = await account.start_conversation("Quokka one", "The older quokkamarine")
    _, newer = await account.start_conversation("Quokka two", "The newer quokkamarine")
    agent = await open_console(account.agents[0])
    page = agent.page
    palette = page.get_by_role("dialog", name="Command palette")
    await page.keyboard.press("Control+k")
    await expect(palette).to_be_visible()
    await page.keyboard.press("Control+k")
    await expect(palette).to_have_count(0)

    await page.keyboard.press("/")
    await page.keyboard.type("quokkamarine")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(newer))
    await expect(agent.row(newer)).to_be_focused()
    await page.keyboard.press("/")
    await page.keyboard.press("ArrowDown")
    await expect(page).to_have_url(re.compile(older))
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("searchbox")).to_have_value("")
    await expect(agent.row(older)).to_be_visible()

    await agent.open(newer)
    await page.keyboard.press("e")
    await expect(page).to_have_url(re.compile(older))
    await expect(agent.row(newer)).to_have_count(0)


async def test_short_windows_show_the_conversation_and_the_send_button(
    open_console: Open, account: DemoAccount
) -> None:
    _, conversation = await account.start_conversation("A short window", "Line\n" * 30 + "The end of it")
    agent = await open_console(account.agents[0], url=f"{account.url}/c/{conversation}")
    for name, (width, height) in SHORT_WINDOWS.items():
        await agent.page.set_viewport_size({"width": width, "height": height})
        await agent.page.reload()
        await agent.page.locator("#composer").fill("An answer")
        await expect(agent.page.get_by_role("button", name="Send", exact=True)).to_be_in_viewport(ratio=1)
        visible = await agent.page.get_by_role("log").evaluate("box => box.getBoundingClientRect().height")
        assert visible >= 120, name
        assert await agent.width() == width
        assert await agent.violations(within="main") == []


async def test_conversation_stays_in_view_when_the_window_becomes_short_beside_a_long_reply(
    open_console: Open, account: DemoAccount
) -> None:
    _, conversation = await account.start_conversation("A long reply", "Line\n" * 30 + "The end of it")
    agent = await open_console(account.agents[0], url=f"{account.url}/c/{conversation}")
    await agent.page.locator("#composer").fill("A line of the answer\n" * 12)
    for width, height in SHORT_WINDOWS.values():
        await agent.page.set_viewport_size({"width": width, "height": height})
        await agent.page.wait_for_function(SHOWS_THE_CONVERSATION)
