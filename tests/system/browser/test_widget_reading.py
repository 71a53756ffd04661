"""Reading and writing in the widget: kept places, unsent text, and several conversations."""

import re
from typing import Any

from playwright.async_api import Browser, expect

from tests.system.browser.conftest import DemoAccount
from tests.system.browser.test_widget import Visitor, start_chat, visit

MARK = "message_read"
SCROLL_UP = """async (log) => {
    if (log.scrollTop === 0) return;  // no event would follow
    const scrolled = new Promise((done) => log.addEventListener("scroll", done, { once: true }));
    log.scrollTop = 0;
    await scrolled;
}"""
LINES = "\n".join(f"line {n}" for n in range(8))


async def open_shop(chromium: Browser, account: DemoAccount) -> Visitor:
    context = await chromium.new_context(viewport={"width": 1100, "height": 700}, reduced_motion="reduce")
    return await visit(context, account.url)


async def place_of(visitor: Visitor, text: str) -> float:
    box = await visitor.message(text).bounding_box()
    assert box is not None
    return box["y"]


async def test_reader_keeps_the_place_and_unsent_text_survives_until_the_person_changes(
    chromium: Browser, account: DemoAccount
) -> None:
    agent = await account.connect(account.agents[1])
    visitor = await open_shop(chromium, account)
    conversation = await start_chat(visitor, agent, "What is new?")

    async def reply(text: str, **more: Any) -> Any:
        return await agent.do("send_message", {"conversationId": conversation, "content": text, **more})

    for n in range(56):
        await reply(f"Number {n}")
    await expect(visitor.message("Number 55")).to_be_in_viewport()
    await visitor.page.reload()
    await expect(visitor.message("Number 55")).to_be_in_viewport()
    await expect(visitor.field).not_to_be_focused()
    await expect(visitor.log).to_contain_text(re.compile("today|yesterday"))

    await visitor.log.evaluate(SCROLL_UP)
    oldest = "Number 6"
    await expect(visitor.message(oldest)).to_be_in_viewport()
    before = await place_of(visitor, oldest)
    await visitor.page.get_by_role("button", name="Load earlier messages").click()
    await expect(visitor.message("What is new?")).to_have_count(1)
    assert abs(await place_of(visitor, oldest) - before) < 2
    await expect(visitor.message("What is new?")).not_to_be_in_viewport()

    file = {"url": "https://shop.example/a.pdf", "filename": "a.pdf", "contentType": "application/pdf", "size": 2048}
    arrived = await reply("Arrived", attachments=[file])
    pill = visitor.page.get_by_role("button", name="1 new")
    await expect(pill).to_be_visible()
    await expect(visitor.message(oldest)).to_be_in_viewport()
    marks = [payload for name, payload in agent.received if name == MARK and payload["readByType"] == "customer"]
    assert arrived["messageId"] not in [mark["messageId"] for mark in marks]
    await pill.click()
    await expect(visitor.message("Arrived")).to_be_in_viewport()
    await expect(visitor.log.get_by_role("link", name="a.pdf")).to_contain_text("2 kB")
    await agent.receives(MARK, messageId=arrived["messageId"], readByType="customer")

    await visitor.field.fill(LINES)
    box = await visitor.field.bounding_box()
    assert box is not None
    assert box["height"] > 100
    await visitor.page.keyboard.press("Escape")
    await visitor.launcher.click()
    await expect(visitor.field).to_have_value(LINES)
    await visitor.page.reload()
    await expect(visitor.field).to_have_value(LINES)
    await visitor.log.evaluate(SCROLL_UP)
    await visitor.write("My own")
    await expect(visitor.message("My own")).to_be_in_viewport()

    await visitor.field.fill("Half a secret")
    await visitor.page.evaluate("(token) => HummDesk.identify(token)", account.customers[1]["token"])
    await expect(visitor.field).to_have_value("")
    await visitor.page.reload()
    await expect(visitor.field).to_have_value("")
    assert visitor.view.errors == []
    await visitor.page.context.close()


async def test_visitor_has_several_conversations_with_preview_and_unread_count(
    chromium: Browser, account: DemoAccount
) -> None:
    agent = await account.connect(account.agents[1])
    visitor = await open_shop(chromium, account)
    first = await start_chat(visitor, agent, "Where is my order?")
    await visitor.page.get_by_role("button", name="All conversations").click()
    await visitor.page.get_by_role("button", name="New conversation").click()
    await visitor.write("Do you sell ropes?")
    second = str((await agent.receives("new_message", content="Do you sell ropes?"))["conversationId"])
    assert second != first
    await expect(visitor.message("Where is my order?")).to_have_count(0)

    await visitor.page.keyboard.press("Escape")
    await agent.do("send_message", {"conversationId": first, "content": "In Leith."})
    await expect(visitor.launcher).to_have_accessible_name("Open the chat, 1 unread")
    preview = visitor.page.get_by_role("button", name="In Leith.")
    await expect(preview).to_be_visible()
    assert await visitor.view.violations("color-contrast", within="hummdesk-widget") == []
    await preview.click()
    for text in ("Where is my order?", "New", "In Leith."):
        await expect(visitor.message(text)).to_be_visible()
    await agent.receives(MARK, conversationId=first, readByType="customer")

    await visitor.page.reload()
    await expect(visitor.message("In Leith.")).to_be_visible()
    await visitor.page.get_by_role("button", name="All conversations").click()
    rows = visitor.page.get_by_role("list", name="Your conversations").get_by_role("button")
    await expect(rows).to_have_text([re.compile("In Leith"), re.compile("Do you sell ropes")])
    assert await visitor.view.violations(within="hummdesk-widget") == []
    await rows.nth(1).click()
    await expect(visitor.message("Do you sell ropes?")).to_be_visible()
    assert visitor.view.errors == []
    await visitor.page.context.close()
