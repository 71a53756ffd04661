"""The supervisor's page, and the rating of a closed conversation in the widget."""

import csv
import re
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Locator, Route, expect

from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.console_page import ConsolePage
from tests.system.browser.test_widget import Visitor, start_chat, visit

PHONE: Any = {"width": 390, "height": 760}


async def check(admin: ConsolePage) -> None:
    """Accessibility in both color schemes, and no sideways scrolling of the page on a phone."""
    assert await admin.violations() == []
    assert await admin.dark_violations() == []
    await admin.page.set_viewport_size(PHONE)
    assert await admin.width() == PHONE["width"]
    await admin.page.set_viewport_size({"width": 1280, "height": 800})


def cells(admin: ConsolePage, table: str, row: str) -> Locator:
    return admin.page.get_by_role("table", name=table).get_by_role("row", name=row).get_by_role("cell")


async def rate(visitor: Visitor) -> None:
    """Rate by one click, and add a comment."""
    question = visitor.page.get_by_role("region", name="Rating")
    await expect(question).to_contain_text("How did we do?")
    assert await visitor.view.violations(within="hummdesk-widget") == []
    await question.get_by_role("button", name="4 of 5").click()
    await expect(question.get_by_role("button", name="4 of 5")).to_have_attribute("aria-pressed", "true")
    await question.get_by_role("textbox", name="Comment").fill("Quick help")
    await visitor.page.keyboard.press("Tab")
    await visitor.page.keyboard.press("Enter")
    await expect(question).to_contain_text("Thank you for your comment.")
    assert await visitor.view.violations(within="hummdesk-widget") == []


async def downloaded(admin: ConsolePage, *, rows_of_first: int = 100) -> list[dict[str, str]]:
    """Click the download; return the rows of the table."""

    async def shorten(route: Route) -> None:
        limit = 100 if "cursor=" in route.request.url else rows_of_first
        await route.continue_(url=re.sub(r"\blimit=\d+", f"limit={limit}", route.request.url))

    await admin.page.route(re.compile(r"/items\.csv\?"), shorten)
    async with admin.page.expect_download() as downloading:
        await admin.page.get_by_role("button", name="Download CSV").click()
    return list(csv.DictReader(Path(await (await downloading.value).path()).read_text().splitlines()))


async def empty_first_page(route: Route) -> None:
    """Answer as if the first page had only conversations that are left out, and the next one were the first."""
    if "cursor=" in route.request.url:
        await route.continue_(url=re.sub(r"&?cursor=[^&]*", "", route.request.url))
    else:
        await route.fulfill(json={"conversations": [], "nextCursor": "next"})


async def test_supervisor_sees_queue_agents_and_figures_with_the_conversations_behind_them(
    open_console: Open, chromium: Browser, account: DemoAccount
) -> None:
    admin = await open_console(account.admin)
    await admin.page.get_by_role("button", name="your status").click()
    await admin.page.get_by_role("menuitemradio", name="Supervisor").click()
    waiting = cells(admin, "Queues", "Without a team").first
    before = int(await waiting.inner_text())

    agent_user = account.agents[1]
    agent = await account.connect(agent_user)
    context = await chromium.new_context(
        locale="en-GB", viewport={"width": 1100, "height": 760}, reduced_motion="reduce"
    )
    visitor = await visit(context, account.url)
    conversation = await start_chat(visitor, agent, "Can I rate you?")
    await expect(waiting).to_have_text(str(before + 1))
    opened = cells(admin, "Agents", agent_user["name"]).nth(1)
    load = int(await opened.inner_text())
    await agent.do("set_agent_status", {"status": "online"})
    mine = {"conversationId": conversation}
    await agent.do("assign_conversation", mine | {"agentId": agent_user["id"]})
    await expect(waiting).to_have_text(str(before))
    await expect(opened).to_have_text(str(load + 1))
    await expect(cells(admin, "Agents", agent_user["name"]).first).to_have_text("Online")
    await agent.do("send_message", mine | {"content": "Yes, you can."})
    await agent.do("update_conversation_status", mine | {"status": "closed"})
    await rate(visitor)
    await agent.receives("conversation_rated", rating=4, comment="Quick help")
    await visitor.page.reload()
    rated = visitor.page.get_by_role("region", name="Rating").get_by_role("button", name="4 of 5")
    await expect(rated).to_have_attribute("aria-pressed", "true")
    await context.close()

    await admin.page.get_by_role("combobox", name="Range").select_option(label="Last 24 hours")
    await admin.page.get_by_role("combobox", name="Rows").select_option(label="Agents")
    rating = cells(admin, "Report", agent_user["name"]).last
    await expect(rating).to_have_text(re.compile(r"4\.0 \(\d\)"))
    await check(admin)
    rows = await downloaded(admin)
    assert agent_user["name"] in {row["name"] for row in rows if row["rating"]}

    await rating.get_by_role("link").focus()
    await admin.page.keyboard.press("Enter")
    await expect(admin.page.get_by_role("heading", name="Ratings")).to_be_focused()
    found = admin.page.get_by_role("link").filter(has_text="Quick help")
    await expect(found).to_contain_text("4 of 5")
    await check(admin)
    await found.click()
    await expect(admin.page).to_have_url(re.compile(f"/c/{conversation}$"))
    await admin.page.go_back()
    await expect(found).to_be_visible()
    await account.start_conversation("Empty page", "Am I listed?")
    await admin.page.goto(f"{account.url}/supervisor/opened/1/hour")
    assert len(await downloaded(admin, rows_of_first=1)) > 1
    await admin.page.route(re.compile(r"/api/v1/conversations\?"), empty_first_page)
    await admin.page.goto(f"{account.url}/supervisor/queue/none")
    await expect(admin.page.get_by_role("heading", name="Waiting: Without a team")).to_be_visible()
    await expect(admin.page.get_by_role("link").filter(has_text="Empty page")).to_be_visible()
    await admin.page.unroute_all()
