"""Named states of the console and the widget, for pictures.

They show demo data that no test changes, at a time that stands still.
"""

import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Self

from playwright.async_api import Browser, Route, expect

from hummdesk.dev import demo
from hummdesk.dev.demo_companies import company
from tests.system.browser.conftest import DemoAccount
from tests.system.browser.console_page import ConsolePage
from tests.system.browser.tcp_proxy import TcpProxy

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
NUMBER = 2
"""Of an account that no other test uses."""
CUSTOMERS = 8

START = """if (location.protocol === "http:") {{
  localStorage.clear();
  sessionStorage.clear();
  if ({token}) sessionStorage.setItem("hummdesk.token", {token});
}}"""


class Stage:
    """An account at a time that stands still, and a window for each of its users."""

    def __init__(self, browser: Browser, account: DemoAccount, beside: DemoAccount, proxy: TcpProxy) -> None:
        self.account = account
        self.beside = beside
        self.conversations = account.conversations
        self.proxy = proxy
        self._browser = browser
        self._pages: dict[str, ConsolePage] = {}

    @classmethod
    async def load(cls, browser: Browser, beside: DemoAccount, proxy: TcpProxy) -> Self:
        """Load the account into the installation of another one."""
        loaded = await demo.load(
            beside.settings, first=NUMBER, accounts=1, customers=CUSTOMERS, now=NOW, with_results=True
        )
        (shown,) = loaded["accounts"]
        return cls(browser, DemoAccount(beside.desk, shown), beside, proxy)

    async def window(self, token: str = "") -> ConsolePage:
        """Return the window of a user, or of somebody who is not signed in."""
        if token not in self._pages:
            context = await self._browser.new_context(
                locale="en-GB", timezone_id="UTC", reduced_motion="reduce", viewport={"width": 1440, "height": 900}
            )
            await context.clock.set_fixed_time(NOW)
            await context.add_init_script(START.format(token=json.dumps(token)))
            await context.route("**/demo/shop", self._show_account)
            self._pages[token] = ConsolePage(await context.new_page())
        found = self._pages[token]
        self.proxy.restore()
        await found.page.set_viewport_size({"width": 1440, "height": 900})
        return found

    async def console(self, path: str = "/", *, user: dict[str, Any] | None = None) -> ConsolePage:
        console = await self.window((user or self.account.agents[0])["token"])
        await console.page.goto(f"{self.proxy.url}{path}")
        return console

    async def inbox(self) -> ConsolePage:
        console = await self.console()
        await expect(console.row(self.conversations[-1])).to_be_visible()
        await self._is_online(console)
        return console

    async def conversation(self, number: int) -> ConsolePage:
        """Open a conversation of the demo data."""
        console = await self.console(f"/c/{self.conversations[number]}")
        await expect(console.page.get_by_role("log").get_by_role("article").first).to_be_visible()
        await expect(console.row(self.conversations[-1])).to_have_count(1)
        await expect(console.page.get_by_role("textbox", name="Notes on this customer")).to_be_visible()
        await self._is_online(console)
        return console

    async def shop(self) -> ConsolePage:
        """Open the page of the shop as a new visitor, while an agent is online."""
        if self.account.agents[0]["token"] not in self._pages:
            await self.inbox()
        visitor = await self.window()
        await visitor.page.goto(f"{self.proxy.url}/demo/shop")
        await expect(visitor.page.get_by_role("button", name=re.compile("the chat"))).to_be_visible()
        return visitor

    async def _is_online(self, console: ConsolePage) -> None:
        """Wait until the server counts the agent as online, and the page shows it."""
        status = console.page.get_by_role("button", name="your status")
        await expect(status).to_have_accessible_name(re.compile("online", re.IGNORECASE))

    async def close(self) -> None:
        for console in self._pages.values():
            await console.page.context.close()

    async def _show_account(self, route: Route) -> None:
        response = await route.fetch()
        text = (await response.text()).replace(str(company(0).id), str(self.account.id))
        await route.fulfill(response=response, body=text)


Prepare = Callable[[Stage], Awaitable[ConsolePage]]
STATES: dict[str, Prepare] = {}


def state(prepare: Prepare) -> Prepare:
    STATES[prepare.__name__.replace("_", "-")] = prepare
    return prepare


@state
async def sign_in(stage: Stage) -> ConsolePage:
    """The demo users, each a button."""
    visitor = await stage.window()
    await visitor.page.goto(stage.proxy.url)
    await expect(visitor.page.get_by_role("button", name=stage.beside.agents[0]["email"])).to_be_visible()
    return visitor


@state
async def inbox(stage: Stage) -> ConsolePage:
    """The list without an open conversation."""
    return await stage.inbox()


@state
async def conversation(stage: Stage) -> ConsolePage:
    """A question with its classification and a draft."""
    console = await stage.conversation(1)
    await expect(console.draft.locator("summary")).to_be_visible()  # of its quotes, which are loaded late
    await expect(console.classification).to_be_visible()
    return console


@state
async def thread(stage: Stage) -> ConsolePage:
    """A conversation that has been answered, and read."""
    return await stage.conversation(0)


@state
async def note(stage: Stage) -> ConsolePage:
    """A private note that mentions a colleague."""
    console = await stage.conversation(0)
    await console.page.keyboard.press("n")
    await console.page.keyboard.type("Please look at the invoice, @")
    await expect(console.page.get_by_role("option").first).to_be_visible()
    return console


@state
async def canned_replies(stage: Stage) -> ConsolePage:
    """Canned replies offered while writing."""
    console = await stage.conversation(0)
    await console.page.keyboard.press("r")
    await console.page.keyboard.type("/re")
    await expect(console.page.get_by_role("option", name="Refund").first).to_be_visible()
    return console


@state
async def palette(stage: Stage) -> ConsolePage:
    """The command palette."""
    console = await stage.conversation(0)
    await console.page.keyboard.press("Control+k")
    await expect(console.page.get_by_role("dialog", name="Command palette")).to_be_visible()
    return console


@state
async def shortcuts(stage: Stage) -> ConsolePage:
    """The list of keyboard shortcuts."""
    console = await stage.inbox()
    await console.page.keyboard.press("?")
    await expect(console.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    return console


@state
async def search(stage: Stage) -> ConsolePage:
    """A search, with its hits."""
    console = await stage.inbox()
    await console.page.keyboard.press("/")
    await console.page.keyboard.type("boots")
    await expect(console.row(stage.conversations[3])).to_have_count(0)
    await expect(console.row(stage.conversations[7])).to_be_visible()
    return console


@state
async def search_without_hits(stage: Stage) -> ConsolePage:
    """A search that finds nothing."""
    console = await stage.inbox()
    await console.page.keyboard.press("/")
    await console.page.keyboard.type("xylophone")
    await expect(console.page.get_by_text("No matches")).to_be_visible()
    return console


@state
async def snooze(stage: Stage) -> ConsolePage:
    """The choices of when a conversation comes back."""
    console = await stage.conversation(0)
    await console.page.locator("[data-opens=snooze]").click()
    await expect(console.page.get_by_role("menu")).to_be_visible()
    return console


@state
async def selection(stage: Stage) -> ConsolePage:
    """Two selected conversations."""
    console = await stage.inbox()
    for number in (1, 2):
        item = console.page.get_by_role("listitem").filter(has=console.row(stage.conversations[number]))
        await item.get_by_role("checkbox").check()
    await expect(console.page.get_by_role("group", name="Selected conversations")).to_be_visible()
    return console


@state
async def offline(stage: Stage) -> ConsolePage:
    """A message that waits for the connection."""
    console = await stage.conversation(0)
    stage.proxy.cut()
    await expect(console.page.locator(".banner")).to_contain_text("Offline")
    await console.write("We have sent you a new slider.")
    await expect(console.page.locator(".banner")).to_contain_text("1 message queued")
    return console


@state
async def notifications(stage: Stage) -> ConsolePage:
    """The choices of what an agent is notified of."""
    console = await stage.inbox()
    await console.page.get_by_role("button", name="your status").click()
    await console.page.get_by_role("menuitemradio", name="Notifications").click()
    await expect(console.page.get_by_role("dialog")).to_be_visible()
    return console


@state
async def people(stage: Stage) -> ConsolePage:
    """The people of the account in its settings."""
    console = await stage.console("/settings/people", user=stage.account.admin)
    await expect(console.page.get_by_text(stage.account.agents[0]["email"])).to_be_visible()
    return console


@state
async def supervisor(stage: Stage) -> ConsolePage:
    """The supervisor's page."""
    console = await stage.console("/supervisor", user=stage.account.admin)
    await expect(console.page.get_by_role("table", name="Agents").get_by_role("row").nth(1)).to_be_visible()
    return console


@state
async def widget_closed(stage: Stage) -> ConsolePage:
    """The page of a shop with the button of the chat."""
    return await stage.shop()


@state
async def widget_new(stage: Stage) -> ConsolePage:
    """The chat of a visitor who has not written yet."""
    visitor = await stage.shop()
    await visitor.page.get_by_role("button", name=re.compile("the chat")).click()
    await expect(visitor.page.get_by_role("textbox", name="Your message")).to_be_visible()
    await expect(visitor.page.get_by_role("dialog")).to_contain_text(stage.account.agents[0]["name"])
    return visitor


@state
async def widget_conversation(stage: Stage) -> ConsolePage:
    """The chat of a customer with an answer."""
    visitor = await stage.shop()
    await visitor.page.evaluate("(token) => HummDesk.identify(token)", stage.account.customers[0]["token"])
    await visitor.page.get_by_role("button", name=re.compile("the chat")).click()
    await expect(visitor.page.get_by_role("log", name="Messages")).to_contain_text("zip")
    await expect(visitor.page.locator("header").get_by_text(stage.account.agents[0]["name"])).to_be_visible()
    return visitor


@state
async def widget_offline(stage: Stage) -> ConsolePage:
    """A message of a customer that waits for the connection."""
    visitor = await widget_conversation(stage)
    stage.proxy.cut()
    await expect(visitor.page.get_by_role("status")).to_contain_text("No connection")
    await visitor.page.get_by_role("textbox", name="Your message").fill("Thank you!")
    await visitor.page.keyboard.press("Enter")
    await expect(visitor.page.get_by_role("log", name="Messages")).to_contain_text("Waiting to be sent")
    return visitor
