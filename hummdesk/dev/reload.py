"""Restart processes and rebuild pages when a source file changes: `make dev`."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = CHECKOUT / "web"
SOURCES = (CHECKOUT / "hummdesk", CHECKOUT / "tasks", CHECKOUT / "sql", PAGES)
IGNORED = {"__pycache__", "node_modules", "dist", str(CHECKOUT / "hummdesk" / "web")}
POLL_SECONDS = 0.5

Times = dict[Path, float]


async def watch(restart: Callable[[], Awaitable[None]], say: Callable[[str], None]) -> None:
    """Call `restart` after each change of a source file; rebuild the pages before that if it is one of theirs."""
    known = await asyncio.to_thread(_modified)
    while True:
        await asyncio.sleep(POLL_SECONDS)
        found = await asyncio.to_thread(_modified)
        changed = changes(known, found)
        known = found
        if changed:
            say(f"{changed[0].relative_to(CHECKOUT)} has changed: restarting")
            if not any(path.is_relative_to(PAGES) for path in changed) or await _build(say):
                await restart()


def changes(before: Times, after: Times) -> list[Path]:
    """Return the files that were added, changed or removed."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def _modified() -> Times:
    times: Times = {}
    for source in SOURCES:
        for folder, folders, files in os.walk(source):
            folders[:] = [name for name in folders if not IGNORED & {name, os.path.join(folder, name)}]  # noqa: PTH118
            for file in files:
                if file.endswith(".tsbuildinfo"):  # written by `make check`
                    continue
                with suppress(FileNotFoundError):  # an editor's temporary file
                    path = Path(folder, file)
                    times[path] = path.stat().st_mtime
    return times


async def _build(say: Callable[[str], None]) -> bool:
    command = (sys.executable, "-m", "hummdesk.dev.nodejs", str(PAGES), "build")
    child = await asyncio.create_subprocess_exec(*command, cwd=CHECKOUT)
    if await child.wait() != 0:
        say("the pages could not be built")
        return False
    return True
