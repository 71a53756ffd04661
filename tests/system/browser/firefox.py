"""Firefox, operated by WebDriver BiDi, which it speaks itself: https://w3c.github.io/webdriver-bidi."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

START_SECONDS = 60
WAIT_SECONDS = 30
PREFERENCES = """user_pref("app.update.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("browser.newtabpage.enabled", false);
user_pref("intl.accept_languages", "en-GB");
"""

FIND = """async (selector, text) => {
    const below = ({ shadowRoot }) => (shadowRoot ? all(shadowRoot) : []);
    const all = (root) => [root, ...[...root.querySelectorAll("*")].flatMap(below)];
    const find = () => all(document)
        .flatMap((root) => [...root.querySelectorAll(selector)])
        .find((one) => one.textContent.includes(text) || one.ariaLabel?.includes(text));
    while (!find()) await new Promise((again) => setTimeout(again, 50));
    return find();
}"""
"""Wait for the first element of the selector, also in shadow roots, that has the text or is labelled by it."""


class Tab:
    def __init__(self, browser: "Firefox", context: str) -> None:
        self._browser = browser
        self._context = context

    async def open(self, url: str) -> None:
        await self._browser.command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def activate(self) -> None:
        await self._browser.command("browsingContext.activate", context=self._context)

    async def find(self, selector: str, text: str = "") -> dict[str, Any]:
        """Wait for an element; return a reference to it."""
        return await self._call(FIND, {"type": "string", "value": selector}, {"type": "string", "value": text})

    async def click(self, selector: str, text: str = "") -> None:
        element = await self.find(selector, text)
        await self._call("(element) => element.scrollIntoView({ block: 'nearest' })", element)
        origin = {"type": "element", "element": {"sharedId": element["sharedId"]}}
        actions = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        await self._perform({"type": "pointer", "id": "mouse", "actions": actions})

    async def write(self, text: str) -> None:
        """Type into the field that has the focus, and press Enter."""
        keys = [{"type": kind, "value": key} for key in (*text, "\ue007") for kind in ("keyDown", "keyUp")]
        await self._perform({"type": "key", "id": "keyboard", "actions": keys})

    async def _perform(self, source: dict[str, Any]) -> None:
        await self._browser.command("input.performActions", context=self._context, actions=[source])

    async def _call(self, function: str, *arguments: dict[str, Any]) -> dict[str, Any]:
        answer = await self._browser.command(
            "script.callFunction",
            functionDeclaration=function,
            arguments=list(arguments),
            target={"context": self._context},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        found: dict[str, Any] = answer["result"]
        return found


class Firefox:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self.errors: list[str] = []
        """What pages have logged as errors."""

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its result. One at a time."""
        self._number += 1
        await self._connection.send(json.dumps({"id": self._number, "method": method, "params": params}))
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                answer = json.loads(await self._connection.recv())
                if answer.get("method") == "log.entryAdded" and answer["params"]["level"] == "error":
                    self.errors.append(str(answer["params"]["text"]))
                if answer.get("id") == self._number:
                    break
        assert answer["type"] == "success", answer
        result: dict[str, Any] = answer["result"]
        return result

    async def new_tab(self) -> Tab:
        return Tab(self, (await self.command("browsingContext.create", type="tab"))["context"])


@asynccontextmanager
async def running(program: str, folder: Path) -> AsyncIterator[Firefox]:
    """Start Firefox with a profile in the folder."""
    profile = folder / "profile"
    profile.mkdir()
    (profile / "user.js").write_text(PREFERENCES)
    process = await asyncio.create_subprocess_exec(
        *(program, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"),
        env={"HOME": str(folder), "MOZ_CRASHREPORTER_DISABLE": "1", "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            line = ""
            while "WebDriver BiDi listening on " not in line:
                line = (await process.stderr.readline()).decode()
                assert line, "Firefox ended while it started"
        reading = asyncio.create_task(process.stderr.read())  # or it blocks once the pipe is full
        address = line.split("listening on ")[1].strip()
        async with connect(f"{address}/session", max_size=None) as connection:
            firefox = Firefox(connection)
            await firefox.command("session.new", capabilities={})
            await firefox.command("session.subscribe", events=["log.entryAdded"])
            yield firefox
            await firefox.command("browser.close")
        await process.wait()
        await reading
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
