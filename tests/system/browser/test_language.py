"""Console, operations page and widget in German."""

import re

from playwright.async_api import Browser, Page, Route, expect

from tests.system.browser.conftest import DemoAccount
from tests.system.browser.console_page import ConsolePage
from tests.system.browser.foreign_site import ForeignSite

ENGLISH = re.compile(r"\b(the|and|your|messages?|conversations?|assign\w*|close|open|status|reply|note|search)\b", re.I)
"""Words of the English texts; the demo data has an English subject and content of its own."""


async def test_console_in_german_browser_is_german_and_english_by_choice(
    chromium: Browser, account: DemoAccount
) -> None:
    context = await chromium.new_context(locale="de-AT", reduced_motion="reduce")
    console = ConsolePage(page := await context.new_page())
    texts: list[str] = []
    page.on("request", lambda request: texts.append(request.url) if request.url.endswith(".json") else None)
    await page.goto(account.url)
    await expect(page.get_by_text("Melden Sie sich in der Agentenkonsole an.")).to_be_visible()
    await page.get_by_role("button", name=account.admin["email"]).click()
    await expect(page.get_by_role("navigation", name="Liste der Konversationen")).to_be_visible()
    assert "/console-de-" in texts[0]
    assert await page.evaluate("document.documentElement.lang") == "de"
    _, conversation = await account.start_conversation("Riss im Zelt", "Guten Tag!")
    await console.row(conversation).click()
    await expect(page.get_by_role("log", name="Nachrichten")).to_be_visible()
    await expect(page.get_by_text("Heute")).to_be_visible()
    assert await english_labels(page) == []
    assert await console.violations() == []
    await page.get_by_role("searchbox").fill("from:a")
    await expect(page.get_by_text("Der Filter from: braucht mindestens 3 Buchstaben")).to_be_visible()
    assert len(texts) == len(set(texts))
    await page.get_by_role("searchbox").fill("")
    await page.goto(f"{account.url}/settings/labels/new")
    await page.get_by_role("button", name="Label hinzufügen").click()
    await expect(page.get_by_text("Muss 1 bis 50 Zeichen haben.")).to_be_visible()
    assert [one for one in texts if "-de-" not in one] == []
    await page.goto(account.url)

    await page.get_by_role("button", name="Ihren Status ändern").click()
    await page.get_by_role("menuitemradio", name="English").click()
    await expect(page.get_by_role("navigation", name="List of conversations")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("navigation", name="List of conversations")).to_be_visible()
    await page.goto(f"{account.url}/ops")
    await expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    await page.evaluate("localStorage.clear()")
    await page.reload()
    await expect(page.get_by_role("heading", name="Ihr Konto")).to_be_visible()
    await expect(page.get_by_role("caption")).to_contain_text(["KI-Läufe in der letzten Stunde", "Externe KI-Modelle"])
    assert await english_labels(page) == []
    assert console.errors == []
    await context.close()


async def english_labels(page: Page) -> list[str]:
    """Names of buttons, fields and regions that contain English words."""
    labels: list[str] = await page.evaluate(
        "[...document.querySelectorAll('[aria-label], [title], [placeholder], button, h1, h2, h3, th, caption, dt')]"
        ".filter((one) => !one.matches('.row, .row *') && !one.closest('[lang=en]'))"
        ".flatMap((one) => [one.ariaLabel, one.title, one.placeholder, one.matches('button') ? one.innerText : ''])"
    )
    return [label for label in labels if label and ENGLISH.search(label.replace("Status", ""))]


async def test_widget_language_is_that_of_script_else_of_page(
    chromium: Browser, account: DemoAccount, foreign_site: ForeignSite
) -> None:
    context = await chromium.new_context(
        locale="en-GB", viewport={"width": 1100, "height": 760}, reduced_motion="reduce"
    )
    page = await context.new_page()
    for attribute, of_page, name in (("", "de-CH", "Chat öffnen"), ('data-language="en"', "de", "Open the chat")):
        script = f'<script src="{account.url}/widget.js" data-account="{account.id}" {attribute} defer></script>'
        foreign_site.page = f'<!doctype html><html lang="{of_page}"><title>Laden</title>{script}'
        await page.goto(foreign_site.origin)
        await expect(page.get_by_role("button", name=name)).to_be_visible()
    await show_german_widget(page, account)
    await context.close()


async def show_german_widget(page: Page, account: DemoAccount) -> None:
    await page.route("**/demo/shop", serve_in_german)
    await page.goto(f"{account.url}/demo/shop")
    await page.get_by_role("button", name="Chat öffnen").click()
    await page.get_by_role("textbox", name="Ihre Nachricht").fill("Reparieren Sie Zelte?")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("img", name="Gesendet")).to_be_visible()
    assert await ConsolePage(page).violations() == []


async def serve_in_german(route: Route) -> None:
    page = await route.fetch()
    await route.fulfill(response=page, body=(await page.text()).replace('lang="en"', 'lang="de"'))
