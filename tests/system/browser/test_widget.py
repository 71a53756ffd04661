"""The chat widget: a visitor of a host page, and the agent who replies."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from hummdesk.operator.people import set_widget_origins
from hummdesk.server.http.pages import BUILT
from tests.integration.server.accounts import Client
from tests.system.browser.conftest import DemoAccount
from tests.system.browser.console_page import RECONNECT_MS, TYPING_MS, ConsolePage
from tests.system.browser.foreign_site import ForeignSite
from tests.system.browser.tcp_proxy import TcpProxy

MAX_KIB = 35
"""Of the script and the texts of one language, compressed with Brotli."""
SCRIPT = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script><b onclick="window.hurt=1">bold</b>'


class Visitor:
    """A page with the widget. Locators pierce its shadow root."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.view = ConsolePage(page)
        self.log = page.get_by_role("log", name="Messages")
        self.dialog = page.get_by_role("dialog")
        self.field = page.get_by_role("textbox", name="Your message")

    @property
    def launcher(self) -> Locator:
        return self.page.get_by_role("button", name=re.compile("the chat")).last

    async def write(self, text: str) -> None:
        await self.page.get_by_role("textbox", name="Your message").fill(text)
        await self.page.keyboard.press("Enter")

    def message(self, text: str) -> Locator:
        return self.log.get_by_text(text, exact=True)


@pytest.fixture
async def context(chromium: Browser) -> AsyncIterator[Any]:
    context = await chromium.new_context(viewport={"width": 1100, "height": 760}, reduced_motion="reduce")
    yield context
    await context.close()


async def visit(context: Any, url: str) -> Visitor:
    visitor = Visitor(await context.new_page())
    await visitor.page.goto(f"{url}/demo/shop")
    return visitor


async def start_chat(visitor: Visitor, agent: Client, text: str) -> str:
    """Send the first message of a visitor and join the conversation as the agent. Returns its id."""
    await visitor.launcher.click()
    await visitor.write(text)
    conversation = str((await agent.receives("new_message", content=text))["conversationId"])
    await agent.do("join_conversation", conversation)
    return conversation


async def test_visitor_conversation_survives_page_reload(context: Any, account: DemoAccount) -> None:
    agent = await account.connect(account.agents[1])
    visitor = await visit(context, account.url)
    conversation = await start_chat(visitor, agent, "Do you repair tents?")
    (asked,) = (await agent.do("get_messages", {"conversationId": conversation}))["messages"]
    await agent.do("message_read", {"conversationId": conversation, "messageId": asked["messageId"]})
    await expect(visitor.log.get_by_role("img", name="Read")).to_be_visible()
    await visitor.view.hold(TYPING_MS)
    await agent.do("typing_start", {"conversationId": conversation})
    await expect(visitor.log).to_contain_text("is typing")
    await visitor.page.get_by_role("textbox", name="Your message").press_sequentially("W")
    await agent.receives("typing_start", conversationId=conversation)
    await agent.do("send_message", {"conversationId": conversation, "content": "A note", "private": True})
    joined = f"{account.agents[1]['name']} joined the conversation"
    await agent.do("claim_conversation", {"conversationId": conversation})
    await expect(visitor.message(joined)).to_be_visible()
    answer = await agent.do("send_message", {"conversationId": conversation, "content": "We do."})
    await expect(visitor.message("We do.")).to_be_visible()
    await agent.receives("message_read", messageId=answer["messageId"], readByType="customer")

    await visitor.page.keyboard.press("Escape")
    await visitor.page.reload()
    await agent.do("send_message", {"conversationId": conversation, "content": "Send it to us."})
    await expect(visitor.launcher).to_have_accessible_name(re.compile("1 unread"))
    counts = "new Promise((done) => HummDesk.onUnread((count) => count && done(count)))"
    assert await visitor.page.evaluate(counts) == 1
    await visitor.launcher.click()
    for text in ("Do you repair tents?", joined, "We do.", "Send it to us."):
        await expect(visitor.message(text)).to_be_visible()
    await expect(visitor.message("A note")).to_have_count(0)
    assert visitor.view.errors == []


async def test_message_stored_while_the_widget_joins_is_counted_as_unread(context: Any, account: DemoAccount) -> None:
    agent = await account.connect(account.agents[1])
    visitor = await visit(context, account.url)
    conversation = await start_chat(visitor, agent, "Do you sell maps?")

    async def send_before_the_join(route: Route) -> None:
        if "join_conversation" in (route.request.post_data or ""):
            await agent.do("send_message", {"conversationId": conversation, "content": "Of all mountains."})
        await route.continue_()

    await visitor.page.keyboard.press("Escape")
    # Without WebSocket every request is one that the page's routes see.
    await visitor.page.route_web_socket("**/socket.io/**", lambda socket: socket.close())
    await visitor.page.route("**/socket.io/**", send_before_the_join)
    await visitor.page.reload()
    await expect(visitor.launcher).to_have_accessible_name(re.compile("1 unread"))


async def test_messages_written_offline_are_sent_once_in_order(context: Any, account: DemoAccount) -> None:
    agent = await account.connect(account.agents[1])
    async with TcpProxy(int(account.url.rpartition(":")[2])) as proxy:
        visitor = await visit(context, proxy.url)
        await visitor.launcher.click()
        proxy.cut()
        await visitor.write("Hello!")
        await visitor.write("Is my order on its way?")
        await expect(visitor.log.get_by_text("Waiting to be sent")).to_have_count(2)
        proxy.restore()
        await expect(visitor.log).not_to_contain_text("Waiting to be sent", timeout=RECONNECT_MS)
        asked = await agent.receives("new_message", content="Is my order on its way?")
        conversation = asked["conversationId"]
        proxy.cut()
        await expect(visitor.page.get_by_role("status")).to_contain_text("No connection")
        await visitor.write("first")
        await visitor.write("second")
        await expect(visitor.log).to_contain_text("Waiting to be sent")
        await agent.do("send_message", {"conversationId": conversation, "content": "It is."})
        proxy.restore()
        await expect(visitor.message("It is.")).to_be_visible(timeout=RECONNECT_MS)
        await expect(visitor.log).not_to_contain_text("Waiting to be sent")
        page = await agent.do("get_messages", {"conversationId": conversation})
        texts = [message["content"] for message in page["messages"]]
        assert texts == ["Hello!", "Is my order on its way?", "It is.", "first", "second"]


async def test_html_and_scripts_in_messages_are_inert(context: Any, account: DemoAccount) -> None:
    agent = await account.connect(account.agents[1])
    visitor = await visit(context, account.url)
    conversation = await start_chat(visitor, agent, SCRIPT)
    await expect(visitor.message(SCRIPT)).to_be_visible()
    html = {"conversationId": conversation, "contentType": "html", "content": f"{SCRIPT}<em>&lt;i&gt;</em>"}
    await agent.do("send_message", html)
    await expect(visitor.log.locator("em")).to_have_text("<i>")
    await expect(visitor.log.locator("b")).to_have_text("bold")
    assert await visitor.page.evaluate("window.hurt === undefined")
    assert await visitor.log.locator("script, [src], [onclick]").count() == 0
    assert visitor.view.errors == []


async def test_host_page_identifies_and_logs_out_customer(context: Any, account: DemoAccount) -> None:
    customer = account.customers[1]
    agent = await account.connect(account.agents[1])
    visitor = await visit(context, account.url)
    await visitor.page.evaluate("(token) => HummDesk.identify(token)", customer["token"])
    await visitor.page.evaluate("HummDesk.open()")
    await visitor.write("It is me.")
    assert (await agent.receives("new_message", content="It is me."))["senderId"] == customer["id"]
    stored = await visitor.page.evaluate("JSON.stringify(localStorage)")
    assert customer["token"] not in stored
    await visitor.page.evaluate("HummDesk.logout()")
    await expect(visitor.log).to_have_count(0)
    await visitor.launcher.click()
    await expect(visitor.log).to_contain_text("How can we help you?")
    await expect(visitor.message("It is me.")).to_have_count(0)


async def test_identified_visitor_continues_the_conversation_as_the_customer(
    context: Any, account: DemoAccount
) -> None:
    customer = account.customers[2]
    agent = await account.connect(account.agents[1])
    visitor = await visit(context, account.url)
    await visitor.launcher.click()
    await visitor.write("Who am I?")
    asked = await agent.receives("new_message", content="Who am I?")
    await visitor.page.evaluate("(token) => HummDesk.identify(token)", customer["token"])
    await visitor.write("It is me again.")
    received = await agent.receives("new_message", content="It is me again.")
    assert (received["conversationId"], received["senderId"]) == (asked["conversationId"], customer["id"])
    await expect(visitor.message("Who am I?")).to_be_visible()
    assert ".pass" not in await visitor.page.evaluate("JSON.stringify(Object.keys(localStorage))")


async def test_styles_of_page_and_widget_do_not_affect_each_other(context: Any, account: DemoAccount) -> None:
    visitor = await visit(context, account.url)
    before = await style_of(visitor.page, "document.querySelector('nav a')")
    hostile = "button, textarea, p, h2 { font-size: 40px !important; display: none !important }"
    await visitor.page.evaluate(
        "(css) => { const s = new CSSStyleSheet(); s.replaceSync(css); document.adoptedStyleSheets = [s] }", hostile
    )
    await visitor.launcher.click()
    await expect(visitor.page.get_by_role("textbox", name="Your message")).to_be_focused()
    inside = await style_of(visitor.page, "document.querySelector('hummdesk-widget').shadowRoot.querySelector('h2')")
    assert inside["fontSize"] == "17px"
    assert before == await style_of(visitor.page, "document.querySelector('nav a')")


async def style_of(page: Page, element: str) -> Any:
    seen = "({fontSize, color, display}) => ({fontSize, color, display})"
    return await page.evaluate(f"({seen})(getComputedStyle({element}))")


async def test_widget_on_phone_is_usable_by_keyboard_and_screen_reader(chromium: Browser, account: DemoAccount) -> None:
    size: Any = {"width": 360, "height": 640}
    context = await chromium.new_context(viewport=size, reduced_motion="reduce")
    agent = await account.connect(account.agents[1])
    visitor = await visit(context, account.url)
    await visitor.launcher.focus()
    await visitor.page.keyboard.press("Enter")
    await expect(visitor.page.get_by_role("textbox", name="Your message")).to_be_focused()
    text = f"A long wordwithoutanyend{'x' * 60}"
    await visitor.write(text)
    conversation = str((await agent.receives("new_message", content=text))["conversationId"])
    await agent.do("send_message", {"conversationId": conversation, "content": "Yes?"})
    await expect(visitor.message("Yes?")).to_be_visible()
    assert await visitor.dialog.bounding_box() == {"x": 0, "y": 0, **size}
    assert await visitor.view.violations() == []
    assert await visitor.view.dark_violations() == []
    assert await visitor.view.width() == size["width"]
    await visitor.page.set_viewport_size({"width": size["width"], "height": 300})  # the keyboard of the phone
    await expect(visitor.field).to_have_css("font-size", "16px")
    await expect(visitor.message("Yes?")).to_be_in_viewport()
    await expect(visitor.page.get_by_role("button", name="Send", exact=True)).to_be_in_viewport()
    await visitor.page.keyboard.press("Escape")
    await expect(visitor.log).to_have_count(0)
    await expect(visitor.launcher).to_be_focused()
    await context.close()


async def test_widget_on_foreign_origin_works_only_if_account_allows_it(
    context: Any, account: DemoAccount, allowed_site: ForeignSite, foreign_site: ForeignSite
) -> None:
    script = f'<script src="{account.url}/widget.js" data-account="{account.id}"></script>'
    allowed_site.page = foreign_site.page = f"<!doctype html><title>A account</title>{script}"
    agent = await account.connect(account.agents[1])
    visitor = Visitor(await context.new_page())
    for site, notice in (
        (foreign_site, "No connection"),
        (allowed_site, "This origin is not allowed to show the widget"),
    ):
        await visitor.page.goto(site.origin)
        await visitor.launcher.click()
        await visitor.write(f"Do you ship to {site.origin}?")
        await expect(visitor.page.get_by_role("status")).to_contain_text(notice)
    assert not [payload for name, payload in agent.received if name == "new_message" and "ship" in payload["content"]]

    await set_widget_origins(account.settings, account_id=account.id, origins=["self", allowed_site.origin])
    await visitor.page.reload()
    asked = await agent.receives("new_message", content=f"Do you ship to {allowed_site.origin}?")
    await agent.do("send_message", {"conversationId": asked["conversationId"], "content": "We do."})
    await expect(visitor.message("We do.")).to_be_visible()
    await visitor.page.reload()
    await expect(visitor.message("We do.")).to_be_visible()


def test_widget_bundle_stays_below_size_limit() -> None:
    script = (BUILT / "widget.js.br").stat().st_size
    for language in ("en", "de"):
        (texts,) = BUILT.glob(f"assets/widget-{language}-*.json.br")
        assert script + texts.stat().st_size < MAX_KIB * 1024
