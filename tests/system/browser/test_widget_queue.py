"""The widget of a closed account, and its position in the queue while nobody has the conversation."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import Browser, expect

from hummdesk.contract.resources.hours import NewHours
from hummdesk.operator.people import set_widget_origins
from hummdesk.storage import hours
from hummdesk.storage.database import operator
from hummdesk.storage.hours import DAYS, BusinessHours
from tests.integration.server.accounts import Account
from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.foreign_site import ForeignSite
from tests.system.browser.test_settings import check, open_settings
from tests.system.browser.test_widget import Visitor

TEXT = "We are <b>out</b>."
PACE = """
    INSERT INTO queue_moves (account_id, queue_id, at, queued_since)
    SELECT %(account)s, %(account)s, now() - n * interval '30 s', now() - interval '1 hour'
    FROM generate_series(1, 4) AS n
"""


async def put_hours(desk: Account, *, enabled: bool) -> None:
    """Hours of the day after tomorrow only."""
    day = DAYS[(datetime.now(UTC) + timedelta(days=2)).weekday()]
    weekly = [{"day": day, "opens": "09:00", "closes": "17:00"}]
    body = {"enabled": enabled, "timeZone": "UTC", "weekly": weekly, "texts": {"en": TEXT}}
    async with operator(desk.settings) as database, database.account(desk.id) as tx:
        await hours.put(tx, None, desk.id, BusinessHours.of(NewHours().load(body)))


async def test_visitor_sees_when_closed_and_the_position_in_the_queue_as_it_changes(
    chromium: Browser, account: DemoAccount, allowed_site: ForeignSite
) -> None:
    desk = await Account(settings=account.settings, url=account.url).make()
    await set_widget_origins(desk.settings, account_id=desk.id, origins=[allowed_site.origin])
    allowed_site.page = (
        f'<!doctype html><html lang="en"><title>Shop</title>'
        f'<script src="{desk.url}/widget.js" data-account="{desk.id}"></script>'
    )
    await put_hours(desk, enabled=True)
    agent = await desk.connect("agent")
    size: Any = {"width": 1100, "height": 760}
    context = await chromium.new_context(viewport=size, locale="en-US", timezone_id="UTC", reduced_motion="reduce")
    visitor = Visitor(await context.new_page())
    status = visitor.page.get_by_role("status")
    await visitor.page.goto(allowed_site.origin)
    await visitor.launcher.click()
    await expect(status).to_contain_text(TEXT)
    await expect(status).to_contain_text(re.compile("We are back .* at 9:00"))
    await put_hours(desk, enabled=False)
    await expect(status).to_have_count(0)

    await visitor.write("Is anybody there?")
    await expect(status).to_have_text("You are third in the queue.")  # behind those of the account
    await desk.execute(PACE)
    await agent.do("claim_conversation", {"conversationId": str(desk.conversation)})
    await expect(status).to_have_text(re.compile(r"^You are second in the queue, about \d minutes?\.$"))
    await visitor.page.reload()
    await expect(status).to_contain_text("You are second in the queue")
    asked = await agent.receives("new_message", content="Is anybody there?")
    await agent.do("claim_conversation", {"conversationId": asked["conversationId"]})
    await expect(status).to_have_count(0)
    assert await visitor.view.violations("color-contrast", within="hummdesk-widget") == []
    assert visitor.view.errors == []
    await context.close()
    await desk.close()


async def test_admin_sets_the_hours_and_sees_what_is_wrong_with_them(open_console: Open, account: DemoAccount) -> None:
    admin = await open_settings(open_console, account, "hours")
    monday = admin.page.get_by_role("textbox", name="Monday")
    await monday.fill("9:00-25:00")
    await admin.page.get_by_role("combobox", name="Time zone").select_option("Europe/Berlin")
    await admin.page.get_by_role("button", name="Save").click()
    await expect(admin.page.get_by_role("alert")).to_contain_text("Must be a time like 17:30")
    await monday.fill("9:00-12:00, 13:00 – 17:00")
    await admin.page.get_by_role("textbox", name="Closed dates").fill("2026-12-24")
    await admin.page.get_by_role("button", name="Save").click()
    await expect(admin.page.get_by_text("Saved")).to_be_visible()
    await check(admin)
    async with operator(account.settings) as database, database.account(account.id) as tx:
        stored = (await hours.get(tx)).wire()
    times = [
        {"day": "monday", "opens": "09:00", "closes": "12:00"},
        {"day": "monday", "opens": "13:00", "closes": "17:00"},
    ]
    assert (stored["enabled"], stored["timeZone"], stored["weekly"]) == (False, "Europe/Berlin", times)
    assert stored["closedDates"] == ["2026-12-24"]
