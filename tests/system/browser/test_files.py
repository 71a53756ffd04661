"""Files in the widget and in the console: chosen, pasted and cut off on their way."""

import asyncio
import hashlib
import io
import secrets
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image
from playwright.async_api import Browser, BrowserContext, FilePayload, Locator, Route, expect

from tests.system.browser.conftest import DemoAccount, Open
from tests.system.browser.console_page import RECONNECT_MS
from tests.system.browser.tcp_proxy import TcpProxy
from tests.system.browser.test_language import serve_in_german
from tests.system.browser.test_widget import Visitor, visit

MEGABYTE = 1_000_000
PARTS = "**/files/*"
"""Addresses that receive the bytes of an upload."""
PASTE = """(field) => {
    const data = new DataTransfer();
    data.items.add(new File(["a,b"], "table.csv", { type: "text/csv" }));
    field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    context = await chromium.new_context(viewport={"width": 1100, "height": 760}, reduced_motion="reduce")
    yield context
    await context.close()


def png() -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 40, 30, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress((b"\0" + 40 * b"\x20\x80\x60") * 30))
        + chunk(b"IEND", b"")
    )


async def is_painted(image: Locator) -> None:
    await expect(image).to_be_visible()
    await expect(image).to_have_js_property("naturalWidth", 40)


async def attach(visitor: Visitor, *files: Any) -> None:
    await visitor.dialog.locator("input[type=file]").set_input_files(files)


@pytest.mark.timeout(300)  # the widget pauses for up to 17 seconds after a cut
async def test_files_of_visitor_and_agent_arrive_though_the_connection_is_cut_three_times(
    context: BrowserContext, account: DemoAccount, open_console: Open, tmp_path: Path
) -> None:
    agent = await account.connect(account.agents[1])
    large = tmp_path / "video.bin"
    large.write_bytes(secrets.token_bytes(25 * MEGABYTE))
    async with TcpProxy(int(account.url.rpartition(":")[2])) as proxy:
        visitor = await visit(context, proxy.url)
        await visitor.launcher.click()
        await attach(visitor, {"name": "receipt.png", "mimeType": "image/png", "buffer": png()})
        await is_painted(visitor.log.get_by_role("img", name="receipt.png"))
        arrived = await agent.receives("new_message", content="receipt.png")
        conversation = arrived["conversationId"]

        console = await open_console(account.agents[1], url=account.url)
        await console.page.goto(f"{account.url}/c/{conversation}")
        await is_painted(console.page.get_by_role("log").get_by_role("img", name="receipt.png"))
        await console.page.locator("#composer").evaluate(PASTE)
        await expect(console.page.get_by_role("button", name="Remove table.csv")).to_be_visible()
        await console.page.locator("input[type=file]").set_input_files(
            {"name": "page.html", "mimeType": "image/png", "buffer": b"<script>window.hurt=1</script>"}
        )
        await expect(console.page.get_by_role("button", name="Remove page.html")).to_be_visible()
        assert await console.violations(within=".composer") == []
        await console.page.get_by_role("button", name="Send", exact=True).click()
        await expect(visitor.log.get_by_role("link", name="table.csv")).to_be_visible()
        async with visitor.page.expect_download() as download:
            await visitor.log.get_by_role("link", name="page.html").click()
        assert (await download.value).suggested_filename == "page.html"

        proxy.cuts = [(8 * cut) * MEGABYTE for cut in (1, 2, 3)]
        await attach(visitor, large)
        video = visitor.log.get_by_role("link", name="video.bin")
        await expect(video).to_be_visible(timeout=3 * RECONNECT_MS)
        assert proxy.cuts == []
        sent = await agent.receives("new_message", content="video.bin")
    assert sent["attachments"][0]["size"] == 25 * MEGABYTE
    assert await digest(account, sent["attachments"][0]["url"]) == hashlib.sha256(large.read_bytes()).hexdigest()


async def test_large_image_is_shown_small_in_its_reserved_space_and_opened_whole(
    context: BrowserContext, account: DemoAccount, open_console: Open
) -> None:
    written = io.BytesIO()
    Image.new("RGB", (1600, 1200), (10, 120, 90)).save(written, "PNG")
    agent = await account.connect(account.agents[1])
    visitor = await visit(context, account.url)
    await visitor.launcher.click()
    await attach(visitor, {"name": "boots.png", "mimeType": "image/png", "buffer": written.getvalue()})
    arrived = await agent.receives("new_message", content="boots.png")
    console = await open_console(account.agents[1], url=account.url)
    described, measured = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        described.set()
        await measured.wait()
        await route.continue_()

    await console.page.route("**/files/*", hold)
    # The event `load` waits for an image that is requested before it.
    await console.page.goto(f"{account.url}/c/{arrived['conversationId']}", wait_until="commit")
    await described.wait()
    log = console.page.get_by_role("log")
    space = await log.locator(".picture").bounding_box()
    measured.set()
    for page in (log, visitor.log):
        image = page.get_by_role("img", name="boots.png")
        await expect(image).to_have_js_property("naturalWidth", 640)
        await expect(image).to_have_js_property("complete", True)
    assert space is not None
    filled = await log.locator(".picture").bounding_box()
    assert filled is not None
    # Its position may change: the composer grows with a draft.
    assert [(box["width"], box["height"]) for box in (space, filled)] == [(320, 240)] * 2
    await console.page.unroute_all(behavior="wait")
    assert await console.violations(within=".messages") == []
    answered = asyncio.Event()

    async def hold_address(route: Route) -> None:
        await answered.wait()
        await route.continue_()

    await console.page.route("**/files/*", hold_address)
    async with console.page.context.expect_page() as opened:  # before its address is known: browsers block a later one
        await log.get_by_role("link", name="boots.png").click()
    window = await opened.value
    answered.set()
    await expect(window.locator("img")).to_have_js_property("naturalWidth", 1600)
    await console.page.unroute_all(behavior="wait")
    await window.close()


async def test_upload_of_agent_who_signs_out_ends(account: DemoAccount, open_console: Open) -> None:
    _, conversation = await account.start_conversation("A file", "Please send the manual")
    console = await open_console(account.agents[0])
    page = console.page
    await page.route(PARTS, lambda _: None)  # their answers never arrive
    await console.open(conversation)
    async with page.expect_request(PARTS) as upload:
        await page.locator("input[type=file]").set_input_files(
            {"name": "manual.txt", "mimeType": "text/plain", "buffer": b"Turn it on."}
        )
    await expect(page.get_by_role("progressbar", name="manual.txt")).to_be_visible()
    await page.get_by_role("button", name="your status").click()
    async with page.expect_event("requestfailed", lambda request: request.method == "PATCH") as ended:
        await page.get_by_role("menuitemradio", name="Sign out").click()
    assert (await ended.value).url == (await upload.value).url
    await page.unroute(PARTS)


async def test_refused_file_says_why_in_english_and_german(
    chromium: Browser, account: DemoAccount, tmp_path: Path
) -> None:
    _, conversation = await account.start_conversation("Refused files", "Which files can I send?")
    large = tmp_path / "large.bin"
    with large.open("wb") as content:
        content.truncate(account.settings.max_file_bytes + 1)
    empty = FilePayload(name="empty.txt", mimeType="text/plain", buffer=b"")
    long = FilePayload(name="n" * 10_000, mimeType="text/plain", buffer=b"n")
    for locale, reasons in (
        ("en-GB", ("The file is empty", "at most 255 characters", "The file is too large: at most 100 MB")),
        ("de-DE", ("Die Datei ist leer", "höchstens 255 Zeichen", "Die Datei ist zu groß: Erlaubt sind höchstens 100")),
    ):
        context = await chromium.new_context(locale=locale, reduced_motion="reduce")
        token = account.agents[0]["token"]
        console = await context.new_page()
        await console.add_init_script(f"sessionStorage.setItem('hummdesk.token', '{token}')")
        await console.goto(f"{account.url}/c/{conversation}")
        widget = await context.new_page()
        if locale == "de-DE":
            await widget.route("**/demo/shop", serve_in_german)
        await widget.goto(f"{account.url}/demo/shop")
        await widget.locator(".launcher").click()
        for page, place in ((console, console.locator(".composer")), (widget, widget.get_by_role("dialog"))):
            chosen: tuple[FilePayload | Path, ...] = (empty, long, large)
            for file, reason in zip(chosen, reasons, strict=True):
                await page.locator("input[type=file]").set_input_files(file)
                await expect(place.get_by_role("alert").filter(has_text=reason)).to_be_visible()
        await context.close()


async def digest(account: DemoAccount, url: str) -> str:
    headers = {"Authorization": f"Bearer {account.agents[1]['token']}"}
    async with aiohttp.ClientSession(account.url) as session, session.get(url, headers=headers) as answer:
        assert answer.status == 200
        return hashlib.sha256(await answer.read()).hexdigest()
