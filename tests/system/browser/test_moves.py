"""Queues and moves in the console and the widget."""

import re
from typing import Any

import aiohttp
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


async def put_capacity(admin: ConsolePage, account: DemoAccount, agent_id: str, capacity: str) -> None:
    """Set the capacity of an agent in the settings."""
    await admin.page.goto(f"{account.url}/settings/people/{agent_id}")
    field = admin.page.get_by_role("spinbutton", name="Capacity: open conversations per agent")
    await field.fill(capacity)
    await admin.page.get_by_role("button", name="Save").click()
    await expect(admin.page.get_by_text("Saved")).to_be_visible()


async def call(account: DemoAccount, method: str, path: str, **body: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {account.admin['token']}"}
    async with aiohttp.ClientSession(headers=headers, raise_for_status=True) as session:
        answer = await session.request(method, f"{account.url}/api/v1{path}", json=body)
        return dict(await answer.json())


async def test_conversation_is_claimed_and_transferred_with_a_note_and_lines_between_messages(
    open_console: Open, account: DemoAccount
) -> None:
    kwame, zoe = account.agents
    other = await call(account, "POST", "/teams", name="Zebras", memberIds=[zoe["id"]])
    first, second = await open_console(kwame), await open_console(zoe)
    customer, conversation = await account.start_conversation("Queue", "Is anybody there?")
    await customer.do("join_conversation", conversation)
    admin = await account.connect(account.admin)
    team = await team_of(admin, zoe["id"])
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

    await admin.do("assign_conversation", {"conversationId": conversation, "teamId": other["id"]})
    await first.page.get_by_role("button", name="Unassigned", exact=True).click()
    await first.page.get_by_role("combobox", name="Queue").select_option(other["id"])
    await expect(first.row(conversation)).to_be_visible()
    await first.page.get_by_role("log").focus()
    await first.page.keyboard.press("t")
    await dialog.get_by_role("combobox").select_option(f"agent:{zoe['id']}")
    await dialog.get_by_role("button", name="Transfer").click()
    await admin.receives("conversation_assigned", assignedTo=zoe["id"], assignedTeam=other["id"])
    await call(account, "PATCH", f"/teams/{other['id']}", active=False)


async def test_capacity_starts_routing_and_the_console_shows_why_the_agent_was_chosen(
    open_console: Open, account: DemoAccount
) -> None:
    other, chosen = account.agents
    agent, admin = await account.connect(chosen), await account.connect(account.admin)
    await agent.do("set_agent_status", {"status": "online"})
    await call(account, "PATCH", "/routing", skillsWaitSeconds=0)
    team = await call(account, "POST", "/teams", name="Routed", memberIds=[chosen["id"]])
    await call(account, "PATCH", f"/routing/teams/{team['id']}", mode="round_robin")
    console = await open_console(account.admin)
    await put_capacity(console, account, chosen["id"], "0")
    _, conversation = await account.start_conversation("Why", "Who answers me?")
    await admin.do("assign_conversation", {"conversationId": conversation, "teamId": team["id"]})
    await put_capacity(console, account, chosen["id"], "50")
    await agent.receives("conversation_assigned", conversationId=conversation, assignedTo=chosen["id"])

    await console.page.goto(f"{account.url}/c/{conversation}")
    why = console.page.get_by_role("button", name="Why?")
    await why.click()
    dialog = console.page.get_by_role("dialog", name="Why this assignment?")
    await expect(dialog).to_contain_text(f"Assigned automatically to {chosen['name']}.")
    await expect(dialog).to_contain_text("In turn")
    row = dialog.get_by_role("row", name=chosen["name"])
    await expect(row).to_contain_text("of 50")
    await expect(row.get_by_role("cell").last).to_have_text("Chosen")
    assert await console.violations() == []
    assert await console.dark_violations() == []
    await console.page.keyboard.press("Escape")
    await expect(why).to_be_focused()

    await admin.do("assign_conversation", {"conversationId": conversation, "agentId": other["id"]})
    await console.page.keyboard.press("Enter")
    await expect(dialog).to_contain_text(f"Assigned by hand to {other['name']}.")
    await dialog.get_by_role("button", name="Close").click()
    await expect(dialog).to_have_count(0)
    await put_capacity(console, account, chosen["id"], "")
    await console.page.goto(f"{account.url}/settings/routing")
    capacity = console.page.get_by_role("spinbutton", name="Capacity")
    await capacity.fill("")
    await console.page.get_by_role("button", name="Save").click()
    await expect(capacity).to_have_attribute("aria-invalid", "true")
    await expect(console.page.get_by_text("Saved")).to_have_count(0)
    await call(account, "PATCH", f"/teams/{team['id']}", active=False)
