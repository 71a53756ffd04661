"""A complete installation with demo data, Chromium, and sockets of the demo users."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from playwright.async_api import Browser, Playwright, async_playwright, expect
from redis.asyncio import Redis

from hummdesk.core.config import Settings, collect, read
from tests.conftest import make_reachable_directory
from tests.integration.server.accounts import Client
from tests.suspended_process import suspended
from tests.system.browser import fonts
from tests.system.browser.console_page import ConsolePage
from tests.system.browser.foreign_site import ForeignSite
from tests.system.browser.tcp_proxy import TcpProxy
from tests.system.dev.conversation_flow import demo
from tests.system.dev.test_up import Desk, running

PROGRAMS = ("chromium-headless-shell", "chromium", "google-chrome")
SWITCHES = [
    "--no-sandbox",  # it does not work for root
    *("--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # A renderer for all pages: the start of another takes as long as many a test.
    *("--disable-site-isolation-trials", "--renderer-process-limit=1"),
]

TEST_SECONDS = 180

PATIENT = {"DB_TIMEOUT_SECONDS": "60", "TYPING_TIMEOUT_SECONDS": "60"}
"""Settings with which nothing ends or fails while the machine stands still."""

expect.set_options(timeout=30_000)
"""In milliseconds; far more than anything takes on an idle machine."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count the start of the installation and of Chromium, which have limits of their own, not as part of a test."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS, func_only=True))


class DemoAccount:
    """An account of the demo data: its users by role, with their tokens."""

    def __init__(self, desk: Desk, account: dict[str, Any]) -> None:
        self.desk = desk
        self.id = UUID(account["id"])
        self.url = f"http://127.0.0.1:{desk.port}"
        self.agents = [user for user in account["users"] if user["role"] == "agent"]
        self.admin = next(user for user in account["users"] if user["role"] == "admin")
        self.viewer = next(user for user in account["users"] if user["role"] == "viewer")
        self.customers = account["customers"]
        self.conversations = [str(one["id"]) for one in account["conversations"]]
        self.clients: list[Client] = []

    async def connect(self, user: dict[str, Any]) -> Client:
        self.clients.append(client := await Client(self.url).connect(token=user["token"]))
        await client.receives("authenticated")
        return client

    async def start_conversation(
        self, subject: str, content: str | None = None, *, customer_number: int = 0
    ) -> tuple[Client, str]:
        """Start a conversation as a customer. Returns the customer's socket and the id of the conversation."""
        customer = await self.connect(self.customers[customer_number])
        request = {"subject": subject} | ({"content": content} if content else {})
        started = await customer.do("start_conversation", request)
        return customer, str(started["conversation"]["conversationId"])

    @property
    def settings(self) -> Settings:
        return read(collect(self.desk.home, environ={}))

    async def expire_recovery(self) -> None:
        """Delete the recovery state of disconnected sockets, as if the recovery window were over."""
        redis = Redis.from_url(self.settings.redis)
        async for key in redis.scan_iter("hummdesk:recovery:*"):
            await redis.delete(key)
        await redis.aclose()

    @contextmanager
    def suspended_workers(self) -> Iterator[None]:
        """Suspend the Celery worker, so that no AI run makes progress."""
        worker = psutil.Process(self.desk.child("worker"))
        processes = [worker, *worker.children(recursive=True)]
        with suspended(processes, database_url=self.settings.postgres, roles=["hummdesk_worker"]):
            yield


@pytest.fixture(scope="package")
async def allowed_site() -> AsyncIterator[ForeignSite]:
    """A page on an origin in `WIDGET_ORIGINS` and `CONSOLE_ORIGINS`."""
    async with ForeignSite() as site:
        yield site


@pytest.fixture
async def foreign_site() -> AsyncIterator[ForeignSite]:
    """A page on an origin that is not allowed."""
    async with ForeignSite() as site:
        yield site


@pytest.fixture(scope="package")
async def accounts(
    allowed_site: ForeignSite, launch: asyncio.Task[tuple[Playwright, Browser]]
) -> AsyncIterator[list[DemoAccount]]:
    folder = make_reachable_directory()
    origin = allowed_site.origin
    env = {"WIDGET_ORIGINS": origin, "CONSOLE_ORIGINS": origin, "AI_QUIET_SECONDS": "0"}
    async with running(folder / "home", "--port", "0", env=env | PATIENT) as desk:
        accounts = [DemoAccount(desk, account) for account in (await demo(folder / "home"))["accounts"]]
        yield accounts
        for account in accounts:
            for client in account.clients:
                await client.close()
        await desk.end(signal.SIGTERM)
    shutil.rmtree(folder)


@pytest.fixture(scope="package")
def account(accounts: list[DemoAccount]) -> DemoAccount:
    return accounts[0]


@pytest.fixture(scope="package")
def other_account(accounts: list[DemoAccount]) -> DemoAccount:
    """An account that few tests use."""
    return accounts[1]


@pytest.fixture(scope="package")
def chromium_path() -> str:
    path = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if path is None:
        missing = "Chromium is not installed: browser tests cannot run"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return path


@pytest.fixture(scope="package")
async def launch(chromium_path: str) -> AsyncIterator[asyncio.Task[tuple[Playwright, Browser]]]:
    """The start of Chromium, which takes place while the installation starts."""
    with tempfile.TemporaryDirectory() as home:  # for files outside of its profile
        task = asyncio.create_task(_launch(chromium_path, Path(home)))
        yield task
        playwright, browser = await task
        await browser.close()
        await playwright.stop()


async def _launch(path: str, home: Path) -> tuple[Playwright, Browser]:
    font = await asyncio.to_thread(fonts.configure, home)
    playwright = await async_playwright().start()
    env: dict[str, str | float | bool] = {**os.environ, **font, "HOME": str(home)}
    return playwright, await playwright.chromium.launch(executable_path=path, args=SWITCHES, env=env)


@pytest.fixture(scope="package")
async def chromium(launch: asyncio.Task[tuple[Playwright, Browser]]) -> Browser:
    _, browser = await launch
    return browser


@pytest.fixture
async def proxy(account: DemoAccount) -> AsyncIterator[TcpProxy]:
    """A proxy in front of the server that can be cut off."""
    async with TcpProxy(int(account.url.rsplit(":", 1)[1])) as proxy:
        yield proxy


Open = Callable[..., Awaitable[ConsolePage]]


@pytest.fixture(scope="package")
async def windows(chromium: Browser) -> AsyncIterator[list[ConsolePage]]:
    """A window for each user of a test. Windows are reused, since a new one takes a second."""
    windows: list[ConsolePage] = []
    yield windows
    for window in windows:
        await window.page.context.close()


@pytest.fixture
async def open_console(chromium: Browser, windows: list[ConsolePage], account: DemoAccount) -> AsyncIterator[Open]:
    """Open pages in windows of their own. At the end of the test, no window may have logged an error."""
    used: list[ConsolePage] = []

    async def open_one(user: dict[str, Any] | None = None, *, url: str = account.url) -> ConsolePage:
        if len(used) == len(windows):
            context = await chromium.new_context(locale="en-GB", reduced_motion="reduce")
            windows.append(ConsolePage(await context.new_page()))
        used.append(console := windows[len(used)])
        await console.page.set_viewport_size({"width": 1280, "height": 800})
        await console.page.emulate_media(color_scheme="light")
        await console.page.goto(url)
        if user is not None:
            await console.sign_in(user)
        return console

    yield open_one
    for console in used:
        await console.reset()
        errors, console.errors = console.errors, []
        assert errors == []


@pytest.fixture(scope="package")
def screenshots() -> Path:
    """The folder for screenshots; ignored by git."""
    folder = Path(__file__).parents[3] / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
