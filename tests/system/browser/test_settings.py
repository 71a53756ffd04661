"""The settings of an account: an admin in the browser, other systems over REST."""

from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Locator, expect

from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.console_page import ConsolePage

PHONE: Any = {"width": 390, "height": 760}


async def open_settings(open_console: Open, account: DemoAccount, section: str) -> ConsolePage:
    admin = await open_console(url=f"{account.url}/settings/{section}")
    await admin.page.get_by_role("button", name=account.admin["email"]).click()
    await expect(admin.page.get_by_role("main")).to_be_visible()
    return admin


def row(admin: ConsolePage, text: str) -> Locator:
    return admin.page.locator(".settings-rows > *").filter(has_text=text)


async def check(admin: ConsolePage, screenshots: Path, name: str) -> None:
    """Accessibility in both color schemes, and no sideways scrolling on a phone."""
    assert await admin.violations() == []
    assert await admin.dark_violations() == []
    await admin.take_screenshots(screenshots, f"settings-{name}", full_page=True)
    await admin.page.set_viewport_size(PHONE)
    assert await admin.width() == PHONE["width"]
    await admin.page.screenshot(path=screenshots / f"settings-{name}-phone.png")
    await admin.page.set_viewport_size({"width": 1280, "height": 800})


async def status_of(account: DemoAccount, key: str, path: str) -> int:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
        return (await session.get(f"{account.url}/api/v1{path}")).status


async def test_admin_creates_key_that_is_shown_once_and_revokes_it(
    open_console: Open, account: DemoAccount, screenshots: Path
) -> None:
    admin = await open_settings(open_console, account, "keys")
    await admin.page.get_by_role("button", name="Create key").click()
    name = admin.page.get_by_role("textbox", name="Name")
    await expect(name).to_be_focused()
    await expect(name).to_have_attribute("aria-invalid", "true")
    await name.fill("Shop")
    await admin.page.get_by_role("combobox", name="Scope").select_option("admin")
    await admin.page.get_by_role("button", name="Create key").click()
    shown = admin.page.get_by_role("group", name="Shop").get_by_role("textbox")
    await expect(shown).to_be_visible()
    key = await shown.input_value()
    assert await status_of(account, key, "/keys") == 200
    await expect(row(admin, "Shop")).to_contain_text("Everything, including settings")
    await check(admin, screenshots, "keys")
    await admin.page.reload()
    await expect(row(admin, "Shop")).to_be_visible()
    assert key not in await admin.page.content()

    await row(admin, "Shop").get_by_role("button", name="Revoke").click()
    await expect(row(admin, "Shop")).to_contain_text("This cannot be undone.")
    await admin.page.keyboard.press("Enter")
    await expect(row(admin, "Shop")).to_contain_text("Revoked")
    await admin.page.get_by_role("link", name="Audit log").click()
    await expect(row(admin, "key.revoked").first).to_contain_text(account.admin["name"])
    await check(admin, screenshots, "audit")
    await admin.page.go_back()
    await expect(admin.page.get_by_role("heading", name="API keys")).to_be_focused()


async def test_settings_are_for_admins_only(open_console: Open, account: DemoAccount) -> None:
    agent = await open_console(url=f"{account.url}/settings/keys")
    await agent.page.get_by_role("button", name=account.agents[0]["email"]).click()
    await expect(agent.page.get_by_text("Only admins of the account")).to_be_visible()
    assert await status_of(account, account.agents[0]["token"], "/keys") == 403
    await agent.page.get_by_role("link", name="HummDesk").click()
    await agent.page.get_by_role("button", name="your status").click()
    await expect(agent.page.get_by_role("menuitemradio", name="Sign out")).to_be_visible()
    await expect(agent.page.get_by_role("menuitemradio", name="Settings")).to_have_count(0)


async def test_admin_reaches_settings_by_menu_palette_and_keyboard(open_console: Open, account: DemoAccount) -> None:
    admin = await open_console(account.admin)
    await admin.page.keyboard.press("Control+k")
    await admin.page.keyboard.type("settings: api keys")
    await admin.page.keyboard.press("Enter")
    await expect(admin.page.get_by_role("heading", name="API keys")).to_be_focused()
    await admin.page.keyboard.press("j")
    await expect(admin.page).to_have_url(f"{account.url}/settings/keys")
    await admin.page.keyboard.press("Escape")
    await expect(admin.page).to_have_url(f"{account.url}/")
    await admin.page.get_by_role("button", name="your status").click()
    await admin.page.get_by_role("menuitemradio", name="Settings").click()
    await expect(admin.page.get_by_role("navigation", name="Settings")).to_be_visible()
