"""The operators' page: its charts follow what happens, for admins and nobody else, on every screen."""

import re
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, expect

from tests.system.browser.conftest import Open, Shop
from tests.system.browser.console import Console


async def watching(open_console: Open, shop: Shop, **options: Any) -> Console:
    operator = await open_console(url=f"{shop.url}/ops", **options)
    await operator.page.get_by_role("button", name=shop.admin["email"]).click()
    await expect(operator.page.get_by_role("heading", name="Your account")).to_be_visible()
    return operator


def chart(operator: Console, title: str, now: str) -> Locator:
    return operator.page.get_by_role("img", name=re.compile(rf"{title},.*Now: .*{now}"))


async def test_the_charts_move_when_somebody_talks(open_console: Open, quiet_shop: Shop, pictures: Path) -> None:
    operator = await watching(open_console, quiet_shop)
    await expect(chart(operator, "Messages a second", r"Messages 0\. Scale")).to_be_visible()
    line = operator.page.locator(".chart:has-text('Messages a second') path.line-0").first
    drawn = await line.get_attribute("d")
    await quiet_shop.ask("Where is my parcel?", "It should have come on Monday.")
    await expect(chart(operator, "Messages a second", r"Messages 0\.[1-9]")).to_be_visible(timeout=8_000)
    await expect(chart(operator, "Connections", r"Customer [1-9]")).to_be_visible()
    done = operator.page.get_by_role("row", name="Classification").get_by_role("cell").first
    await expect(done).not_to_have_text("0")
    assert await line.get_attribute("d") != drawn
    await expect(operator.page.get_by_text("PostgreSQL answers")).to_be_visible()
    for name, width in (("operations", 1280), ("operations-phone", 360)):
        await nobody_is_kept_out(operator, width)
        await operator.photograph(pictures, name, full_page=True)


async def nobody_is_kept_out(operator: Console, width: int) -> None:
    await operator.page.set_viewport_size({"width": width, "height": 740})
    assert await operator.width() == width
    assert await operator.barriers() == []
    assert await operator.barriers_in_the_dark() == []


async def test_an_admin_goes_there_from_the_console_and_back_by_keyboard(open_console: Open, shop: Shop) -> None:
    operator = await open_console(shop.admin)
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
    await expect(operator.page.get_by_role("button", name=shop.admin["email"])).to_be_visible()


async def test_an_agent_is_refused_and_stays_signed_in_at_the_console(open_console: Open, shop: Shop) -> None:
    agent = await open_console(url=f"{shop.url}/ops")
    await agent.page.get_by_role("button", name=shop.agents[0]["email"]).click()
    await expect(agent.page.get_by_role("alert")).to_contain_text("for the admins")
    await expect(agent.page.get_by_role("heading", name="Your account")).to_be_hidden()
    await agent.page.goto(shop.url)
    await expect(agent.page.get_by_role("navigation", name="List of conversations")).to_be_visible()
    await agent.page.get_by_role("button", name="your status").click()
    await expect(agent.page.get_by_role("menuitemradio", name="Sign out")).to_be_visible()
    await expect(agent.page.get_by_role("menuitemradio", name="Operations")).to_have_count(0)
