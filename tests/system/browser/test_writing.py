"""Writing a reply: canned replies, Markdown, sending and closing, and what can be undone."""

from playwright.async_api import expect

from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.console_page import HELD_MS, UNDO_MS
from tests.system.browser.test_console import QUESTION

CREATE_REPLY = """async ([token, reply]) => {
    const headers = {Authorization: `Bearer ${token}`, "Content-Type": "application/json"};
    const answer = await fetch("/api/v1/canned-replies", {method: "POST", headers, body: JSON.stringify(reply)});
    if (!answer.ok) throw new Error(await answer.text());
}"""


async def test_canned_reply_is_sent_and_conversation_closed_and_reopened(
    open_console: Open, account: DemoAccount
) -> None:
    customer, conversation = await account.start_conversation("A canned answer", "Where is it?")
    name = account.customers[0]["name"]
    agent = await open_console(account.agents[0])
    reply = {"title": "Zeppelin parcel", "body": "Hello {{name}}, your order {{order number}} is late."}
    await agent.page.evaluate(CREATE_REPLY, [account.admin["token"], reply])
    await agent.open(conversation)
    following = agent.page.locator(f"li:has([data-conversation='{conversation}']) + li a")
    next_conversation = await following.get_attribute("data-conversation")

    notes = agent.page.get_by_role("textbox", name="Notes on this customer")
    await notes.fill("Prefers to be called")
    save = agent.page.get_by_role("region", name="Notes on this customer").get_by_role("button", name="Save")
    await save.click()
    await expect(save).to_have_count(0)
    await agent.page.get_by_role("button", name="attribute").click()
    form = agent.page.get_by_role("form", name="Attributes")
    await form.get_by_role("button", name="Add an attribute").click()
    added = form.get_by_role("group").last
    await added.get_by_role("textbox", name="Name").fill("orders")
    await added.get_by_role("combobox", name="Type").select_option("number")
    await added.get_by_role("spinbutton", name="Value").fill("3")
    assert await agent.violations(within=".details") == []
    await form.get_by_role("button", name="Save").click()
    await expect(agent.page.locator(".customer-attribute").filter(has_text="orders")).to_contain_text("3")
    await agent.page.reload()
    await expect(notes).to_have_value("Prefers to be called")

    field = agent.page.get_by_role("textbox", name="Reply")
    await expect(field).to_be_visible()
    await agent.hold(HELD_MS, UNDO_MS)
    await agent.page.keyboard.press("r")
    await agent.page.keyboard.type("/zepp")
    option = agent.page.get_by_role("option", name="Zeppelin parcel")
    await expect(option).to_have_attribute("aria-selected", "true")
    assert await agent.violations() == []
    await agent.page.keyboard.press("Enter")
    await expect(field).to_have_value(f"Hello {name}, your order [order number] is late.")
    await agent.page.keyboard.type("10482")  # into the gap
    await field.press("End")
    await agent.page.keyboard.type(" Sorry")
    await agent.page.keyboard.press("Shift+Control+ArrowLeft")
    await agent.page.keyboard.press("Control+b")
    await agent.page.keyboard.press("Control+Shift+Enter")
    sent = await customer.receives("new_message", senderType="agent")
    assert sent["content"] == f"Hello {name}, your order 10482 is late. <strong>Sorry</strong>"
    assert (await customer.receives("conversation_status_changed"))["newStatus"] == "closed"
    await expect(agent.page).to_have_url(f"{account.url}/c/{next_conversation}")
    await expect(agent.page.get_by_text(f"Closed: {name}")).to_be_visible()
    assert await agent.violations() == []
    await agent.page.keyboard.press("z")
    assert (await customer.receives("conversation_status_changed", newStatus="open"))["oldStatus"] == "closed"
    await expect(agent.message("10482").locator("strong")).to_have_text("Sorry")

    await agent.page.keyboard.press("m")
    await customer.receives("conversation_assigned")
    await customer.do("send_message", {"conversationId": conversation, "content": QUESTION})
    send = agent.draft.get_by_role("button", name="Send as is")
    await send.click()
    await expect(agent.draft).to_have_count(0)
    await agent.page.get_by_role("button", name="Undo").click()
    await send.click()
    await expect(agent.page.get_by_text("The reply is sent in 5 seconds")).to_be_visible()
    await agent.page.goto("about:blank")  # sent when the page closes
    assert (await customer.receives("new_message", senderType="agent"))["content"].startswith("Hi Hugo")
    await agent.page.goto(account.url)


async def test_emoji_is_found_by_name_and_inserted_with_the_keyboard(open_console: Open, account: DemoAccount) -> None:
    _, conversation = await account.start_conversation("An emoji", "Did it arrive?")
    agent = await open_console(account.agents[0])
    await agent.open(conversation)
    field = agent.page.get_by_role("textbox", name="Reply")
    with_emoji = "Yes 👍\N{VARIATION SELECTOR-16} indeed"
    await field.fill("Yes  indeed")
    for _ in range(len(" indeed")):
        await field.press("ArrowLeft")
    await agent.page.get_by_role("button", name="Emoji").press("Enter")
    search = agent.page.get_by_role("combobox", name="Search emoji")
    await expect(search).to_be_focused()
    await search.press_sequentially("thumbs up")
    option = agent.page.get_by_role("option", name="thumbs up", exact=True)
    await expect(option).to_have_attribute("aria-selected", "true")
    await search.press("Enter")
    await expect(field).to_have_value(with_emoji)
    await expect(field).to_be_focused()

    await agent.page.get_by_role("button", name="Emoji").click()
    recent = agent.page.get_by_role("group", name="Recently used")
    await expect(recent.get_by_role("option", name="thumbs up")).to_have_attribute("aria-selected", "true")
    assert await agent.violations(within="dialog") == []
    await search.press("ArrowDown")
    await expect(agent.page.get_by_role("option", name="grinning face", exact=True)).to_have_attribute(
        "aria-selected", "true"
    )
    await agent.page.get_by_role("button", name="Dark skin tone", exact=True).click()
    await search.fill("thumbs up")
    await expect(option).to_have_text("👍🏿")
    await search.press("Escape")
    await expect(search).to_have_count(0)
    await expect(field).to_have_value(with_emoji)
