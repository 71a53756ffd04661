"""Labels, snoozing and counts in the console."""

from playwright.async_api import expect

from tests.system.browser.conftest import DemoAccount, Open


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
