"""The operations page: live charts for admins only, on desktop and phone."""

import re
from typing import Any

from playwright.async_api import Locator, expect

from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.console_page import ConsolePage
from tests.system.browser.test_moves import call

ABOVE_ZERO = re.compile(r"[ML][\d.]+ (?!100\.0)\d")
"""A point of a line above the lower edge of the chart, which is at 100."""


async def open_operations(open_console: Open, account: DemoAccount, **options: Any) -> ConsolePage:
    operator = await open_console(url=f"{account.url}/ops", **options)
    await operator.page.get_by_role("button", name=account.admin["email"]).click()
    await expect(operator.page.get_by_role("heading", name="Your account")).to_be_visible()
    return operator


def chart(operator: ConsolePage, title: str, now: str) -> Locator:
    return operator.page.get_by_role("img", name=re.compile(rf"{title},.*Now: .*{now}"))


async def test_charts_after_new_message_show_it(open_console: Open, other_account: DemoAccount) -> None:
    await call(other_account, "PATCH", "/routing", mode="least_loaded", capacity=0)  # what waits remains
    operator = await open_operations(open_console, other_account)
    await expect(chart(operator, "Messages per second", r"Messages 0\. Maximum")).to_be_visible()
    line = operator.page.locator(".chart:has-text('Messages per second') path.line-0").first
    await other_account.start_conversation("Where is my parcel?", "It should have come on Monday.")
    await expect(line).to_have_attribute("d", ABOVE_ZERO)  # drawn for minutes, while the figure is shown for seconds
    await expect(chart(operator, "Connections", r"Customer [1-9]")).to_be_visible()
    figures = r"Waiting [1-9]\d*, Stranded beside a free agent 0, Agents above capacity 0"
    await expect(chart(operator, "Automatic assignment", figures)).to_be_visible()
    await expect(chart(operator, "Longest wait in a queue", r"Without a team [1-9].*, Teams \d")).to_be_visible()
    done = operator.page.get_by_role("row", name="Classification").get_by_role("cell").first
    await expect(done).not_to_have_text("0")
    await expect(operator.page.get_by_text("PostgreSQL is available")).to_be_visible()
    for width in (1280, 360):
        await check_accessibility(operator, width)


async def check_accessibility(operator: ConsolePage, width: int) -> None:
    await operator.page.set_viewport_size({"width": width, "height": 740})
    assert await operator.width() == width
    assert await operator.violations() == []
    assert await operator.dark_violations() == []


async def test_admin_reaches_operations_and_returns_by_keyboard(open_console: Open, account: DemoAccount) -> None:
    operator = await open_console(account.admin)
    await operator.page.keyboard.press("Control+k")
    await operator.page.keyboard.type("operations")
    await operator.page.keyboard.press("Enter")
    await expect(operator.page.get_by_role("heading", name="Your account")).to_be_visible()
    assert "token" not in operator.page.url
    await operator.page.keyboard.press("Tab")
    await expect(operator.page.get_by_role("link", name="Console")).to_be_focused()
    await operator.page.keyboard.press("Enter")
    await operator.page.get_by_role("button", name="your status").click()
    await operator.page.get_by_role("menuitemradio", name="Operations").click()
    await operator.page.get_by_role("button", name="Sign out").click()
    await expect(operator.page.get_by_role("button", name=account.admin["email"])).to_be_visible()


async def test_agent_is_refused_operations_and_stays_signed_in_to_console(
    open_console: Open, account: DemoAccount
) -> None:
    agent = await open_console(url=f"{account.url}/ops")
    await agent.page.get_by_role("button", name=account.agents[0]["email"]).click()
    await expect(agent.page.get_by_role("alert")).to_contain_text("Only admins")
    await expect(agent.page.get_by_role("heading", name="Your account")).to_be_hidden()
    await agent.page.goto(account.url)
    await expect(agent.page.get_by_role("navigation", name="List of conversations")).to_be_visible()
    await agent.page.get_by_role("button", name="your status").click()
    await expect(agent.page.get_by_role("menuitemradio", name="Sign out")).to_be_visible()
    await expect(agent.page.get_by_role("menuitemradio", name="Operations")).to_have_count(0)
