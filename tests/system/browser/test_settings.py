"""The settings of an account: an admin in the browser, other systems over REST."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
from playwright.async_api import Browser, Locator, expect

from hummdesk.storage import sign_in_links
from hummdesk.storage.database import operator
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


async def check(admin: ConsolePage) -> None:
    """Accessibility in both color schemes, and no sideways scrolling on a phone."""
    assert await admin.violations() == []
    assert await admin.dark_violations() == []
    await admin.page.set_viewport_size(PHONE)
    assert await admin.width() == PHONE["width"]
    await admin.page.set_viewport_size({"width": 1280, "height": 800})


async def status_of(account: DemoAccount, key: str, path: str) -> int:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
        return (await session.get(f"{account.url}/api/v1{path}")).status


async def test_admin_creates_key_that_is_shown_once_and_revokes_it(open_console: Open, account: DemoAccount) -> None:
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
    await check(admin)
    await admin.page.reload()
    await expect(row(admin, "Shop")).to_be_visible()
    assert key not in await admin.page.content()

    await row(admin, "Shop").get_by_role("button", name="Revoke").click()
    await expect(row(admin, "Shop")).to_contain_text("This cannot be undone.")
    await admin.page.keyboard.press("Enter")
    await expect(row(admin, "Shop")).to_contain_text("Revoked")
    await admin.page.get_by_role("link", name="Audit log").click()
    await expect(row(admin, "key.revoked").first).to_contain_text(account.admin["name"])
    await admin.page.get_by_role("combobox", name="Of").select_option("team")
    await expect(row(admin, "key.revoked")).to_have_count(0)
    await admin.page.get_by_role("combobox", name="Of").select_option("key")
    await admin.page.get_by_role("combobox", name="By").select_option(label=account.admin["name"])
    await expect(row(admin, "key.revoked").first).to_be_visible()
    await check(admin)
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
    await admin.page.get_by_role("textbox", name="Name").fill("Not saved")
    await admin.page.get_by_role("button", name="Create key").focus()
    await admin.page.keyboard.press("Escape")
    await expect(admin.page).to_have_url(f"{account.url}/settings/keys")
    await admin.page.get_by_role("link", name="Webhooks").click()
    await admin.page.keyboard.press("Escape")
    await expect(admin.page).to_have_url(f"{account.url}/")
    await admin.page.get_by_role("button", name="your status").click()
    await admin.page.get_by_role("menuitemradio", name="Settings").click()
    await expect(admin.page.get_by_role("navigation", name="Settings")).to_be_visible()


async def test_invited_agent_signs_in_by_link_and_is_signed_out_when_disabled(
    open_console: Open, chromium: Browser, account: DemoAccount
) -> None:
    admin = await open_settings(open_console, account, "people")
    await expect(row(admin, account.agents[0]["email"])).to_contain_text("Agent")
    await check(admin)
    await admin.page.get_by_role("link", name="Invite a person").click()
    await admin.page.get_by_role("textbox", name="Name").fill("Nadia Ouali")
    email = admin.page.get_by_role("textbox", name="E-mail")
    await email.fill("nadia")
    await admin.page.get_by_role("button", name="Invite a person").click()
    await expect(email).to_be_focused()
    await expect(email).to_have_attribute("aria-invalid", "true")
    await email.fill("nadia@example.com")
    await admin.page.get_by_role("checkbox", name="German").check()
    await admin.page.get_by_role("button", name="Invite a person").click()
    link = admin.page.get_by_role("group", name="Sign-in link for Nadia Ouali").get_by_role("textbox")
    await expect(link).to_be_visible()
    await check(admin)

    context = await chromium.new_context(locale="en-GB")
    colleague = await context.new_page()
    await colleague.goto(await link.input_value())
    await expect(colleague.get_by_role("navigation", name="List of conversations")).to_be_visible()
    _, conversation = await account.start_conversation("Lamp", "It flickers")
    await colleague.locator(f"[data-conversation='{conversation}']").click()
    await colleague.locator("[data-opens=assign]").click()
    await make_team(admin)
    await expect(colleague.get_by_role("menuitemradio", name="Queue of Returns desk")).to_be_visible()
    await admin.page.get_by_role("link", name="People").click()
    await row(admin, "nadia@example.com").get_by_role("link").click()
    await expect(admin.page.get_by_role("checkbox", name="Returns desk")).to_be_checked()
    await admin.page.get_by_role("button", name="Disable").click()
    await expect(admin.page.get_by_role("group", name="This person is signed out at once.")).to_be_visible()
    await admin.page.keyboard.press("Enter")
    await expect(colleague.get_by_text("Sign in to the agent console.")).to_be_visible()
    await admin.page.go_back()
    await expect(row(admin, "nadia@example.com")).to_contain_text("Disabled")
    await context.close()


async def make_team(admin: ConsolePage) -> None:
    await admin.page.get_by_role("link", name="Teams").click()
    await admin.page.get_by_role("link", name="Add team").click()
    await admin.page.get_by_role("textbox", name="Name").fill("Returns desk")
    await admin.page.get_by_role("checkbox", name="Nadia Ouali").check()
    await admin.page.get_by_role("button", name="Add team").click()
    await expect(admin.page.get_by_role("heading", name="Returns desk")).to_be_visible()
    await check(admin)


async def test_change_of_another_admin_is_not_overwritten_unasked(
    open_console: Open, accounts: list[DemoAccount]
) -> None:
    account = accounts[0]
    first = await open_settings(open_console, account, f"people/{account.viewer['id']}")
    name = first.page.get_by_role("textbox", name="Name")
    await expect(name).to_have_value(account.viewer["name"])
    second = await open_settings(open_console, account, f"people/{account.viewer['id']}")
    await second.page.get_by_role("checkbox", name="Billing").check()
    await second.page.get_by_role("button", name="Save").click()
    await expect(second.page.get_by_text("Saved")).to_be_visible()
    await name.fill("Another name")
    await first.page.get_by_role("button", name="Save").click()
    await expect(first.page.get_by_role("alert")).to_contain_text("Someone else has changed this in the meantime")
    assert await first.violations() == []
    await first.page.get_by_role("button", name="Discard mine and reload").click()
    await expect(name).to_have_value(account.viewer["name"])
    await expect(first.page.get_by_role("checkbox", name="Billing")).to_be_checked()


async def test_article_is_written_with_preview_exported_and_imported(
    open_console: Open, account: DemoAccount, tmp_path: Path
) -> None:
    admin = await open_settings(open_console, account, "knowledge")
    await admin.page.get_by_role("link", name="Add article").click()
    await admin.page.get_by_role("textbox", name="Title").fill("Waxing boots")
    text = "Wax your boots twice a year. <b>See</b> https://example.com/wax."
    await admin.page.get_by_role("textbox", name="Text").fill(text)
    preview = admin.page.get_by_role("region", name="Preview")
    await expect(preview.get_by_role("link")).to_have_attribute("href", "https://example.com/wax")
    await expect(preview.locator("b")).to_have_count(0)
    await admin.page.get_by_role("textbox", name="Questions").fill("How often do I wax?\n\nWhich wax?\n")
    await admin.page.get_by_role("combobox", name="Language").select_option("en")
    await admin.page.get_by_role("button", name="Save").click()
    await expect(admin.page.get_by_role("heading", name="Waxing boots")).to_be_focused()
    await check(admin)
    await admin.page.get_by_role("link", name="Knowledge").click()
    await expect(row(admin, "Waxing boots")).to_contain_text("English")
    async with admin.page.expect_download() as download:
        await admin.page.get_by_role("button", name="Export").click()
    lines = (await (await download.value).path()).read_text().splitlines()
    exported = next(line for line in map(json.loads, lines) if line["title"] == "Waxing boots")
    assert exported["questions"] == ["How often do I wax?", "Which wax?"]

    file = tmp_path / "articles.jsonl"
    new = {name: value for name, value in exported.items() if name != "id"} | {"title": "Waxing gloves"}
    file.write_text(json.dumps(new) + "\nnot JSON\n")
    await admin.page.locator("input[type=file]").set_input_files(file)
    await expect(row(admin, "Waxing gloves")).to_be_visible()
    await expect(admin.page.get_by_role("alert")).to_contain_text("Line 2: not JSON")
    await check(admin)
    await row(admin, "Waxing gloves").get_by_role("link").click()
    await admin.page.get_by_role("button", name="Delete").click()
    await expect(admin.page.get_by_role("group").get_by_role("button", name="Delete")).to_be_focused()
    await admin.page.keyboard.press("Enter")
    await expect(row(admin, "Waxing boots")).to_be_visible()
    await expect(row(admin, "Waxing gloves")).to_have_count(0)


async def test_widget_snippet_can_be_copied_and_origins_are_checked(open_console: Open, account: DemoAccount) -> None:
    admin = await open_settings(open_console, account, "widget")
    await admin.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await admin.page.get_by_role("button", name="Copy").click()
    await expect(admin.page.get_by_role("button", name="Copied")).to_be_visible()
    snippet = await admin.page.evaluate("navigator.clipboard.readText()")
    assert snippet == f'<script src="{account.url}/widget.js" data-account="{account.id}" defer></script>'
    pages = admin.page.get_by_role("region", name="Allowed pages")
    origins = pages.get_by_role("textbox", name="Origins")
    before = await origins.input_value()
    await origins.fill("shop.example")
    await pages.get_by_role("button", name="Save").click()
    await expect(origins).to_have_attribute("aria-invalid", "true")
    await origins.fill(f"{before}\nhttps://shop.example")
    await pages.get_by_role("button", name="Save").click()
    await expect(admin.page.get_by_text("Saved")).to_be_visible()
    await check(admin)
    await admin.page.get_by_role("link", name="AI", exact=True).click()
    await admin.page.get_by_role("spinbutton", name="Tokens a day").fill("500000")
    await admin.page.get_by_role("spinbutton", name="Minimum confidence of drafts").fill("0.25")
    await admin.page.get_by_role("button", name="Save").click()
    await expect(admin.page.get_by_text("Saved")).to_be_visible()
    await check(admin)
    await admin.page.reload()
    least = admin.page.get_by_role("spinbutton", name="Minimum confidence of drafts")
    await expect(least).to_have_value("0.25")
    await least.fill("")
    await admin.page.get_by_role("button", name="Save").click()
    await expect(admin.page.get_by_text("Saved")).to_be_visible()


async def test_webhook_is_created_tested_and_disabled(open_console: Open, account: DemoAccount) -> None:
    admin = await open_settings(open_console, account, "webhooks")
    await admin.page.get_by_role("link", name="Add webhook").click()
    address = admin.page.get_by_role("textbox", name="Address of the receiver")
    await address.fill("nowhere")
    await admin.page.get_by_role("button", name="Add webhook").click()
    await expect(address).to_have_attribute("aria-invalid", "true")
    await address.fill("http://127.0.0.1:9/hook")
    await admin.page.get_by_role("button", name="Add webhook").click()
    secret = admin.page.get_by_role("group", name="Signing secret").get_by_role("textbox")
    await expect(secret).to_have_value(re.compile("^whsec_"))
    await admin.page.get_by_role("link", name="Open the webhook").click()
    await admin.page.get_by_role("button", name="Send test event").click()
    await expect(row(admin, "test")).to_be_visible()
    await check(admin)
    await admin.page.get_by_role("button", name="Disable").click()
    await admin.page.keyboard.press("Enter")
    await expect(admin.page.get_by_role("button", name="Enable")).to_be_visible()
    await admin.page.get_by_role("link", name="Webhooks").click()
    await expect(row(admin, "127.0.0.1:9")).to_contain_text("Disabled")


async def test_admin_signs_out_another_browser(open_console: Open, chromium: Browser, account: DemoAccount) -> None:
    async with operator(account.settings) as database, database.account(account.id) as tx:
        secret = await sign_in_links.create_link(tx, UUID(account.agents[1]["id"]))
    context = await chromium.new_context(locale="en-GB", user_agent="Browser of a lost laptop")
    lost = await context.new_page()
    await lost.goto(sign_in_links.url_of(account.settings, secret))
    await expect(lost.get_by_role("navigation", name="List of conversations")).to_be_visible()

    admin = await open_settings(open_console, account, "sign-in")
    await expect(row(admin, "lost laptop")).to_contain_text(account.agents[1]["name"])
    issuer = admin.page.get_by_role("textbox", name="Issuer")
    await issuer.fill("nowhere")
    await admin.page.get_by_role("textbox", name="Client ID").fill("desk")
    await admin.page.get_by_role("button", name="Save").click()
    await expect(issuer).to_have_attribute("aria-invalid", "true")
    await check(admin)
    await row(admin, "lost laptop").get_by_role("button", name="Sign out").click()
    await admin.page.keyboard.press("Enter")
    await expect(lost.get_by_text("Sign in to the agent console.")).to_be_visible()
    await expect(row(admin, "lost laptop")).to_have_count(0)
    await context.close()


async def test_signing_key_is_shown_once_and_account_keeps_its_retention(
    open_console: Open, accounts: list[DemoAccount]
) -> None:
    account = accounts[0]
    admin = await open_settings(open_console, account, "signing-keys")
    await admin.page.get_by_role("button", name="Add signing key").click()
    secret = admin.page.get_by_role("group").get_by_role("textbox").first
    await expect(secret).not_to_be_empty()
    await expect(admin.page.locator(".settings-rows > *")).to_have_count(1)
    await check(admin)
    await admin.page.get_by_role("button", name="Revoke").click()
    await admin.page.keyboard.press("Enter")
    await expect(admin.page.locator(".settings-rows > *")).to_contain_text("Revoked")

    await admin.page.get_by_role("link", name="Account").click()
    days = admin.page.get_by_role("spinbutton")
    await days.fill("0")
    await admin.page.get_by_role("button", name="Save").click()
    await expect(days).to_have_attribute("aria-invalid", "true")
    await days.fill("3650")
    await admin.page.get_by_role("button", name="Save").click()
    await expect(admin.page.get_by_text("Saved")).to_be_visible()
    await admin.page.reload()
    await expect(days).to_have_value("3650")
    await check(admin)


async def test_own_categories_and_tags_are_added_used_and_removed(open_console: Open, account: DemoAccount) -> None:
    admin = await open_settings(open_console, account, "categories")
    await expect(admin.page.get_by_text("The built-in categories are in use")).to_be_visible()
    for name, key in (("Repairs", "repairs"), ("Rent", "new")):
        await admin.page.get_by_role("link", name="Add category").click()
        await admin.page.get_by_role("textbox", name="Name").fill(name)
        await admin.page.get_by_role("textbox", name="Key").fill(key)
        await admin.page.get_by_role("textbox", name="Examples").fill("The tap drips\nThe lift is stuck")
        await admin.page.get_by_role("button", name="Add category").click()
        await expect(row(admin, name)).to_contain_text("2 examples")
    await admin.page.get_by_role("button", name="Use own categories").click()
    await expect(admin.page.get_by_role("button", name="Use built-in categories")).to_be_visible()
    await check(admin)
    await row(admin, "Rent").get_by_role("link").click()
    await admin.page.get_by_role("textbox", name="Name").fill("Rent and deposit")
    await admin.page.get_by_role("button", name="Save").click()
    await expect(admin.page.get_by_role("heading", name="Rent and deposit")).to_be_visible()
    await admin.page.get_by_role("link", name="Back").click()
    await admin.page.get_by_role("link", name="Add tag").click()
    await admin.page.get_by_role("textbox", name="Name").fill("Water damage")
    await admin.page.get_by_role("textbox", name="Key").fill("new")
    await admin.page.get_by_role("textbox", name="Examples").fill("The tap drips\nWater runs down the wall")
    await admin.page.get_by_role("button", name="Add tag").click()
    await expect(row(admin, "Water damage")).to_contain_text("2 examples")
    await check(admin)
    _, conversation = await account.start_conversation("Kitchen", "Water runs down the wall")
    await admin.page.goto(f"{account.url}/c/{conversation}")
    await expect(admin.classification).to_contain_text("#Water damage")
    await admin.page.goto(f"{account.url}/settings/categories/tags/new")
    await admin.page.get_by_role("button", name="Delete").click()
    await admin.page.get_by_role("group").get_by_role("button", name="Delete").click()
    await expect(admin.page.get_by_text("The built-in tags are in use")).to_be_visible()
    await expect(row(admin, "Rent and deposit")).to_be_visible()
    await admin.page.goto(f"{account.url}/settings/people/new")
    await expect(admin.page.get_by_role("checkbox", name="Rent and deposit")).to_be_visible()
    await expect(admin.page.get_by_role("checkbox", name="Billing")).to_have_count(0)


async def test_settings_in_german_browser_are_german(chromium: Browser, account: DemoAccount) -> None:
    context = await chromium.new_context(locale="de-DE", reduced_motion="reduce")
    admin = ConsolePage(await context.new_page())
    await admin.page.goto(f"{account.url}/settings/people")
    await admin.page.get_by_role("button", name=account.admin["email"]).click()
    await expect(admin.page.get_by_role("heading", name="Personen")).to_be_focused()
    await expect(admin.page).to_have_title(re.compile("Personen · HummDesk"))
    await expect(row(admin, account.agents[0]["email"])).to_be_visible()
    assert await admin.violations() == []
    await context.close()


async def test_account_settings_show_how_much_of_the_file_quota_is_used(
    open_console: Open, account: DemoAccount
) -> None:
    admin = await open_settings(open_console, account, "account")
    files = admin.page.get_by_role("region", name="Files")
    await expect(files).to_contain_text("of 10 GB used")
    await expect(files.get_by_role("meter", name="Files")).to_be_visible()
    await check(admin)
