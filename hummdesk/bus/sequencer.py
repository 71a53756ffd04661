"""Puts the messages of a conversation back into `seq` order.

Two web processes that store messages of one conversation within a millisecond may publish them the other way round,
and one that stalls or dies between commit and publication publishes late or never: the order of commits is `seq`, the
order of the stream is not. Each node therefore holds a message back until the one before it has been delivered there,
looks a missing one up in PostgreSQL when it does not come, and leaves out what comes when it has been delivered.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

from hummdesk.background import soon
from hummdesk.bus.envelope import Envelope

log = logging.getLogger(__name__)

Deliver = Callable[[Envelope], Awaitable[None]]
Fetch = Callable[[Envelope, int], Awaitable[list[Envelope]]]
"""(the first message that is held, the last `seq` delivered or 0) -> the messages between the two, in order."""

HOLD_SECONDS = 1.0
"""After this a missing message is looked up."""

REMEMBERED = 20_000
"""Conversations whose last delivered `seq` is known; the quietest is forgotten first."""


@dataclass(slots=True)
class _Line:
    delivered: int | None = None
    held: dict[int, Envelope] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None


class Sequencer:
    def __init__(self, deliver: Deliver, fetch: Fetch) -> None:
        self._deliver = deliver
        self._fetch = fetch
        self._lines: OrderedDict[UUID, _Line] = OrderedDict()

    async def accept(self, envelope: Envelope) -> None:
        """Deliver it now, or as soon as the messages before it have been, or not at all if it has been."""
        if envelope.place is None:
            await self._deliver(envelope)
            return
        line = self._line(envelope.place.conversation_id)
        seq = envelope.place.seq
        if line.delivered is None and not line.held and (seq == 1 or not envelope.place.follows_closely):
            line.delivered = seq - 1
        if line.delivered is None or seq > line.delivered:
            line.held[seq] = envelope
        await self._release(line)

    def close(self) -> None:
        """Look nothing up any more: what is still held is left to `sync`."""
        for line in self._lines.values():
            if line.timer is not None:
                line.timer.cancel()

    def _line(self, conversation_id: UUID) -> _Line:
        line = self._lines.setdefault(conversation_id, _Line())
        self._lines.move_to_end(conversation_id)
        if len(self._lines) > REMEMBERED and not next(iter(self._lines.values())).held:
            self._lines.popitem(last=False)
        return line

    async def _release(self, line: _Line) -> None:
        """Deliver what is next as long as it is there; look after what stays."""
        if line.delivered is None and 1 in line.held:
            line.delivered = 0
        while line.delivered is not None and (envelope := line.held.pop(line.delivered + 1, None)):
            line.delivered += 1
            await self._deliver(envelope)
        if line.held and line.timer is None:
            self._look_up_later(line)
        elif not line.held and line.timer is not None:
            line.timer.cancel()
            line.timer = None

    def _look_up_later(self, line: _Line) -> None:
        line.timer = asyncio.get_running_loop().call_later(HOLD_SECONDS, lambda: soon(self._look_up(line)))

    async def _look_up(self, line: _Line) -> None:
        line.timer = None
        if not line.held:
            return
        try:
            missing = await self._fetch(line.held[min(line.held)], line.delivered or 0)
        except Exception as fault:
            log.warning("a missing message cannot be looked up", extra={"fault": type(fault).__name__})
            self._look_up_later(line)
            return
        for envelope in missing:
            if envelope.place is not None and envelope.place.seq > (line.delivered or 0):
                line.held.setdefault(envelope.place.seq, envelope)
        if line.held:
            line.delivered = min(line.held) - 1
        await self._release(line)
