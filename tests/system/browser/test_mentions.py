"""A note that mentions a colleague, who is notified once, however many tabs are open."""

from playwright.async_api import expect

from tests.system.browser.conftest import DemoAccount, Open

RECORD_NOTIFICATIONS = """
    window.shown = JSON.parse(localStorage.getItem("test.shown") ?? "[]");
    window.Notification = class {
        static permission = "granted";
        static requestPermission = async () => "granted";
        constructor(title) {
            const shown = JSON.parse(localStorage.getItem("test.shown") ?? "[]");
            localStorage.setItem("test.shown", JSON.stringify([...shown, title]));
        }
        close() {}
    };
"""
SHOWN = "() => JSON.parse(localStorage.getItem('test.shown') ?? '[]')"
TEXT_OF_ALERTS = "() => JSON.parse(localStorage.getItem('hummdesk.alerted') ?? '[]').length"


async def test_mentioned_colleague_is_notified_once_in_two_tabs(open_console: Open, account: DemoAccount) -> None:
    kwame, zoe = account.agents
    customer, conversation = await account.start_conversation("A mention", "Who knows this?")
    first, second = await open_console(kwame), await open_console(zoe)
    await second.page.context.add_init_script(RECORD_NOTIFICATIONS)
    await second.page.reload()
    await second.page.get_by_role("button", name="your status").click()
    await second.page.get_by_role("menuitemradio", name="Notifications").click()
    dialog = second.page.get_by_role("dialog", name="Notifications")
    await dialog.get_by_role("checkbox", name="Notification of the desktop").check()
    assert await second.violations() == []
    await second.page.keyboard.press("Escape")
    tab = await second.page.context.new_page()
    await tab.goto(account.url)
    await expect(tab.get_by_role("navigation", name="List of conversations")).to_be_visible()

    await first.open(conversation)
    await first.page.keyboard.press("n")
    await first.page.keyboard.type(f"Ask @{zoe['name'][:3]}")
    await expect(first.page.get_by_role("option", name=zoe["name"])).to_be_visible()
    await first.page.keyboard.press("Enter")
    field = first.page.get_by_role("textbox", name="Private note")
    await expect(field).to_have_value(f"Ask @{zoe['name']} ")
    await first.page.keyboard.press("Enter")
    for page in (second.page, tab):
        await expect(page.get_by_text(f"{kwame['name']} mentioned you")).to_be_visible()
        await page.wait_for_function(f"({TEXT_OF_ALERTS})() > 0")
    await tab.get_by_role("link", name="Open").click()
    await expect(tab.get_by_text(f"Ask @{zoe['name']}").last).to_be_visible()
    await expect(tab.get_by_text(f"{kwame['name']} mentioned you")).to_have_count(0)
    await tab.keyboard.press("m")
    await customer.receives("conversation_assigned")
    await tab.keyboard.press("Escape")
    await customer.do("send_message", {"conversationId": conversation, "content": "And my order?"})
    await second.page.wait_for_function(f"({TEXT_OF_ALERTS})() > 1")
    mentioned, asked = await second.page.evaluate(SHOWN)
    assert (mentioned, asked) == (f"{kwame['name']} mentioned you", account.customers[0]["name"])
    await tab.close()
    await second.page.evaluate("localStorage.clear()")
