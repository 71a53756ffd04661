"""Two agents and a customer, each in a browser or at a socket of their own."""

import re
from pathlib import Path

from playwright.async_api import expect

from tests.system.browser.conftest import Open, Shop
from tests.system.browser.console import Console
from tests.system.browser.wire import Wire

QUESTION = "Hello, my tent has a broken pole. How do I send it back, and when do I get my refund?"


async def test_a_conversation_from_question_to_close(open_console: Open, shop: Shop, pictures: Path) -> None:
    kwame, zoe = shop.agents
    first, second = await open_console(kwame), await open_console(zoe)
    await first.page.get_by_role("button", name="your status").click()
    await first.page.get_by_role("menuitemradio", name="Busy").click()
    colleague = second.page.locator(".colleagues li").filter(has_text=kwame["name"])
    await expect(colleague).to_contain_text("Busy")
    await first.page.get_by_role("button", name="your status").click()
    await first.page.get_by_role("menuitemradio", name="Online").click()
    await expect(colleague).to_contain_text("Online")
    customer, conversation = await shop.ask("Broken pole", "Is anybody there?")
    await expect(first.page.locator(".row").first).to_contain_text("Broken pole")
    await expect(first.row(conversation).locator(".badge")).to_have_text(re.compile("1"))
    await first.open(conversation)
    await expect(first.row(conversation).locator(".badge")).to_have_count(0)
    await second.open(conversation)
    await expect(first.page.locator(".viewers")).to_contain_text(zoe["name"])
    await expect(second.page.locator(".viewers")).to_contain_text(kwame["name"])

    await first.page.keyboard.press("m")
    for console in (first, second):
        await expect(console.page.locator("[data-opens=assign]")).to_contain_text(kwame["name"])
    await second.write("He called yesterday, see order 10482.", key="n")
    await expect(first.said("order 10482")).to_contain_text("Private note")
    await customer.do("typing_start", {"conversationId": conversation})
    await expect(first.page.locator(".typing")).to_contain_text("is typing")
    await customer.do("send_message", {"conversationId": conversation, "content": QUESTION})
    await expect(first.page.locator(".typing")).not_to_contain_text("is typing")
    await expect(first.page.get_by_role("group", name="What the AI has found")).to_contain_text("Refund cancellation")
    await expect(first.draft).to_contain_text("Hi Hugo")
    await expect(first.draft).not_to_contain_text("A newer message came")
    await first.page.screenshot(path=pictures / "console.png")

    await correct(first, second, conversation)
    await first.draft.get_by_role("button", name="Send as it is").click()
    answer = await customer.hears("new_message", senderType="agent")
    assert answer["content"].startswith("Hi Hugo")
    for console in (first, second):
        await expect(console.draft).to_have_count(0)
    await expect(first.said("Hi Hugo").locator(".ticks")).to_contain_text("Sent")
    await customer.do("message_read", {"conversationId": conversation, "messageId": answer["messageId"]})
    await expect(first.said("Hi Hugo").locator(".ticks")).to_contain_text("Read by the customer")

    await first.page.keyboard.press("r")
    await first.page.keyboard.type("One more")
    await customer.hears("typing_start", userId=kwame["id"])
    await first.page.keyboard.press("Escape")
    await customer.hears("typing_stop", userId=kwame["id"])
    await first.page.keyboard.press("e")
    assert (await customer.hears("conversation_status_changed"))["newStatus"] == "closed"
    await expect(second.row(conversation)).to_have_count(0)
    assert not [payload for _, payload in customer.heard if "10482" in str(payload)]
    assert not [name for name in customer.names() if name.startswith("ai_") or name == "conversation_viewers"]


async def correct(first: Console, second: Console, conversation: str) -> None:
    """What the AI has found, for everybody, and whoever comes later."""
    found = {"name": "What the AI has found"}
    await first.page.get_by_role("button", name="correct the category").click()
    await first.page.get_by_role("menuitemradio", name="Technical").click()
    await first.page.get_by_role("button", name="priority: correct it").click()
    await first.page.get_by_role("menuitemradio", name="Urgent").click()
    for console in (first, second):
        await expect(console.page.get_by_role("group", **found)).to_contain_text("Technical")
        await expect(console.page.get_by_role("group", **found)).to_contain_text("Urgent priority")
        await expect(console.row(conversation)).to_contain_text("Urgent")
    await second.page.reload()
    await second.open(conversation)
    await expect(second.page.get_by_role("group", **found)).to_contain_text("Technical")


async def test_an_answer_to_what_is_no_longer_the_last_word(open_console: Open, shop: Shop) -> None:
    kwame, zoe = shop.agents
    first, second = await open_console(kwame), await open_console(zoe)
    customer, conversation = await shop.ask("Torn sail")
    await first.open(conversation)
    await second.open(conversation)
    await first.page.keyboard.press("m")
    await customer.hears("conversation_assigned")
    await customer.do("send_message", {"conversationId": conversation, "content": QUESTION})
    as_it_is = first.draft.get_by_role("button", name="Send as it is")
    await expect(as_it_is).to_be_enabled()
    with shop.idle_workers():  # who would make a draft that knows of this
        await customer.do("send_message", {"conversationId": conversation, "content": "It is urgent."})
        await expect(first.draft).to_contain_text("A newer message came")
        await expect(as_it_is).to_be_disabled()
        await first.draft.get_by_role("button", name="Edit").click()
    await expect(first.page.get_by_role("textbox", name="Reply")).to_have_value(re.compile("Hi Hugo"))
    await second.write("I have sent you a label.")
    await expect(first.said("sent you a label")).to_be_visible()
    await first.page.get_by_role("button", name="Send", exact=True).click()
    refused = first.page.get_by_role("alert")
    await expect(refused).to_contain_text("Somebody else has answered meanwhile")
    await expect(refused.locator("blockquote").last).to_contain_text("I have sent you a label.")
    assert (await customer.hears("new_message", senderType="agent"))["content"] == "I have sent you a label."
    assert not [payload for _, payload in customer.heard if payload.get("senderType") == "agent"]
    await refused.get_by_role("button", name="Send it all the same").click()
    await expect(refused).to_have_count(0)
    assert (await customer.hears("new_message", senderId=kwame["id"]))["content"].startswith("Hi Hugo")


async def test_what_is_written_while_the_network_is_cut_is_sent_once(
    open_console: Open, shop: Shop, wire: Wire
) -> None:
    agent = await open_console(shop.agents[1], url=wire.url)
    customer, conversation = await shop.ask("Lost in the woods")
    await agent.open(conversation)
    wire.cut()
    banner = agent.page.locator(".banner")
    await expect(banner).to_contain_text("Offline")
    await agent.write("First, stay where you are.")
    await agent.write("Second, light a fire.")
    await expect(banner).to_contain_text("2 messages wait.")
    await expect(agent.said("Second, light")).to_contain_text("Waits for the connection")
    await customer.do("send_message", {"conversationId": conversation, "content": "It is getting dark."})
    await agent.page.get_by_role("button", name="Try now").click()
    wire.mend()
    await expect(banner).to_contain_text("Nothing was missed")
    await expect(agent.said("getting dark")).to_have_count(1)
    await expect(agent.said("Second, light").locator(".ticks")).to_contain_text("Sent")

    wire.cut()
    await expect(banner).to_contain_text("Offline")
    await agent.write("Third, wait.")
    await customer.do("send_message", {"conversationId": conversation, "content": "It is dark."})
    await shop.forget_absent()
    wire.mend()
    await expect(banner).to_contain_text("brought up to date")
    await expect(agent.said("It is dark.")).to_have_count(1)
    await expect(agent.said("Third, wait.").locator(".ticks")).to_contain_text("Sent")
    page = await customer.do("get_messages", {"conversationId": conversation})
    said = [(message["senderType"], message["content"]) for message in page["messages"]]
    assert said == [
        ("customer", "It is getting dark."),
        ("agent", "First, stay where you are."),
        ("agent", "Second, light a fire."),
        ("customer", "It is dark."),
        ("agent", "Third, wait."),
    ]


async def test_html_and_scripts_are_inert(open_console: Open, shop: Shop) -> None:
    attack = "<img src=x onerror=\"alert(1)\"><script>alert(2)</script><b onclick='alert(3)'>bold</b>"
    customer, conversation = await shop.ask(f"{attack} subject", attack)
    agent = await open_console(shop.agents[0])
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
    last = agent.said("example.org")
    await expect(last.get_by_role("link")).to_have_attribute("href", "https://example.org/x")
    shown = agent.page.get_by_role("log")
    await expect(shown.locator("strong, b")).to_have_text(["bold"])
    await expect(shown.locator("li")).to_have_text(["one"])
    assert await shown.locator("img, script, iframe, [onclick], [onerror]").count() == 0
    assert await agent.page.locator("a[href^='javascript']").count() == 0
    safe = shown.get_by_role("link", name="safe", exact=True)
    await expect(safe).to_have_attribute("href", "https://example.com/?a=1&b=2")
    await expect(safe).to_have_attribute("rel", "noopener noreferrer nofollow")
    await expect(agent.said("<script>alert(2)</script>").first).to_be_visible()


async def test_history_comes_on_scroll_and_is_found_by_words(open_console: Open, shop: Shop) -> None:
    customer, conversation = await shop.ask("A long story", "It begins with a kettlebell.")
    zoe = await shop.connect(shop.agents[1])
    for number in range(70):
        await zoe.do("send_message", {"conversationId": conversation, "content": f"Chapter {number}"})
    agent = await open_console(shop.agents[0])
    await agent.page.keyboard.press("/")
    await agent.page.keyboard.type("kettleb")
    await expect(agent.page.locator(".row[data-conversation]")).to_have_count(1)
    await agent.open(conversation)
    await expect(agent.said("Chapter 69")).to_be_in_viewport()
    assert await agent.said("kettlebell").count() == 0
    await agent.page.get_by_role("log").hover()
    await agent.page.mouse.wheel(0, -20_000)
    await expect(agent.said("kettlebell")).to_have_count(1)
    await expect(agent.said("Chapter 20")).to_be_in_viewport()  # where one was: nothing jumps
    await agent.page.mouse.wheel(0, -20_000)
    await expect(agent.said("kettlebell")).to_be_in_viewport()
    await customer.do("send_message", {"conversationId": conversation, "content": "And then?"})
    await expect(agent.said("And then?")).to_have_count(1)
    await expect(agent.said("kettlebell")).to_be_in_viewport()


async def test_filters_show_whose_and_which(open_console: Open, shop: Shop) -> None:
    agent = await open_console(shop.agents[0])
    _, conversation = await shop.ask("Whose is this?", "Mine?")
    await expect(agent.row(conversation)).to_be_visible()
    await agent.page.get_by_role("button", name="Mine", exact=True).click()
    await expect(agent.row(conversation)).to_have_count(0)
    await agent.page.get_by_role("button", name="Unassigned", exact=True).click()
    await agent.open(conversation)
    await agent.page.keyboard.press("a")
    await agent.page.get_by_role("menuitemradio", name="(you)").click()
    await expect(agent.row(conversation)).to_have_count(0)
    await agent.page.keyboard.press("Control+k")
    await agent.page.keyboard.type("show mine")
    await agent.page.keyboard.press("Enter")
    await expect(agent.row(conversation)).to_be_visible()
    await agent.page.locator("[data-opens=status]").click()
    await expect(agent.page.get_by_role("menuitemradio", name="Open")).to_be_focused()
    await agent.page.keyboard.press("ArrowDown")
    await agent.page.keyboard.press("Enter")
    await expect(agent.row(conversation)).to_have_count(0)
    await agent.page.get_by_role("button", name="Pending", exact=True).first.click()
    await expect(agent.row(conversation)).to_be_visible()


async def test_a_supervisor_sees_everything_and_changes_nothing(open_console: Open, shop: Shop) -> None:
    _, conversation = await shop.ask("Who watches?", "Somebody?")
    supervisor = await open_console(shop.supervisor)
    await supervisor.open(conversation)
    await expect(supervisor.said("Somebody?")).to_be_visible()
    await expect(supervisor.page.get_by_text("you are a supervisor")).to_be_visible()
    assert await supervisor.page.locator("#composer, [data-opens]").count() == 0
    await supervisor.page.keyboard.press("e")
    await expect(supervisor.row(conversation).locator(".badge")).to_have_text(re.compile("1"))
