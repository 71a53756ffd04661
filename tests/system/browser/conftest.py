"""The desk that `make run` starts, a real Chromium in front of it, and the demo's customers at their sockets."""

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
from playwright.async_api import Browser, async_playwright, expect

from hummdesk.bus.client import connect
from hummdesk.core.config import Settings, gather, read
from tests.conftest import make_reachable_directory
from tests.integration.server.accounts import Client
from tests.integration.server.test_flow import demo
from tests.system.browser.console import Console
from tests.system.browser.site import Site
from tests.system.browser.wire import Wire
from tests.system.dev.test_up import WorkerContext, running

SWITCHES = [
    "--no-sandbox",  # root has none
    *("--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]

expect.set_options(timeout=15_000)
"""Much more than anything takes on a machine that does nothing else."""


class Shop:
    """A running desk, and one company of the demo on it: its people by role, with their tokens."""

    def __init__(self, desk: WorkerContext, account: dict[str, Any]) -> None:
        self.desk = desk
        self.id = UUID(account["id"])
        self.url = f"http://127.0.0.1:{desk.port}"
        self.agents = [user for user in account["users"] if user["role"] == "agent"]
        self.admin = next(user for user in account["users"] if user["role"] == "admin")
        self.supervisor = next(user for user in account["users"] if user["role"] == "viewer")
        self.customers = account["customers"]
        self.clients: list[Client] = []

    async def connect(self, person: dict[str, Any]) -> Client:
        self.clients.append(client := await Client(self.url).connect(token=person["token"]))
        await client.hears("authenticated")
        return client

    async def ask(self, subject: str, content: str | None = None, *, customer_number: int = 0) -> tuple[Client, str]:
        """A customer begins a conversation; its socket, and the conversation's id."""
        customer = await self.connect(self.customers[customer_number])
        question = {"subject": subject} | ({"content": content} if content else {})
        started = await customer.do("start_conversation", question)
        return customer, str(started["conversation"]["conversationId"])

    @property
    def settings(self) -> Settings:
        return read(gather(self.desk.home, environ={}))

    async def forget_absent(self) -> None:
        """Let the time be over in which a socket that has gone can come back."""
        redis = connect(self.settings.redis)
        async for key in redis.scan_iter("hummdesk:recovery:*"):
            await redis.delete(key)
        await redis.aclose()

    @contextmanager
    def idle_workers(self) -> Iterator[None]:
        """The AI finds nothing in the meantime."""
        worker = psutil.Process(self.desk.child("worker"))
        processes = [worker, *worker.children(recursive=True)]
        try:
            for process in processes:
                process.suspend()
            yield
        finally:
            for process in processes:
                process.resume()


@pytest.fixture(scope="session")
async def neighbour() -> AsyncIterator[Site]:
    """A page of an origin that the desk accepts."""
    async with Site() as site:
        yield site


@pytest.fixture
async def stranger() -> AsyncIterator[Site]:
    """A page of an origin that it does not."""
    async with Site() as site:
        yield site


@pytest.fixture(scope="session")
async def shops(neighbour: Site) -> AsyncIterator[list[Shop]]:
    folder = make_reachable_directory()
    env = {"CORS_ORIGIN": neighbour.origin, "AI_QUIET_SECONDS": "0"}
    async with running(folder / "home", "--port", "0", env=env) as desk:
        shops = [Shop(desk, account) for account in (await demo(folder / "home"))["accounts"]]
        yield shops
        for shop in shops:
            for client in shop.clients:
                await client.close()
        await desk.end(signal.SIGTERM)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def shop(shops: list[Shop]) -> Shop:
    return shops[0]


@pytest.fixture(scope="session")
def quiet_shop(shops: list[Shop]) -> Shop:
    """Another account, in which nothing happens but what its test does."""
    return shops[1]


@pytest.fixture(scope="session")
def chromium_path() -> str:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        missing = "no Chromium on this machine, and it could not be installed: the pages are not tested in a browser"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return path


@pytest.fixture(scope="session")
async def chromium(chromium_path: str) -> AsyncIterator[Browser]:
    with tempfile.TemporaryDirectory() as home:  # what it writes beside its profile
        async with async_playwright() as playwright:
            env = os.environ | {"HOME": home}
            browser = await playwright.chromium.launch(executable_path=chromium_path, args=SWITCHES, env=env)
            yield browser
            await browser.close()


@pytest.fixture
async def wire(shop: Shop) -> AsyncIterator[Wire]:
    """A connection to the desk that can be cut."""
    async with Wire(int(shop.url.rsplit(":", 1)[1])) as wire:
        yield wire


Open = Callable[..., Awaitable[Console]]


@pytest.fixture(scope="session")
async def windows(chromium: Browser) -> AsyncIterator[list[Console]]:
    """One for each person of a test, kept for the next one: a new one costs a second."""
    windows: list[Console] = []
    yield windows
    for window in windows:
        await window.page.context.close()


@pytest.fixture
async def open_console(chromium: Browser, windows: list[Console], shop: Shop) -> AsyncIterator[Open]:
    """Opens the console in a window of its own; at the end nothing may have been blocked or have failed in it."""
    used: list[Console] = []

    async def open_one(person: dict[str, Any] | None = None, *, url: str = shop.url) -> Console:
        if len(used) == len(windows):
            context = await chromium.new_context(locale="en-GB", reduced_motion="reduce")
            windows.append(Console(await context.new_page()))
        used.append(console := windows[len(used)])
        await console.page.set_viewport_size({"width": 1280, "height": 800})
        await console.page.emulate_media(color_scheme="light")
        await console.page.goto(url)
        if person is not None:
            await console.sign_in(person)
        return console

    yield open_one
    for console in used:
        await console.leave()
        faults, console.faults = console.faults, []
        assert faults == []


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where the screenshots of a run are kept; git ignores it."""
    folder = Path(__file__).parents[3] / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
