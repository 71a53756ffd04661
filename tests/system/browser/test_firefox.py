"""A conversation of a customer and an agent in Firefox."""

import shutil
from pathlib import Path

import pytest

from tests.system.browser import firefox
from tests.system.browser.conftest import DemoAccount

PROGRAM = shutil.which("firefox-esr") or ""
QUESTION, ANSWER = "Does this work in Firefox?", "It does, as far as we know."

pytestmark = [
    pytest.mark.systems,
    pytest.mark.skipif(not PROGRAM, reason="Firefox is not installed: `make servers INSTALL=1` installs it"),
    pytest.mark.timeout(120),
]


async def test_customer_and_agent_exchange_messages(account: DemoAccount, tmp_path: Path) -> None:
    async with firefox.running(PROGRAM, tmp_path) as browser:
        visitor, agent = await browser.new_tab(), await browser.new_tab()
        await visitor.activate()
        await visitor.open(f"{account.url}/demo/shop")
        await visitor.click("button.launcher")
        await visitor.find("textarea:focus")
        await visitor.write(QUESTION)
        await visitor.find("[role=log] .mine", QUESTION)

        await agent.activate()
        await agent.open(account.url)
        await agent.click("button", account.agents[0]["email"])
        await agent.click(".row", QUESTION)
        await agent.find("[role=log] article", QUESTION)
        await agent.click("#composer")
        await agent.write(ANSWER)
        await agent.find("[role=log] article", ANSWER)

        await visitor.activate()
        await visitor.find("[role=log] .theirs", ANSWER)
        assert browser.errors == []
