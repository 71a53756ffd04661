"""A page object: the agent console, or any other page, as a user operates it."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import ConsoleMessage, Locator, Page, expect

from tests.system.js.script_runner import HERE, install_packages

EXPECTED_ERRORS = (
    "net::ERR_",
    "WebSocket connection to",
    "WebSocket is already in CLOSING",
    r"of 400 .*/socket\.io/",
    "of 412",
    "of 422",
    "/settings/oidc",
)
"""Logged by Chromium for connections that a test has cut or the server has refused, for refused input, and without an
identity provider. Regular expressions."""

NOTICE_MS, HELD_MS, TYPING_MS, UNDO_MS = 4000, 5000, 6000, 8000
"""Timeouts of the console and the widget: of a notice of the connection, of a draft that is sent as it is, of the
typing of somebody else, of an undo of a closing."""

HOLD = """(delays) => {
    const start = window.setTimeout;
    window.setTimeout = (run, delay, ...more) => (delays.includes(delay) ? 0 : start(run, delay, ...more));
}"""

RECONNECT_MS = 60_000
"""For what waits for a reconnect: the longest pause of a page is 17 seconds."""


class ConsolePage:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        """Script errors, dialogs, and violations of the content security policy."""
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._record)
        page.on("dialog", lambda dialog: self.errors.append(f"a dialog: {dialog.message}"))

    def _record(self, message: ConsoleMessage) -> None:
        error = f"{message.text} {message.location['url']}"
        if message.type == "error" and not any(re.search(text, error) for text in EXPECTED_ERRORS):
            self.errors.append(error)

    async def sign_in(self, user: dict[str, Any]) -> None:
        await self.page.get_by_role("button", name=user["email"]).click()
        await expect(self.page.get_by_role("navigation", name="List of conversations")).to_be_visible()

    async def hold(self, *timeouts: int) -> None:
        """Start none of these timeouts, in milliseconds, on this page: what they would hide remains until it is seen.

        On a machine that stands still for seconds, it would be hidden first.
        """
        await self.page.evaluate(HOLD, list(timeouts))

    async def reset(self) -> None:
        """Make the page equivalent to a new one."""
        for page in self.page.context.pages:
            if page is not self.page:
                await page.close()  # it would sign in the next test's user
        await self.page.evaluate("sessionStorage.clear(), localStorage.clear()")
        await self.page.goto("about:blank")

    def row(self, conversation: str) -> Locator:
        return self.page.locator(f"[data-conversation='{conversation}']")

    async def open(self, conversation: str) -> None:
        await self.row(conversation).click()
        await expect(self.page).to_have_url(re.compile(f"/c/{conversation}"))
        await expect(self.page.get_by_role("log", name="Messages")).to_be_visible()

    def message(self, text: str) -> Locator:
        return self.page.get_by_role("log").get_by_role("article").filter(has_text=text)

    @property
    def draft(self) -> Locator:
        return self.page.get_by_role("region", name="AI draft")

    @property
    def classification(self) -> Locator:
        return self.page.get_by_role("group", name="AI classification")

    async def write(self, text: str, *, key: str = "r") -> None:
        """Write and send by keyboard: a reply, or a note with the key N."""
        if await self.page.evaluate("document.activeElement.id") == "composer":
            await self.page.keyboard.press("Escape")
        await self.page.keyboard.press(key)
        await self.page.keyboard.type(text)
        await self.page.keyboard.press("Enter")

    async def violations(self, *rules: str, within: str = "html") -> list[str]:
        """Serious and critical accessibility violations that axe-core finds, by all of its rules or by these."""
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(axe())
        options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
        found = await self.page.evaluate("([within, options]) => axe.run(within, options)", [within, options])
        return [
            f"{violation['id']}: {node['target']} {node['failureSummary']}"
            for violation in found["violations"]
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]

    async def dark_violations(self, *, within: str = "html") -> list[str]:
        """Violations in the dark color scheme, which differs by its contrasts only."""
        await self.page.emulate_media(color_scheme="dark")
        found = await self.violations("color-contrast", within=within)
        await self.page.emulate_media(color_scheme="light")
        return found

    async def width(self) -> int:
        """Width of the content in pixels; more than that of the window if the page scrolls sideways."""
        return int(await self.page.evaluate("document.documentElement.scrollWidth"))


@cache
def axe() -> str:
    install_packages()
    return Path(HERE / "node_modules" / "axe-core" / "axe.min.js").read_text()
