"""Addresses of the console: back, forward, reload, and a link that a colleague opens."""

import re

from playwright.async_api import expect

from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.console_page import ConsolePage


async def test_address_names_the_open_conversation(open_console: Open, account: DemoAccount) -> None:
    _, first = await account.start_conversation("First address", "Number one")
    _, second = await account.start_conversation("Second address", "Number two")
    agent = await open_console(account.agents[0])
    await agent.open(first)
    await expect(agent.page).to_have_url(f"{account.url}/c/{first}")
    await expect(agent.page).to_have_title(re.compile(r"^(\(\d+\) )?HummDesk$"))
    await agent.open(second)
    await expect(agent.page).to_have_url(f"{account.url}/c/{second}")
    await agent.page.reload()
    await expect(agent.message("Number two")).to_be_visible()
    await agent.page.go_back()
    await expect(agent.message("Number one")).to_be_visible()
    await agent.page.go_back()
    await expect(agent.page.get_by_text("No conversation selected")).to_be_visible()
    await agent.page.go_forward()
    await expect(agent.message("Number one")).to_be_visible()
    await agent.page.keyboard.press("Escape")
    await expect(agent.page).to_have_url(f"{account.url}/")


async def test_link_to_conversation_opens_it_after_sign_in(open_console: Open, account: DemoAccount) -> None:
    _, conversation = await account.start_conversation("A link", "Have a look")
    colleague = await open_console(account.agents[1], url=f"{account.url}/c/{conversation}")
    await expect(colleague.message("Have a look")).to_be_visible()
    await expect(colleague.row(conversation)).to_have_attribute("aria-current", "true")
    await colleague.page.get_by_role("button", name=re.compile("your status")).click()
    await colleague.page.get_by_role("menuitemradio", name="Sign out").click()
    await expect(colleague.page).to_have_url(f"{account.url}/")


async def test_address_of_unknown_conversation_shows_error(open_console: Open, accounts: list[DemoAccount]) -> None:
    account, other = accounts[0], accounts[1]
    _, foreign = await other.start_conversation("Foreign", "Not for you")
    agent: ConsolePage = await open_console(account.agents[0], url=f"{account.url}/c/{foreign}")
    await expect(agent.page.get_by_text("This conversation could not be opened")).to_be_visible()
    await expect(agent.page.get_by_text("Not for you")).to_have_count(0)


async def test_row_in_a_new_tab_shows_conversation_and_filters_to_the_same_user(
    open_console: Open, account: DemoAccount
) -> None:
    _, conversation = await account.start_conversation("A new tab", "Side by side")
    agent = await open_console(account.agents[0])
    await agent.page.get_by_role("button", name="Unassigned", exact=True).click()
    await expect(agent.page).to_have_url(f"{account.url}/?view=unassigned")
    await agent.page.get_by_role("button", name="Pending", exact=True).click()
    await expect(agent.page).to_have_url(f"{account.url}/?view=unassigned&status=pending")
    await agent.page.go_back()
    await expect(agent.row(conversation)).to_be_visible()
    async with agent.page.context.expect_page() as opened:
        await agent.row(conversation).click(modifiers=["Control"])
    tab = ConsolePage(await opened.value)
    await expect(tab.message("Side by side")).to_be_visible()
    await expect(tab.page).to_have_url(f"{account.url}/c/{conversation}?view=unassigned")
    await expect(tab.page.get_by_role("button", name="Unassigned", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    await expect(tab.page.get_by_role("button", name=f"{account.agents[0]['name']}, Online")).to_be_visible()
    await tab.page.close()
    assert tab.errors == []
    await agent.page.go_back()
    await expect(agent.page.get_by_role("button", name="All", exact=True)).to_have_attribute("aria-pressed", "true")
    await agent.open(conversation)
    await expect(agent.page).to_have_url(f"{account.url}/c/{conversation}")
