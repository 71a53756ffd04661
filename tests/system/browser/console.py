"""The console as a person uses it."""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import ConsoleMessage, Locator, Page, expect

from tests.system.js.script_runner import HERE, install_packages

HARMLESS = ("net::ERR_", "WebSocket connection to")
"""What Chromium says of a connection that a test has cut, or of an answer that is a refusal."""

SCHEMES: tuple[Any, ...] = ("dark", "light")


class Console:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        """Errors of scripts, and what the policy of the page has blocked."""
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._hear)
        page.on("dialog", lambda dialog: self.faults.append(f"a dialog: {dialog.message}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(words in message.text for words in HARMLESS):
            self.faults.append(message.text)

    async def sign_in(self, person: dict[str, Any]) -> None:
        await self.page.get_by_role("button", name=person["email"]).click()
        await expect(self.page.get_by_role("navigation", name="List of conversations")).to_be_visible()

    async def leave(self) -> None:
        """As if the window were new."""
        await self.page.evaluate("sessionStorage.clear()")
        await self.page.goto("about:blank")

    def row(self, conversation: str) -> Locator:
        return self.page.locator(f"[data-conversation='{conversation}']")

    async def open(self, conversation: str) -> None:
        await self.row(conversation).click()
        await expect(self.page.get_by_role("log", name="Messages")).to_be_visible()

    def said(self, text: str) -> Locator:
        return self.page.get_by_role("log").get_by_role("article").filter(has_text=text)

    @property
    def draft(self) -> Locator:
        return self.page.get_by_role("region", name="Draft of the AI")

    async def write(self, text: str, *, key: str = "r") -> None:
        """By keyboard alone: R for a reply, N for a note."""
        if await self.page.evaluate("document.activeElement.id") == "composer":
            await self.page.keyboard.press("Escape")
        await self.page.keyboard.press(key)
        await self.page.keyboard.type(text)
        await self.page.keyboard.press("Enter")

    async def barriers(self, *rules: str, within: str = "html") -> list[str]:
        """What axe-core finds that keeps somebody out, by all of its rules or these."""
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(axe())
        options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
        found = await self.page.evaluate("([within, options]) => axe.run(within, options)", [within, options])
        return [
            f"{fault['id']}: {node['target']} {node['failureSummary']}"
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]

    async def barriers_in_the_dark(self, *, within: str = "html") -> list[str]:
        """The page again in its other colours, which is all that is different."""
        await self.page.emulate_media(color_scheme="dark")
        found = await self.barriers("color-contrast", within=within)
        await self.page.emulate_media(color_scheme="light")
        return found

    async def photograph(self, folder: Path, name: str, **how: Any) -> None:
        """In both colours."""
        for scheme in SCHEMES:
            await self.page.emulate_media(color_scheme=scheme)
            await self.page.screenshot(path=folder / f"{name}-{scheme}.png", **how)

    async def width(self) -> int:
        """Of what there is to see, which is that of the window unless one has to scroll sideways."""
        return int(await self.page.evaluate("document.documentElement.scrollWidth"))


@cache
def axe() -> str:
    install_packages()
    return Path(HERE / "node_modules" / "axe-core" / "axe.min.js").read_text()
