"""Erased text disappears from the pages that show it."""

from uuid import UUID

from playwright.async_api import Browser, expect

from hummdesk.operator import contact
from hummdesk.relay.erasure import open_eraser
from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.test_widget import Visitor

SECRET = "My password is swordfish5"
ERASED = "This message was erased"


async def erase(account: DemoAccount, conversation: str) -> None:
    """Erase a conversation as the retention does, after which its customer can go on."""
    async with open_eraser(account.settings) as eraser:
        await eraser.erase_conversation(account.id, UUID(conversation))
        await eraser.publish(account.id, UUID(conversation))


async def test_erased_text_is_replaced_in_console_and_widget_that_show_it(
    open_console: Open, account: DemoAccount, chromium: Browser
) -> None:
    socket = await account.connect(account.agents[1])
    context = await chromium.new_context(viewport={"width": 1100, "height": 760}, reduced_motion="reduce")
    visitor = Visitor(await context.new_page())
    await visitor.page.goto(f"{account.url}/demo/shop")
    await visitor.launcher.click()
    await visitor.write(SECRET)
    asked = await socket.receives("new_message", content=SECRET)
    conversation = asked["conversationId"]
    agent = await open_console(account.agents[0])
    await agent.open(conversation)
    await expect(agent.message(SECRET)).to_be_visible()
    await expect(visitor.message(SECRET)).to_be_visible()

    await erase(account, conversation)

    await expect(agent.message(ERASED)).to_be_visible()
    await expect(visitor.message(ERASED)).to_be_visible()
    await expect(agent.row(conversation)).to_contain_text(ERASED)
    for page in (agent.page, visitor.page):
        await expect(page.get_by_text(SECRET)).to_have_count(0)

    await visitor.write(f"{SECRET}, again")
    await expect(agent.message("again")).to_be_visible()
    await contact.erase(account.settings, UUID(asked["senderId"]))

    await expect(agent.message(ERASED)).to_have_count(2)
    for page in (agent.page, visitor.page):
        await expect(page.get_by_text(SECRET)).to_have_count(0)
    assert visitor.view.errors == []
    await context.close()
