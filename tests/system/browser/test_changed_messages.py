"""An agent edits and unsends a reply, and merges two conversations of the customer."""

from playwright.async_api import expect

from tests.system.browser.conftest import DemoAccount, Open


async def test_agent_edits_and_unsends_a_reply_and_merges_conversations(
    open_console: Open, account: DemoAccount
) -> None:
    customer, conversation = await account.start_conversation("A slip", "When does it arrive?")
    other = await customer.do("start_conversation", {"subject": "The same again"})
    console = await open_console(account.agents[0])
    await console.page.set_viewport_size({"width": 1440, "height": 900})
    await console.open(conversation)
    await console.write("On Frieday")
    await console.page.keyboard.press("Enter")
    await customer.receives("new_message", content="On Frieday")

    async def choose(text: str, choice: str) -> None:
        await console.message(text).hover()
        await console.message(text).get_by_role("button", name="Change message").click()
        await console.page.get_by_role("menuitemradio", name=choice).click()

    await choose("On Frieday", "Edit message")
    await console.page.get_by_role("textbox", name="New text of the message").fill("On **Friday**")
    assert await console.violations() == []
    await console.page.keyboard.press("Enter")
    await customer.receives("message_updated", content="On <strong>Friday</strong>")
    await expect(console.message("On Friday").get_by_text("Edited")).to_be_visible()
    await choose("On Friday", "Unsend")
    await console.page.get_by_role("button", name="Unsend").click()
    await customer.receives("message_updated", withdrawn=True)
    await expect(console.message("This message was withdrawn")).to_be_visible()

    earlier = console.page.get_by_role("region", name="Other conversations").get_by_role("listitem")
    target = earlier.filter(has_text="The same again")
    await target.get_by_role("button", name="Merge into it").click()
    assert await console.violations() == []
    await target.get_by_role("button", name="Merge", exact=True).click()
    await customer.receives("conversation_continued", conversationId=conversation)
    await expect(console.page.get_by_text("merged another conversation into this one")).to_be_visible()
    sent = await customer.do("send_message", {"conversationId": conversation, "content": "Hello again"})
    assert sent["conversationId"] == other["conversation"]["conversationId"]
    await expect(console.message("Hello again")).to_be_visible()
    await console.page.go_back()
    await expect(console.page.get_by_role("link", name="Continued in another conversation")).to_be_visible()
