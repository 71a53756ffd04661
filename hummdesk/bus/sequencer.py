"""Puts the messages of a conversation back into `seq` order.

Two web processes that store messages of one conversation within a millisecond may publish them the other way round:
the order of commits is `seq`, the order of the stream is not. Each node therefore holds a message back until the one
before it has been delivered there.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

from hummdesk.background import soon
from hummdesk.bus.envelope import Envelope

Deliver = Callable[[Envelope], Awaitable[None]]

HOLD_SECONDS = 1.0
"""A gap is given up after this: its publisher died between commit and publication, and `sync` closes it."""

REMEMBERED = 20_000
"""Conversations whose last delivered `seq` is known; the quietest is forgotten first."""


@dataclass(slots=True)
class _Line:
    delivered: int | None = None
    held: dict[int, Envelope] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None


class Sequencer:
    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._lines: OrderedDict[UUID, _Line] = OrderedDict()

    async def accept(self, envelope: Envelope) -> None:
        """Deliver it now, or as soon as the messages before it have been."""
        if envelope.place is None:
            await self._deliver(envelope)
            return
        line = self._line(envelope.place.conversation_id)
        seq = envelope.place.seq
        starts_here = line.delivered is None and not envelope.place.follows_closely and not line.held
        if seq == 1 or starts_here or (line.delivered is not None and seq <= line.delivered + 1):
            await self._release(line, envelope)
        else:
            line.held[seq] = envelope
            if line.timer is None:
                line.timer = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._give_up, line)

    def close(self) -> None:
        """Give up on nothing any more: what is still held is left to `sync`."""
        for line in self._lines.values():
            if line.timer is not None:
                line.timer.cancel()

    def _line(self, conversation_id: UUID) -> _Line:
        line = self._lines.setdefault(conversation_id, _Line())
        self._lines.move_to_end(conversation_id)
        if len(self._lines) > REMEMBERED and not next(iter(self._lines.values())).held:
            self._lines.popitem(last=False)
        return line

    async def _release(self, line: _Line, envelope: Envelope | None) -> None:
        while envelope is not None and envelope.place is not None:
            line.delivered = max(envelope.place.seq, line.delivered or 0)
            await self._deliver(envelope)
            envelope = line.held.pop(line.delivered + 1, None)
        if not line.held and line.timer is not None:
            line.timer.cancel()
            line.timer = None

    def _give_up(self, line: _Line) -> None:
        line.timer = None
        if line.held:
            soon(self._release_first(line))

    async def _release_first(self, line: _Line) -> None:
        while line.held:
            await self._release(line, line.held.pop(min(line.held)))
