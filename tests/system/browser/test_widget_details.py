"""What the widget shows and asks around the first message, by settings of the account."""

import asyncio
import json
from typing import Any

from playwright.async_api import Browser, expect

from hummdesk.operator.people import set_widget_origins
from tests.integration.server.accounts import Account
from tests.system.browser.conftest import DemoAccount
from tests.system.browser.console_page import ConsolePage
from tests.system.browser.foreign_site import ForeignSite
from tests.system.browser.test_widget import Visitor

RULE = {"page": "/boots", "visitors": "new", "texts": {"en": "Which size do you need?"}}

HAS_CHECKED_RULES = "(account) => localStorage.getItem(`hummdesk.${account}.visited`) !== null"


async def set_look(desk: Account, **look: Any) -> None:
    await desk.execute(
        "UPDATE accounts SET widget_look = %(look)s::jsonb WHERE account_id = %(account)s", look=json.dumps(look)
    )


async def test_visitor_is_addressed_by_page_and_asked_for_details_before_or_after_the_first_message(
    chromium: Browser, account: DemoAccount, allowed_site: ForeignSite
) -> None:
    desk = await Account(settings=account.settings, url=account.url).make()
    await set_widget_origins(desk.settings, account_id=desk.id, origins=[allowed_site.origin])
    allowed_site.page = (
        f'<!doctype html><html lang="en"><title>Shop</title>'
        f'<script src="{desk.url}/widget.js" data-account="{desk.id}"></script>'
    )
    await set_look(desk, preChat="required", proactive=[RULE])
    agent = await desk.connect("agent")
    context = await chromium.new_context(viewport={"width": 1100, "height": 760}, reduced_motion="reduce")
    visitor = Visitor(await context.new_page())
    details = visitor.page.get_by_role("form", name="Your details")
    email = details.get_by_role("textbox", name="E-mail address")
    await visitor.page.goto(allowed_site.origin)
    await visitor.page.wait_for_function(HAS_CHECKED_RULES, arg=str(desk.id))
    await visitor.page.evaluate("() => history.pushState(null, '', '/boots')")
    await visitor.page.get_by_role("button", name="Which size do you need?").click()
    await expect(visitor.log).to_contain_text("Which size do you need?")
    await expect(visitor.dialog).to_contain_text(desk.people["agent"].name)
    await expect(visitor.field).to_have_count(0)
    await details.get_by_role("textbox", name="Name").fill("Zoe")
    await email.fill("zoe@example.com")
    assert await visitor.view.violations(within="hummdesk-widget") == []
    await visitor.page.keyboard.press("Enter")
    await visitor.write("Nine.")
    customer = (await agent.receives("conversation_created"))["customer"]
    assert (customer["name"], customer["email"]) == ("Zoe", "zoe@example.com")
    await expect(details).to_have_count(0)
    await context.close()

    await set_look(desk)
    context = await chromium.new_context(viewport={"width": 1100, "height": 760}, reduced_motion="reduce")
    visitor = Visitor(await context.new_page())
    details = visitor.page.get_by_role("form", name="Your details")
    await visitor.page.goto(f"{allowed_site.origin}/boots")
    await visitor.launcher.click()
    await visitor.write("Do you repair soles?")
    asked = await agent.receives("conversation_created")
    assert asked["customer"]["name"] == "Visitor from /boots"
    await details.get_by_role("textbox", name="E-mail address").fill("kwame@example.com")
    await visitor.field.fill("Not in the way")
    await details.get_by_role("button", name="Save").click()
    while (await agent.receives("conversation_updated"))["customer"]["email"] != "kwame@example.com":
        pass
    await expect(details).to_have_count(0)
    await expect(visitor.field).to_have_value("Not in the way")
    await context.close()
    await desk.close()


async def test_pages_that_a_visitor_opens_are_shown_beside_the_conversation(
    chromium: Browser, account: DemoAccount, allowed_site: ForeignSite
) -> None:
    desk = await Account(settings=account.settings, url=account.url).make()
    await set_widget_origins(desk.settings, account_id=desk.id, origins=[allowed_site.origin])
    allowed_site.page = (
        f'<!doctype html><html lang="en"><title>Shop</title>'
        f'<script src="{desk.url}/widget.js" data-account="{desk.id}"></script>'
    )
    await set_look(desk, recordPages=True)
    agent = await desk.connect("agent")
    context = await chromium.new_context(viewport={"width": 1100, "height": 760}, reduced_motion="reduce")
    visitor = Visitor(await context.new_page())
    await visitor.page.goto(f"{allowed_site.origin}/boots?token=secret#top")
    await visitor.page.wait_for_function(HAS_CHECKED_RULES, arg=str(desk.id))
    await visitor.launcher.click()
    await expect(visitor.dialog).to_contain_text("We see which pages of this site you visit.")
    assert await visitor.view.violations(within="hummdesk-widget") == []
    await until_visited(desk, "/boots")
    await visitor.page.evaluate("() => { history.pushState(null, '', '/tents?size=9'); document.title = '' }")
    await until_visited(desk, "/tents")
    await visitor.write("Is it waterproof?")
    conversation = (await agent.receives("conversation_created"))["conversationId"]

    shop = context
    context = await chromium.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    await context.add_init_script(f"sessionStorage.setItem('hummdesk.token', {json.dumps(desk.token('agent'))})")
    console = ConsolePage(await context.new_page())
    await console.page.goto(f"{desk.url}/c/{conversation}")
    links = console.page.get_by_role("region", name="Pages visited").get_by_role("link")
    await expect(links).to_have_text(["/tents", "Shop"])
    await expect(links.last).to_have_attribute("href", f"{allowed_site.origin}/boots")
    await expect(links.last).to_have_attribute("rel", "noopener noreferrer")
    await visitor.page.evaluate("() => { history.pushState(null, '', '/maps'); document.title = 'Shop' }")
    await until_visited(desk, "/maps")
    await visitor.write("And the maps?")
    await expect(links).to_have_text(["Shop/maps", "/tents", "Shop/boots"])
    assert await console.violations(within=".details") == []
    await context.close()
    await shop.close()
    await desk.close()


async def until_visited(desk: Account, path: str) -> None:
    """The widget reports a page when it has been open for a second."""
    visits = "SELECT FROM page_visits WHERE account_id = %(account)s AND url LIKE '%%' || %(path)s"
    async with asyncio.timeout(30):
        while not await desk.execute(visits, path=path):
            await asyncio.sleep(0.05)
