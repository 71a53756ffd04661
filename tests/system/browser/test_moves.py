"""Queues and moves in the console and the widget."""

import re

from playwright.async_api import expect

from tests.integration.server.accounts import Client
from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.console_page import ConsolePage


async def lines_of(console: ConsolePage) -> list[str]:
    return [re.sub(r" · .*", "", text) for text in await console.page.locator(".move").all_inner_texts()]


async def team_of(client: Client, agent_id: str) -> dict[str, str]:
    """A team that the agent is a member of."""
    teams = (await client.do("get_teams"))["teams"]
    return next(team for team in teams if agent_id in team["agentIds"])


async def test_conversation_is_claimed_and_transferred_with_a_note_and_lines_between_messages(
    open_console: Open, account: DemoAccount
) -> None:
    kwame, zoe = account.agents
    first, second = await open_console(kwame), await open_console(zoe)
    customer, conversation = await account.start_conversation("Queue", "Is anybody there?")
    await customer.do("join_conversation", conversation)
    team = await team_of(await account.connect(account.admin), zoe["id"])
    await first.open(conversation)
    await second.open(conversation)
    await first.page.keyboard.press("c")
    for console in (first, second):
        await expect(console.page.locator(".move")).to_contain_text("took the conversation")
    shown = await customer.receives("conversation_activity")
    assert (shown["kind"], shown["assignedToName"]) == ("assigned", kwame["name"])

    await first.page.keyboard.press("t")
    dialog = first.page.get_by_role("dialog", name="Transfer the conversation")
    await dialog.get_by_role("combobox").select_option(f"team:{team['teamId']}")
    await dialog.get_by_role("textbox").fill("Asks for a refund")
    await dialog.get_by_role("button", name="Transfer").click()
    await expect(dialog).to_have_count(0)
    await expect(second.message("Asks for a refund")).to_contain_text("Private note")
    await expect(second.page.locator(".move").last).to_contain_text(f"moved the conversation to {team['name']}")
    assert await lines_of(second) == [
        f"{kwame['name']} took the conversation",
        f"{kwame['name']} moved the conversation to {team['name']}",
    ]

    await second.page.get_by_role("button", name="Unassigned", exact=True).click()
    await second.page.get_by_role("combobox", name="Queue").select_option(team["teamId"])
    await expect(second.row(conversation)).to_be_visible()
    await second.page.get_by_role("button", name="Claim", exact=True).click()
    await expect(second.page.locator(".move").last).to_contain_text(f"{zoe['name']} took the conversation")
    await customer.receives("conversation_activity", assignedToName=zoe["name"])
    await second.page.keyboard.press("u")
    await expect(second.page.locator(".move").last).to_contain_text("returned the conversation to the queue")
    await second.page.reload()
    await second.open(conversation)
    await expect(second.page.locator(".move")).to_have_count(4)
    assert not [payload for _, payload in customer.received if "refund" in str(payload)]
