"""Labels, snoozing and counts in the console."""

import re
from datetime import UTC, datetime, timedelta

from playwright.async_api import expect

from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.console_page import UNDO_MS

RECORD_SENT = """() => {
    window.sent = [];
    for (const { prototype } of [WebSocket, XMLHttpRequest]) {
        const { send } = prototype;
        prototype.send = function (data) {
            window.sent.push(String(data));
            return send.call(this, data);
        };
    }
}"""
"""Keep what the page sends from now on in `window.sent`."""


async def test_agent_labels_and_snoozes_a_conversation_with_a_label_of_the_settings(
    open_console: Open, account: DemoAccount
) -> None:
    admin = await open_console(url=f"{account.url}/settings/labels/new")
    await admin.page.get_by_role("button", name=account.admin["email"]).click()
    await admin.page.get_by_role("textbox", name="Name").fill("Fragile")
    await admin.page.get_by_role("combobox", name="Color").select_option("Red")
    await admin.page.get_by_role("button", name="Add label").click()
    await expect(admin.page.get_by_role("link", name="Fragile")).to_be_visible()

    kwame, zoe = account.agents
    customer, conversation = await account.start_conversation("Vase", "Is it packed well?")
    first, second = await open_console(kwame), await open_console(zoe)
    await first.open(conversation)
    mine = first.page.get_by_role("button", name="Mine", exact=True)
    before = await mine.inner_text()
    await first.page.keyboard.press("c")
    await expect(mine).not_to_have_text(before)
    await first.page.keyboard.press("l")
    await first.page.get_by_role("menuitemradio", name="Fragile").click()
    for console in (first, second):
        await expect(console.row(conversation)).to_contain_text("Fragile")

    await first.page.keyboard.press("s")
    await first.page.get_by_role("menuitemradio", name="Tomorrow morning").click()
    await expect(first.page.get_by_role("button", name="Snooze")).to_contain_text("Snoozed until")
    await expect(second.row(conversation)).to_have_count(0)
    await second.page.get_by_role("button", name="Pending").click()
    await expect(second.row(conversation)).to_contain_text("Snoozed until")
    assert await first.violations() == await second.violations() == []

    await customer.do("send_message", {"conversationId": conversation, "content": "Never mind!"})
    await expect(second.row(conversation)).to_have_count(0)
    await expect(first.row(conversation)).not_to_contain_text("Snoozed")


async def test_list_by_waiting_leaves_out_the_customer_who_has_an_answer(
    open_console: Open, account: DemoAccount
) -> None:
    kwame, _ = account.agents
    await account.start_conversation("First", "I wait longer")
    _, second = await account.start_conversation("Second", "I wait, too", customer_number=1)
    console = await open_console(kwame)
    await expect(console.row(second)).to_be_visible()
    await console.page.get_by_role("button", name="Longest waiting first").click()
    subjects = console.page.locator(".row-subject", has_text=re.compile("^(First|Second)$"))
    await expect(subjects).to_have_text(["First", "Second"])
    agent = await account.connect(kwame)
    await agent.do("send_message", {"conversationId": second, "content": "We are on it."})
    await expect(console.row(second)).to_have_count(0)
    assert await console.violations() == []


async def test_saved_view_shows_its_conversations_and_count_and_has_an_address(
    open_console: Open, account: DemoAccount
) -> None:
    kwame, _ = account.agents
    customer, wanted = await account.start_conversation("Teapot", "The lid is cracked")
    _, other = await account.start_conversation("Cup", "A question", customer_number=1)
    console = await open_console(kwame)
    agent = await account.connect(kwame)
    await agent.do("assign_conversation", {"conversationId": wanted, "agentId": kwame["id"]})
    await agent.do("snooze_conversation", {"conversationId": wanted})
    page = console.page
    await page.get_by_role("button", name="Save as view").click()
    dialog = page.get_by_role("dialog", name="Save as view")
    await dialog.get_by_label("Name").fill("Mine, later")
    await dialog.get_by_label("Status").select_option("Pending")
    await dialog.get_by_label("Assignee").select_option("The agent who looks at it")
    assert await console.violations() == []
    await dialog.get_by_role("button", name="Save view").click()
    chip = page.get_by_role("button", name="Mine, later")
    mine = {"status": "pending", "assignedTo": kwame["id"]}
    number = len((await agent.do("list_conversations", mine))["conversations"])  # with those of other tests
    await expect(chip).to_have_attribute("aria-pressed", "true")
    await expect(console.row(wanted)).to_be_visible()
    await expect(console.row(other)).to_have_count(0)
    await expect(chip).to_have_text(f"Mine, later{number}")

    await page.reload()  # at its address
    await expect(chip).to_have_attribute("aria-pressed", "true")
    await expect(console.row(wanted)).to_be_visible()
    await customer.do("send_message", {"conversationId": wanted, "content": "Any news?"})
    await expect(console.row(wanted)).to_have_count(0)
    await expect(chip).to_have_text(f"Mine, later{number - 1 or ''}")
    assert await console.violations() == []

    await page.get_by_role("button", name="Edit view").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove view").click()
    await expect(chip).to_have_count(0)
    await expect(console.row(wanted)).to_be_visible()


async def test_selected_conversations_are_assigned_and_closed_and_closing_is_undone(
    open_console: Open, account: DemoAccount
) -> None:
    kwame, _ = account.agents
    wanted = [(await account.start_conversation(name, "Hello", customer_number=n))[1] for n, name in enumerate("AB")]
    console = await open_console(kwame)
    page, first = console.page, console.row(wanted[0])
    await expect(first).to_be_visible()
    for one in wanted:
        item = page.get_by_role("listitem").filter(has=console.row(one))
        await item.get_by_role("checkbox").check()
    bar = page.get_by_role("group", name="Selected conversations")
    await expect(bar).to_contain_text("2 selected")
    assert await console.violations() == []
    await bar.get_by_role("button", name="Assign the selected ones").click()
    await page.get_by_role("menuitemradio", name="(you)").click()
    await expect(bar).to_have_count(0)
    await page.get_by_role("button", name="Mine", exact=True).click()
    until = {"conversationId": wanted[0], "until": (datetime.now(UTC) + timedelta(days=2)).isoformat()}
    await (await account.connect(kwame)).do("snooze_conversation", until)
    await page.get_by_role("button", name="Pending").click()
    await first.click()
    await page.keyboard.press("x")
    await expect(bar).to_contain_text("1 selected")
    await console.hold(UNDO_MS)
    await page.evaluate(RECORD_SENT)
    await bar.get_by_role("button", name="Close", exact=True).click()
    await expect(first).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(first).to_contain_text("Snoozed until")
    sent = [one for one in await page.evaluate("window.sent") if "update_conversations" in one]
    assert ["snoozedUntil" in one for one in sent] == [False, True], "one request to close, and one to undo it"


async def test_title_counts_own_unread_conversations_that_the_list_does_not_show(
    open_console: Open, account: DemoAccount
) -> None:
    _, zoe = account.agents
    _, conversation = await account.start_conversation("Lamp", "It flickers")
    await (await account.connect(zoe)).do("assign_conversation", {"conversationId": conversation, "agentId": zoe["id"]})
    _, other = await account.start_conversation("Bulb", "It is dark", customer_number=1)
    console = await open_console(zoe, url=f"{account.url}/?view=unassigned")
    await expect(console.page).to_have_title(re.compile(r"\(\d+\) HummDesk"))
    before = await console.page.title()
    await (await account.connect(zoe)).do("assign_conversation", {"conversationId": other, "agentId": zoe["id"]})
    await expect(console.page).not_to_have_title(before)
    await expect(console.row(conversation)).to_have_count(0)
