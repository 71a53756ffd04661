"""The one way out: every event of server, relay and tasks is published here."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from hummdesk.bus.envelope import Envelope
from hummdesk.bus.stream_writer import StreamWriter
from hummdesk.core.errors import Unavailable
from hummdesk.publish.receipts import Receipt

State = TypeVar("State")


class Publishable(Protocol):
    def envelopes(self) -> Sequence[Envelope]: ...


class Publisher:
    """Publishes events in the order of the calls. While Redis is away, the stream writer keeps them."""

    def __init__(self, writer: StreamWriter, *, waits: bool = False) -> None:
        """`waits`: `publish` is `publish_stored`, for a process that serves no sockets."""
        self._writer = writer
        self._waits = waits

    async def publish(self, *events: Publishable, receipt: Receipt | None = None) -> None:
        """Publish events. `receipt` is confirmed when Redis has stored all of them."""
        stored = self._append(events, receipt)
        if self._waits:
            await _until_stored(stored)

    async def publish_stored(self, *events: Publishable, receipt: Receipt | None = None) -> None:
        """Publish events and return when Redis has stored them. Raises Unavailable if one was dropped."""
        await _until_stored(self._append(events, receipt))

    async def publish_current(
        self,
        read: Callable[[], Awaitable[list[State]]],
        event: Callable[[State], Awaitable[Publishable]],
        *,
        published: list[State] | None = None,
        receipt: Receipt | None = None,
    ) -> None:
        """Publish states until the last ones published are those that `read` returns.

        Two processes may change a state in one order and publish it in the other. The process that publishes the older
        state last finds that out here. `published` are the states that were published already; `receipt` is that of
        the first ones to be published.
        """
        last: list[State] = published or []
        while (states := await read()) != last:
            await self.publish_stored(*[await event(state) for state in states if state not in last], receipt=receipt)
            last, receipt = states, None

    async def drain(self, *, timeout: float) -> bool:
        """Wait until Redis has stored everything, at most `timeout` seconds; return whether it has."""
        return await self._writer.drain(timeout=timeout)

    async def close(self, *, timeout: float) -> None:
        await self.drain(timeout=timeout)
        await self._writer.close()

    def _append(self, events: Sequence[Publishable], receipt: Receipt | None) -> list[asyncio.Future[None]]:
        stored = [self._writer.append(envelope) for event in events for envelope in event.envelopes()]
        if receipt is not None:
            for one in stored:
                receipt.expect(one)
        return stored


async def _until_stored(stored: list[asyncio.Future[None]]) -> None:
    """An event is dropped when Redis is unavailable for so long that the stream writer's backlog is full."""
    if stored:
        await asyncio.wait(stored)
    if any(one.cancelled() for one in stored):
        raise Unavailable
