"""A note that mentions a colleague, who is notified once, however many tabs are open."""

from playwright.async_api import Browser, expect

from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.console_page import ConsolePage

RECORD_NOTIFICATIONS = """
    const shown = () => JSON.parse(localStorage.getItem("test.shown") ?? "[]");
    window.Notification = class {
        static permission = "granted";
        static requestPermission = async () => "granted";
        constructor(title) {
            localStorage.setItem("test.shown", JSON.stringify([...shown(), title]));
        }
        close() {}
    };
"""
SHOWN = "JSON.parse(localStorage.getItem('test.shown') ?? '[]')"
ALERTS = "JSON.parse(localStorage.getItem('hummdesk.alerted') ?? '[]').length"


async def test_mentioned_colleague_is_notified_once_in_two_tabs(
    open_console: Open, chromium: Browser, account: DemoAccount
) -> None:
    kwame, zoe = account.agents
    customer, conversation = await account.start_conversation("A mention", "Who knows this?")
    first = await open_console(kwame)
    context = await chromium.new_context(locale="en-GB", reduced_motion="reduce")
    await context.add_init_script(RECORD_NOTIFICATIONS)
    second, tab = ConsolePage(await context.new_page()), ConsolePage(await context.new_page())
    await second.page.goto(account.url)
    await second.sign_in(zoe)
    await second.page.get_by_role("button", name="your status").click()
    await second.page.get_by_role("menuitemradio", name="Notifications").click()
    dialog = second.page.get_by_role("dialog", name="Notifications")
    await dialog.get_by_role("checkbox", name="Desktop notification").check()
    assert await second.violations() == []
    await second.page.keyboard.press("Escape")
    await tab.page.goto(account.url)
    await expect(tab.row(conversation)).to_be_visible()

    await first.open(conversation)
    await first.page.keyboard.press("n")
    await first.page.keyboard.type(f"Ask @{zoe['name'][:3]}")
    await expect(first.page.get_by_role("option", name=zoe["name"])).to_be_visible()
    await first.page.keyboard.press("Enter")
    field = first.page.get_by_role("textbox", name="Private note")
    await expect(field).to_have_value(f"Ask @{zoe['name']} ")
    await first.page.keyboard.press("Enter")
    mentioned = f"{kwame['name']} mentioned you"
    for console in (second, tab):
        await expect(console.page.get_by_text(mentioned)).to_be_visible()
    await tab.page.locator(".toast").get_by_role("link", name="Open").click()
    await expect(tab.message(f"Ask @{zoe['name']}")).to_be_visible()
    await expect(tab.page.get_by_text(mentioned)).to_have_count(0)
    await tab.page.keyboard.press("m")
    await customer.receives("conversation_assigned")
    await tab.page.keyboard.press("Escape")
    await customer.do("send_message", {"conversationId": conversation, "content": "And my order?"})
    await second.page.wait_for_function(f"() => {SHOWN}.length > 1")
    await tab.page.wait_for_function(f"() => {ALERTS} > 1")
    assert await second.page.evaluate(SHOWN) == [mentioned, account.customers[0]["name"]]
    await context.close()
    assert second.errors + tab.errors == []
