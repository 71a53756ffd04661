"""A provider for the workers under test that fails as real ones do."""

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hummdesk.ai import providers
from hummdesk.ai.embedded.provider import EmbeddedProvider
from hummdesk.ai.protocol import (
    Classification,
    Context,
    Draft,
    IncomingMessage,
    Knowledge,
    ProviderError,
    ProviderRefused,
    Show,
    Turn,
    show_nothing,
)
from hummdesk.core.assist import Assist
from tasks.app import app
from tests.system.tasks.marks import RELEASED, mark_of

MARKS = Path(os.environ["TEST_MARKS"])
"""A directory with a file for each call, so that a test can count the calls of all processes."""


def count_call(verb: str, text: str) -> int:
    """Record a call; return the number of calls for this text."""
    mark = mark_of(verb, text)
    (MARKS / f"{mark}-{time.monotonic_ns()}").touch()
    return len(list(MARKS.glob(f"{mark}-*")))


class Scripted:
    """The embedded provider, except for messages that name a fault."""

    name = "scripted"

    def __init__(self) -> None:
        self._real = EmbeddedProvider()

    async def classify(self, message: IncomingMessage, context: Context) -> Classification:
        await fault(message.content, "classify", count_call("classify", message.content))
        found = await self._real.classify(message, context)
        if "heed corrections" in message.content:
            near = [one for one in context.corrections if one.similarity > 0.7]
            return replace(found, tags=tuple(str(word) for one in near[:1] for word in (one.category, one.priority)))
        if "heed categories" in message.content:
            return replace(found, tags=tuple(one.key for one in (*context.categories, *context.tags)))
        return found

    async def draft(
        self, message: IncomingMessage, context: Context, knowledge: Knowledge, *, show: Show = show_nothing
    ) -> Draft:
        await fault(message.content, "draft", count_call("draft", message.content))
        return await self._real.draft(message, context, knowledge)

    async def summarize(self, conversation: Sequence[Turn]) -> str:
        return await self._real.summarize(conversation)

    async def assist(self, wanted: Assist) -> str:
        return await self._real.assist(wanted)


async def fault(text: str, verb: str, number: int) -> None:
    """Cause the faults that lines of the text name: `<verb> <fault> [n]`, in the first n calls, or always without n."""
    for order in text.splitlines():
        match order.split():
            case [ordered, what, *limit] if ordered == verb and (not limit or number <= int(limit[0])):
                await FAULTS[what]()


async def fails() -> None:
    raise ProviderError("the test says 503")


async def refuses() -> None:
    raise ProviderRefused("the test says 400")


async def breaks() -> None:
    raise KeyError("a fault of ours")


async def waits() -> None:
    await asyncio.sleep(0.5)


async def lingers() -> None:
    while not (MARKS / RELEASED).exists():
        await asyncio.sleep(0.02)


async def hangs() -> None:
    await asyncio.sleep(3600)


async def blocks() -> None:
    time.sleep(3600)


async def freezes() -> None:
    """Block like C code that does not check for signals."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(3600)


async def dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


FAULTS = {
    "fails": fails,
    "refuses": refuses,
    "breaks": breaks,
    "waits": waits,
    "lingers": lingers,
    "hangs": hangs,
    "blocks": blocks,
    "freezes": freezes,
    "dies": dies,
}

providers.LOCAL["embedded"] = Scripted


@app.task(name="hummdesk.bulk.idle")
def idle() -> None:
    """A slow bulk task."""
    time.sleep(0.1)
