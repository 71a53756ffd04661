"""Translating a message and rewriting a reply, and what the console shows without an external model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from playwright.async_api import expect

from hummdesk.operator import ai_providers
from hummdesk.publish.broadcast import open_broadcast_service
from hummdesk.publish.events.ai import AIAssist
from hummdesk.storage.database import Database
from tests.system.browser.conftest import DemoAccount, Open

TYPED = "Hello,\n\n  we have **sent** it today. Sorry!"
ASKED = """
    SELECT id, message_id, repetition
    FROM ai_runs
    WHERE conversation_id = %s AND kind = 'assist'
    ORDER BY repetition DESC
    LIMIT 1
"""


class Runs:
    """The runs for one agent of a conversation, which no worker carries out."""

    def __init__(self, account: DemoAccount, conversation: str, agent: str) -> None:
        self._account = account
        self._conversation = UUID(conversation)
        self._agent = UUID(agent)

    @asynccontextmanager
    async def next(self, number: int, text: str) -> AsyncIterator[None]:
        """Wait for the run that the block requests, the one after `number` others, and publish its result."""
        settings = self._account.settings
        async with await psycopg.AsyncConnection.connect(settings.postgres, autocommit=True) as connection:
            await connection.execute("LISTEN hummdesk_runs")
            yield
            while (run := await self._newest()) is None or run["repetition"] < number:
                await anext(connection.notifies(timeout=30))
        result = AIAssist(
            account_id=self._account.id,
            conversation_id=self._conversation,
            message_id=run["message_id"],
            requested_by=self._agent,
            run_id=run["id"],
            text=text,
            cost={"tokens": 1200, "dollars": 0.0042},
            provider="openai",
        )
        async with open_broadcast_service(settings) as service:
            await service.publisher.publish(result)

    async def _newest(self) -> dict[str, Any] | None:
        database = Database(self._account.settings.postgres, role="hummdesk_relay", size=1, timeout=15)
        await database.open()
        async with database.all_accounts() as tx:
            found = await (await tx.execute(ASKED, (self._conversation,))).fetchone()
        await database.close()
        return found


@pytest.fixture
async def model(account: DemoAccount) -> AsyncIterator[None]:
    """Make the account one with an external model."""
    settings = replace(account.settings, openai_api_key="sk-test")
    await ai_providers.provider(settings, account.id, "openai")
    yield
    await ai_providers.provider(settings, account.id, "default")


async def test_buttons_are_greyed_with_the_reason_without_an_external_model(
    open_console: Open, account: DemoAccount
) -> None:
    _, conversation = await account.start_conversation("Greyed", "Wo ist mein Paket?")
    agent = await open_console(account.agents[0])
    await agent.open(conversation)
    await agent.page.get_by_role("textbox", name="Reply").fill("Hello")
    await agent.page.get_by_role("button", name="Rewrite or translate").click()
    choice = agent.page.get_by_role("menuitemradio", name="Shorter")
    await expect(choice).to_have_attribute("aria-disabled", "true")
    await expect(choice).to_contain_text("Needs an external AI model, and none is set up")
    assert await agent.violations(within=".composer") == []
    await agent.page.keyboard.press("Escape")
    await agent.message("Wo ist mein Paket?").get_by_role("button", name="Translate").click()
    greyed = agent.page.get_by_role("menuitemradio", name="Translate into English")
    await expect(greyed).to_have_attribute("aria-disabled", "true")


@pytest.mark.usefixtures("model")
async def test_reply_is_rewritten_restored_and_translated_beside_a_dialog_and_a_message_translated(
    open_console: Open, account: DemoAccount
) -> None:
    _, conversation = await account.start_conversation("Rewritten", "Wo ist mein Paket?")
    user = account.agents[0]
    runs = Runs(account, conversation, user["id"])
    agent = await open_console(user)
    await agent.open(conversation)
    field = agent.page.get_by_role("textbox", name="Reply")
    await field.fill(TYPED)
    with account.suspended_workers():
        async with runs.next(0, "Sent today.\n\nSorry!"):
            await agent.page.get_by_role("button", name="Rewrite or translate").click()
            await agent.page.get_by_role("menuitemradio", name="Shorter").click()
        await expect(field).to_have_value("Sent today.\n\nSorry!")
        await expect(agent.page.locator(".assist")).to_contain_text("1,200 tokens")
        await agent.page.locator(".composer").get_by_role("button", name="Undo").click()
        await expect(field).to_have_value(TYPED)

        async with runs.next(1, "Envoyé aujourd'hui."):
            await agent.page.get_by_role("button", name="Rewrite or translate").click()
            await agent.page.get_by_role("menuitemradio", name="Translate into another language").click()
            language = agent.page.locator(".assist").get_by_role("combobox", name="Language")
            await expect(language).to_be_focused()
            await language.select_option("fr")
            confirm = agent.page.locator(".assist").get_by_role("button", name="Translate", exact=True)
            await expect(confirm).to_be_enabled()
            await expect(field).to_have_value(TYPED)
            await language.press("Tab")
            await agent.page.keyboard.press("Enter")
            await agent.page.keyboard.press("Control+k")
        await expect(agent.page.locator("#composer")).to_have_value("Envoyé aujourd'hui.")
        palette = agent.page.get_by_role("combobox", name="Command or conversation")
        await expect(palette).to_be_focused()
        await expect(palette).to_have_value("")
        await agent.page.keyboard.press("Escape")

        message = agent.message("Wo ist mein Paket?")
        async with runs.next(2, "Where is my parcel?"):
            await message.get_by_role("button", name="Translate").click()
            await agent.page.get_by_role("menuitemradio", name="Translate into English").click()
        await expect(message).to_contain_text("Where is my parcel?")
        await expect(message).to_contain_text("0.0042")
    assert await agent.violations(within=".messages") == []
