"""Photos of agents in the console and in the widget."""

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Browser, BrowserContext, Locator, expect

from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.test_widget import visit


@pytest.fixture
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    context = await chromium.new_context(viewport={"width": 1100, "height": 760}, reduced_motion="reduce")
    yield context
    await context.close()


async def is_photo(image: Locator) -> None:
    await expect(image).to_have_js_property("naturalWidth", 128)


async def test_photo_of_agent_is_chosen_in_the_console_and_shown_in_the_widget(
    context: BrowserContext, account: DemoAccount, open_console: Open
) -> None:
    written = io.BytesIO()
    Image.new("RGB", (900, 600), (200, 80, 20)).save(written, "JPEG")
    console = await open_console(account.agents[0])
    menu = console.page.get_by_role("button", name="your status")
    await menu.click()
    await console.page.get_by_role("menuitemradio", name="Photo").click()
    dialog = console.page.get_by_role("dialog", name="Photo")
    chosen: Any = {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": written.getvalue()}
    await dialog.locator("input[type=file]").set_input_files(chosen)
    await is_photo(dialog.locator("img"))
    assert await console.violations(within="dialog") == []
    await dialog.get_by_role("button", name="Close").click()
    await is_photo(menu.locator("img"))
    visitor = await visit(context, account.url)
    await visitor.launcher.click()
    await is_photo(visitor.dialog.locator(".face img").first)
    await visitor.page.route("**/photos/**", lambda route: route.abort())  # as of one that was replaced
    await visitor.page.reload()
    await expect(visitor.dialog.locator(".face").first).to_be_visible()
    await expect(visitor.dialog.locator(".face img")).to_have_count(0)
    await console.page.route("**/photos/**", lambda route: route.abort())
    await console.page.reload()
    await expect(menu.locator(".avatar")).to_have_attribute("data-initials", "KA")
    await expect(menu.locator("img")).to_have_count(0)
    await console.page.unroute_all(behavior="wait")
    await menu.click()
    await console.page.get_by_role("menuitemradio", name="Photo").click()
    await dialog.get_by_role("button", name="Remove").click()
    await expect(dialog.locator("img")).to_have_count(0)
