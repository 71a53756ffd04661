"""The look of the widget: chosen by an admin, shown to visitors of a page with a strict Content-Security-Policy."""

import re

from playwright.async_api import Browser, expect

from hummdesk.operator.people import set_widget_origins
from hummdesk.storage import accounts
from hummdesk.storage.database import operator
from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.foreign_site import ForeignSite
from tests.system.browser.test_settings import check, open_settings
from tests.system.browser.test_widget import Visitor

TITLE = "<b>Ask</b> us"
GREETING = "Is your tent <i>dry</i>?"
YELLOW, BLACK = "rgb(245, 217, 10)", "rgb(0, 0, 0)"


async def test_look_is_previewed_saved_and_shown_under_strict_policy(
    open_console: Open, chromium: Browser, account: DemoAccount, allowed_site: ForeignSite
) -> None:
    admin = await open_settings(open_console, account, "widget")
    look = admin.page.get_by_role("region", name="Look")
    color = look.get_by_role("textbox", name="Color")
    await color.fill("yellow")
    await look.get_by_role("button", name="Save").click()
    await expect(color).to_have_attribute("aria-invalid", "true")
    await color.fill("#F5D90A")
    await look.get_by_role("combobox", name="Side of the page").select_option("left")
    await look.get_by_role("textbox", name="Title (English)").fill(TITLE)
    await look.get_by_role("textbox", name="Greeting (English)").fill(GREETING)
    title = look.get_by_role("region", name="Preview").get_by_text(TITLE)
    await expect(title).to_have_css("background-color", YELLOW)
    await expect(title).to_have_css("color", BLACK)
    await look.get_by_role("button", name="Save").click()
    await expect(look.get_by_text("Saved")).to_be_visible()
    snippet = admin.page.get_by_role("textbox", name="Code for your pages")
    await expect(snippet).to_have_value(re.compile('data-color="#f5d90a" data-position="left"'))
    await check(admin)

    await set_widget_origins(account.settings, account_id=account.id, origins=["self", allowed_site.origin])
    policy = (
        f"default-src 'none'; script-src {account.url}; connect-src {account.url} {account.url.replace('http', 'ws')}"
    )
    allowed_site.page = (
        f'<!doctype html><html lang="en"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<title>Shop</title><script src="{account.url}/widget.js" data-account="{account.id}"></script>'
    )
    context = await chromium.new_context(viewport={"width": 1100, "height": 760}, reduced_motion="reduce")
    visitor = Visitor(await context.new_page())
    await visitor.page.goto(allowed_site.origin)
    await visitor.launcher.click()
    dialog = visitor.page.get_by_role("dialog", name=TITLE, exact=True)
    await expect(dialog.get_by_role("heading")).to_have_text(TITLE)
    await expect(visitor.log).to_contain_text(GREETING)
    await expect(dialog.locator("header")).to_have_css("background-color", YELLOW)
    await expect(dialog.locator("header")).to_have_css("color", BLACK)
    assert await visitor.view.violations("color-contrast", within="hummdesk-widget") == []
    assert await visitor.view.dark_violations(within="hummdesk-widget") == []

    await visitor.page.route("**/widget/session", lambda route: route.abort())
    await visitor.page.reload()
    await expect(visitor.launcher).to_have_css("background-color", YELLOW)
    box = await visitor.launcher.bounding_box()
    assert box is not None
    assert box["x"] < 100
    await context.close()
    async with operator(account.settings) as database, database.account(account.id) as tx:
        await accounts.update(tx, None, widget_look={})
