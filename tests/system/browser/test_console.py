"""The agent console: agents in browsers, customers at sockets."""

import re

from playwright.async_api import expect

from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.console_page import HELD_MS, NOTICE_MS, RECONNECT_MS, TYPING_MS, ConsolePage
from tests.system.browser.tcp_proxy import TcpProxy
from tests.system.browser.test_moves import call

QUESTION = "Hello, my tent has a broken pole. How do I send it back, and when do I get my refund?"


async def test_conversation_from_question_to_close_is_in_sync_for_both_agents(
    open_console: Open, account: DemoAccount
) -> None:
    kwame, zoe = account.agents
    first, second = await open_console(kwame), await open_console(zoe)
    await first.page.get_by_role("button", name="your status").click()
    await first.page.get_by_role("menuitemradio", name="Busy").click()
    colleague = second.page.locator(".colleagues li").filter(has_text=kwame["name"])
    await expect(colleague).to_contain_text("Busy")
    await first.page.get_by_role("button", name="your status").click()
    await first.page.get_by_role("menuitemradio", name="Online").click()
    await expect(colleague).to_contain_text("Online")
    customer, conversation = await account.start_conversation("Broken pole", "Is anybody there?")
    await expect(first.page.locator(".row").first).to_contain_text("Broken pole")
    await expect(first.row(conversation).locator(".badge")).to_have_text(re.compile("1"))
    await first.hold(TYPING_MS)
    await first.open(conversation)
    await second.open(conversation)
    await expect(first.page.locator(".viewers")).to_contain_text(zoe["name"])
    await expect(second.page.locator(".viewers")).to_contain_text(kwame["name"])

    await first.page.keyboard.press("m")
    for console in (first, second):
        await expect(console.page.locator("[data-opens=assign]")).to_contain_text(kwame["name"])
    await second.page.keyboard.press("n")
    await second.page.keyboard.type("He")
    await expect(first.page.locator(".typing")).to_contain_text("is typing")
    for _ in "He":
        await second.page.keyboard.press("Backspace")
    await second.write("He called yesterday, see order 10482.", key="n")
    assert "typing_start" not in customer.names()
    await expect(first.message("order 10482")).to_contain_text("Private note")
    await customer.do("typing_start", {"conversationId": conversation})
    await expect(first.page.locator(".typing")).to_contain_text("is typing")
    await customer.do("send_message", {"conversationId": conversation, "content": QUESTION})
    await expect(first.page.locator(".typing")).not_to_contain_text("is typing")
    await expect(first.classification).to_contain_text("Refund cancellation")
    await expect(first.draft).to_contain_text("Hi Hugo")
    await expect(first.draft).not_to_contain_text("A newer message arrived")

    await first.draft.locator("summary").click()
    await expect(first.draft.locator("blockquote").first).not_to_be_empty()

    await correct(first, second, conversation)
    await first.hold(HELD_MS)
    await first.draft.get_by_role("button", name="Send as is").click()
    await first.page.locator(".toast").get_by_role("button", name="Dismiss").click()  # do not wait for an undo
    answer = await customer.receives("new_message", senderType="agent")
    assert answer["content"].startswith("Hi Hugo")
    for console in (first, second):
        await expect(console.draft).to_have_count(0)
    await expect(first.row(conversation).locator(".badge")).to_have_count(0)
    await expect(second.row(conversation).locator(".badge")).to_have_text(re.compile("2"))
    await expect(first.message("Hi Hugo").locator(".ticks")).to_contain_text("Sent")
    await customer.do("message_read", {"conversationId": conversation, "messageId": answer["messageId"]})
    await expect(first.message("Hi Hugo").locator(".ticks")).to_contain_text("Read by the customer")

    await first.page.keyboard.press("r")
    await first.page.keyboard.type("One more")
    await customer.receives("typing_start", userId=kwame["id"])
    await first.page.keyboard.press("Escape")
    await customer.receives("typing_stop", userId=kwame["id"])
    await first.page.keyboard.press("e")
    assert (await customer.receives("conversation_status_changed"))["newStatus"] == "closed"
    await expect(second.row(conversation)).to_have_count(0)
    assert not [payload for _, payload in customer.received if "10482" in str(payload)]
    assert not [name for name in customer.names() if name.startswith("ai_") or name == "conversation_viewers"]


async def correct(first: ConsolePage, second: ConsolePage, conversation: str) -> None:
    """Correct the classification; the change reaches both agents and survives a reload."""
    await first.page.get_by_role("button", name="change category").click()
    await first.page.get_by_role("menuitemradio", name="Technical").click()
    await first.page.get_by_role("button", name="change priority").click()
    await first.page.get_by_role("menuitemradio", name="Urgent").click()
    for console in (first, second):
        await expect(console.classification).to_contain_text("Technical")
        await expect(console.classification).to_contain_text("Urgent priority")
        await expect(console.row(conversation)).to_contain_text("Urgent")
    await second.page.reload()
    await second.open(conversation)
    await expect(second.classification).to_contain_text("Technical")


async def test_reply_based_on_stale_draft_is_refused_and_can_be_resent(
    open_console: Open, account: DemoAccount
) -> None:
    kwame, zoe = account.agents
    first, second = await open_console(kwame), await open_console(zoe)
    customer, conversation = await account.start_conversation("Torn sail")
    await first.open(conversation)
    await second.open(conversation)
    await first.page.keyboard.press("m")
    await customer.receives("conversation_assigned")
    await customer.do("send_message", {"conversationId": conversation, "content": QUESTION})
    send_as_is = first.draft.get_by_role("button", name="Send as is")
    await expect(send_as_is).to_be_enabled()
    with account.suspended_workers():  # or a newer draft would replace the stale one
        await customer.do("send_message", {"conversationId": conversation, "content": "It is urgent."})
        await expect(first.draft).to_contain_text("A newer message arrived")
        await expect(send_as_is).to_be_disabled()
        await first.draft.get_by_role("button", name="Edit").click()
    await expect(first.page.get_by_role("textbox", name="Reply")).to_have_value(re.compile("Hi Hugo"))
    await second.write("I have sent you a label.")
    await expect(first.message("sent you a label")).to_be_visible()
    await first.page.get_by_role("button", name="Send", exact=True).click()
    refused = first.page.get_by_role("alert")
    await expect(refused).to_contain_text("Someone else replied in the meantime")
    await expect(refused.locator("blockquote").last).to_contain_text("I have sent you a label.")
    assert (await customer.receives("new_message", senderType="agent"))["content"] == "I have sent you a label."
    assert not [payload for _, payload in customer.received if payload.get("senderType") == "agent"]
    await refused.get_by_role("button", name="Send anyway").click()
    await expect(refused).to_have_count(0)
    assert (await customer.receives("new_message", senderId=kwame["id"]))["content"].startswith("Hi Hugo")


async def test_unread_counts_are_personal_and_typed_replies_are_guarded(
    open_console: Open, account: DemoAccount
) -> None:
    kwame, zoe = account.agents
    first, second = await open_console(kwame), await open_console(zoe)
    customer, conversation = await account.start_conversation("Wet matches", "Do they dry?")
    for console in (first, second):
        await console.open(conversation)
        await expect(console.message("Do they dry?")).to_be_visible()
    assert "message_read" not in customer.names(), "opening is no receipt"
    badges = [console.row(conversation).locator(".badge") for console in (first, second)]
    await first.page.get_by_role("button", name="Mark as read").click()
    assert (await customer.receives("message_read"))["readBy"] == kwame["id"]
    await expect(badges[0]).to_have_count(0)
    await expect(badges[1]).to_have_text(re.compile("1"))
    await first.page.keyboard.press("i")
    await expect(badges[0]).to_have_text(re.compile("1"))
    await first.page.reload()
    await expect(badges[0]).to_have_text(re.compile("1"))
    await first.open(conversation)

    await first.page.keyboard.press("r")
    await first.page.keyboard.type("They do, slowly.")
    await second.write("No, sorry.")
    await expect(first.message("No, sorry.")).to_be_visible()
    await first.page.keyboard.press("Enter")
    refused = first.page.get_by_role("alert")
    await expect(refused.locator("blockquote")).to_contain_text("No, sorry.")
    await expect(badges[1]).to_have_count(0)
    edit = refused.get_by_role("button", name="Edit")
    await first.page.keyboard.type("W")
    await expect(edit).to_be_disabled()
    await first.page.keyboard.press("Backspace")
    await edit.click()
    await expect(first.page.get_by_role("textbox", name="Reply")).to_have_value("They do, slowly.")
    await second.write("Buy new ones.")
    await expect(first.message("Buy new ones.")).to_be_visible()
    await first.page.keyboard.press("Enter")
    await refused.get_by_role("button", name="Send anyway").click()
    await expect(refused).to_have_count(0)
    assert (await customer.receives("new_message", senderId=kwame["id"]))["content"] == "They do, slowly."

    await call(account, "PATCH", "/settings", readOnView="assignee")
    customer, conversation = await account.start_conversation("Damp tinder", "Is it lost?")
    await first.open(conversation)
    badge = first.row(conversation).locator(".badge")
    await expect(badge).to_have_text(re.compile("1"))
    await first.page.get_by_role("button", name="Claim", exact=True).click()
    assert (await customer.receives("message_read"))["readBy"] == kwame["id"]
    await expect(badge).to_have_count(0)
    await call(account, "PATCH", "/settings", readOnView="off")


async def test_messages_written_offline_are_sent_once(
    open_console: Open, account: DemoAccount, proxy: TcpProxy
) -> None:
    agent = await open_console(account.agents[1], url=proxy.url)
    customer, conversation = await account.start_conversation("Lost in the woods")
    _, other = await account.start_conversation("Found again", "It was behind the tent.", customer_number=1)
    await agent.open(conversation)
    await agent.hold(NOTICE_MS)
    proxy.cut()
    banner = agent.page.locator(".banner")
    await expect(banner).to_contain_text("Offline")
    await agent.write("First, stay where you are.")
    await agent.write("Second, light a fire.")
    await expect(banner).to_contain_text("2 messages queued.")
    await agent.row(other).click()
    await expect(agent.message("Second, light")).to_have_count(0)
    await agent.row(conversation).click()
    await expect(agent.message("Second, light")).to_contain_text("Waiting for the connection")
    await customer.do("send_message", {"conversationId": conversation, "content": "It is getting dark."})
    await agent.page.get_by_role("button", name="Reconnect now").click()
    proxy.restore()
    await expect(banner).to_contain_text("No messages were missed", timeout=RECONNECT_MS)
    await expect(agent.message("getting dark")).to_have_count(1)
    await expect(agent.message("Second, light").locator(".ticks")).to_contain_text("Sent")

    proxy.cut()
    await expect(banner).to_contain_text("Offline")
    await agent.write("Third, wait.")
    await customer.do("send_message", {"conversationId": conversation, "content": "It is dark."})
    await account.expire_recovery()
    proxy.restore()
    await expect(banner).to_contain_text("up to date", timeout=RECONNECT_MS)
    await expect(agent.message("It is dark.")).to_have_count(1)
    await expect(agent.message("Third, wait.").locator(".ticks")).to_contain_text("Sent")
    page = await customer.do("get_messages", {"conversationId": conversation})
    stored = [(message["senderType"], message["content"]) for message in page["messages"]]
    assert stored == [
        ("customer", "It is getting dark."),
        ("agent", "First, stay where you are."),
        ("agent", "Second, light a fire."),
        ("customer", "It is dark."),
        ("agent", "Third, wait."),
    ]


async def test_html_and_scripts_in_messages_are_inert(open_console: Open, account: DemoAccount) -> None:
    attack = "<img src=x onerror=\"alert(1)\"><script>alert(2)</script><b onclick='alert(3)'>bold</b>"
    customer, conversation = await account.start_conversation(f"{attack} subject", attack)
    agent = await open_console(account.agents[0])
    await agent.open(conversation)
    rich = (
        attack
        + '<a href="javascript:alert(4)">click</a> <a href="https://example.com/?a=1&amp;b=2">safe</a><ul><li>one</ul>'
    )
    for kind in ("text", "html"):
        await customer.do("send_message", {"conversationId": conversation, "content": rich, "contentType": kind})
    await customer.do(
        "send_message", {"conversationId": conversation, "content": "see javascript:alert(5) https://example.org/x."}
    )
    last = agent.message("example.org")
    await expect(last.get_by_role("link")).to_have_attribute("href", "https://example.org/x")
    shown = agent.page.get_by_role("log")
    await expect(shown.locator("strong, b")).to_have_text(["bold"])
    await expect(shown.locator("li")).to_have_text(["one"])
    assert await shown.locator("img, script, iframe, [onclick], [onerror]").count() == 0
    assert await agent.page.locator("a[href^='javascript']").count() == 0
    safe = shown.get_by_role("link", name="safe", exact=True)
    await expect(safe).to_have_attribute("href", "https://example.com/?a=1&b=2")
    await expect(safe).to_have_attribute("rel", "noopener noreferrer nofollow")
    await expect(agent.message("<script>alert(2)</script>").first).to_be_visible()


async def test_history_keeps_the_place_of_the_reader_and_opens_at_what_is_new_or_searched(
    open_console: Open, account: DemoAccount
) -> None:
    kwame, _ = account.agents
    await call(account, "PATCH", "/settings", readOnView="assignee")
    customer, conversation = await account.start_conversation("A long story", "It begins with a kettlebell.")
    zoe = await account.connect(account.agents[1])
    for number in range(70):
        await zoe.do("send_message", {"conversationId": conversation, "content": f"Chapter {number}"})
    await zoe.do("assign_conversation", {"conversationId": conversation, "agentId": kwame["id"]})
    agent = await open_console(kwame)
    await agent.open(conversation)
    await expect(agent.message("Chapter 69")).to_be_in_viewport()
    await customer.receives("message_read", readBy=kwame["id"])
    assert await agent.message("kettlebell").count() == 0
    await agent.page.get_by_role("log").hover()
    await agent.page.mouse.wheel(0, -20_000)
    await expect(agent.message("kettlebell")).to_have_count(1)
    await expect(agent.message("Chapter 20")).to_be_in_viewport()  # the position is kept
    await agent.page.mouse.wheel(0, -20_000)
    await expect(agent.message("kettlebell")).to_be_in_viewport()

    badge = agent.row(conversation).locator(".badge")
    for content in ("And then?", "Go on!"):
        await customer.do("send_message", {"conversationId": conversation, "content": content})
    await expect(agent.page.get_by_role("button", name="2 new", exact=True)).to_be_in_viewport()
    await expect(agent.message("kettlebell")).to_be_in_viewport()
    await expect(badge).to_have_text(re.compile("2"))
    assert not [mark for name, mark in customer.received if name == "message_read" and mark["readBy"] == kwame["id"]]
    await agent.page.get_by_role("button", name="2 new", exact=True).click()
    await expect(agent.message("Go on!")).to_be_in_viewport()
    await customer.receives("message_read", readBy=kwame["id"])
    await expect(badge).to_have_count(0)
    await call(account, "PATCH", "/settings", readOnView="off")
    await agent.page.get_by_role("log").hover()
    await agent.page.mouse.wheel(0, -20_000)
    await expect(agent.message("kettlebell")).to_be_in_viewport()
    await agent.write("They lived happily.")
    await expect(agent.message("They lived happily.")).to_be_in_viewport()

    await agent.page.keyboard.press("Escape")
    await agent.page.keyboard.press("Escape")
    await customer.do("send_message", {"conversationId": conversation, "content": "Thank you."})
    await expect(badge).to_have_text(re.compile("1"))
    await agent.open(conversation)
    await expect(agent.page.locator(".unread-line + article")).to_contain_text("Thank you.")
    await agent.page.keyboard.press("Escape")
    await agent.page.keyboard.press("/")
    await agent.page.keyboard.type("kettleb")
    await expect(agent.page.locator(".row[data-conversation]")).to_have_count(1)
    await agent.open(conversation)
    await expect(agent.message("kettlebell")).to_be_in_viewport()
    await expect(agent.message("kettlebell")).to_have_class(re.compile("hit"))
    await agent.page.get_by_role("log").hover()
    await agent.page.mouse.wheel(0, 20_000)
    await expect(agent.message("kettlebell")).not_to_be_in_viewport()
    await agent.open(conversation)  # again
    await expect(agent.message("kettlebell")).to_be_in_viewport()


async def test_filters_by_assignee_and_status_show_matching_conversations(
    open_console: Open, account: DemoAccount
) -> None:
    agent = await open_console(account.agents[0])
    _, conversation = await account.start_conversation("Whose is this?", "Mine?")
    await expect(agent.row(conversation)).to_be_visible()
    await agent.page.get_by_role("button", name="Mine", exact=True).click()
    await expect(agent.row(conversation)).to_have_count(0)
    await agent.page.get_by_role("button", name="Unassigned", exact=True).click()
    await agent.open(conversation)
    await agent.page.keyboard.press("a")
    await agent.page.get_by_role("menuitemradio", name="(you)").click()
    await expect(agent.row(conversation)).to_have_count(0)
    await agent.page.keyboard.press("Control+k")
    await agent.page.keyboard.type("show my")
    await agent.page.keyboard.press("Enter")
    await expect(agent.row(conversation)).to_be_visible()
    await agent.page.locator("[data-opens=status]").click()
    await expect(agent.page.get_by_role("menuitemradio", name="Open")).to_be_focused()
    await agent.page.keyboard.press("ArrowDown")
    await agent.page.keyboard.press("Enter")
    await expect(agent.row(conversation)).to_have_count(0)
    await agent.page.get_by_role("button", name="Pending", exact=True).first.click()
    await expect(agent.row(conversation)).to_be_visible()


async def test_viewer_sees_conversations_and_cannot_change_them(open_console: Open, account: DemoAccount) -> None:
    _, conversation = await account.start_conversation("Who watches?", "Somebody?")
    viewer = await open_console(account.viewer)
    await viewer.open(conversation)
    await expect(viewer.message("Somebody?")).to_be_visible()
    await expect(viewer.page.get_by_text("Read-only access")).to_be_visible()
    assert await viewer.page.locator("#composer, [data-opens], .summary").count() == 0
    await viewer.page.keyboard.press("e")
    await expect(viewer.row(conversation).locator(".badge")).to_have_text(re.compile("1"))


async def test_shortcut_pressed_in_first_frame_opens_palette(open_console: Open, account: DemoAccount) -> None:
    agent = await open_console()
    button = agent.page.get_by_role("button", name=account.agents[0]["email"])
    await expect(button).to_be_visible()
    await agent.page.evaluate(PRESS_BEFORE_FIRST_PAINT)
    await button.click()
    assert await agent.page.evaluate("window.pressed") == "Command or conversation"


PRESS_BEFORE_FIRST_PAINT = """() => {
  window.pressed = new Promise((resolve) => {
    const observer = new MutationObserver(() => {
      if (!document.querySelector(".console")) return;
      observer.disconnect();
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "k", ctrlKey: true, bubbles: true }));
      setTimeout(() => resolve(document.activeElement.ariaLabel));
    });
    observer.observe(document.body, { childList: true, subtree: true });
  });
}"""
"""Press Control+K as soon as the console is in the document, and report the focused field before the next task."""


async def test_shortcut_pressed_while_a_dialog_closes_is_not_lost(open_console: Open, account: DemoAccount) -> None:
    agent = await open_console(account.agents[0])
    await agent.page.keyboard.press("Control+k")
    await expect(agent.page.get_by_role("dialog", name="Command palette")).to_be_visible()
    await agent.page.evaluate(CLOSE_DIALOG_AND_PRESS_QUESTION_MARK)
    await expect(agent.page.get_by_role("dialog", name="Command palette")).to_have_count(0)
    await expect(agent.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


CLOSE_DIALOG_AND_PRESS_QUESTION_MARK = """() => {
  document.querySelector("dialog[open]").close();
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "?", bubbles: true }));
}"""
"""Escape closes a dialog at once, while its event `close` follows in a task of its own: press a key between both."""
