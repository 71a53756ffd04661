"""Text that an agent has typed and not sent: what it survives, and what an AI draft does to it."""

import re

from playwright.async_api import expect

from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.test_console import QUESTION


async def test_unsent_text_survives_mode_switch_reload_sign_in_and_edited_draft(
    open_console: Open, account: DemoAccount
) -> None:
    kwame, _ = account.agents
    _, conversation = await account.start_conversation("Unsent text", QUESTION)
    _, other = await account.start_conversation("Another one", "Hello?", customer_number=1)
    agent = await open_console(kwame)
    page = agent.page
    await agent.open(conversation)
    reply = page.get_by_role("textbox", name="Reply")
    note = page.get_by_role("textbox", name="Private note")
    await page.keyboard.press("r")
    await page.keyboard.type("For the customer")
    await page.get_by_role("button", name="Note", exact=True).click()
    await expect(note).to_have_value("")
    await note.fill("For colleagues")
    await agent.open(other)
    await expect(page.locator("#composer")).to_have_value("")
    await expect(agent.row(conversation)).to_contain_text("Draft: For colleagues")

    await page.evaluate("sessionStorage.clear()")  # as if the token had expired
    await page.goto(f"{account.url}/c/{conversation}")
    await page.get_by_role("button", name=kwame["email"]).click()
    await expect(note).to_have_value("For colleagues")
    await note.press("Enter")
    await expect(agent.message("For colleagues")).to_be_visible()
    await expect(reply).to_have_value("For the customer")

    await expect(agent.draft).to_contain_text("Hi Hugo")
    await agent.draft.get_by_role("button", name="Edit").click()
    await expect(reply).to_have_value(re.compile(r"^For the customer\n\nHi Hugo"))
    await page.get_by_role("button", name="Undo").click()
    await expect(reply).to_have_value("For the customer")
    await expect(page.get_by_text("Based on the AI draft")).to_have_count(0)
    await agent.draft.get_by_role("button", name="Edit").click()
    await expect(reply).to_have_value(re.compile("Hi Hugo"))
    await reply.press("Control+z")
    await expect(reply).to_have_value("For the customer")
    await expect(agent.draft).to_be_visible()
