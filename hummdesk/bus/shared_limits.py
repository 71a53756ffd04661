"""Rate limits that all processes share, in Redis; each process leases tokens in batches."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from hummdesk.bus.commands import Commands, Script
from hummdesk.bus.token_leases import Charge, Key, Limit, Refusal, Renewal, TokenLeases
from hummdesk.core.batching import Batcher
from hummdesk.core.errors import Unavailable

ANSWER_SECONDS = 0.25
"""If Redis takes longer, it counts as away, and each process applies the rates alone."""
MOST_WAITS = 8
"""Leases that a request waits for; further ones find the bucket empty."""
BATCH = 200
"""Buckets in one round trip."""


class SharedLimits:
    """No method raises Unavailable."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._script = Script(commands, "shared_limits")
        self._leases = TokenLeases()
        self._batches: Batcher[Renewal, tuple[float, float]] = Batcher(self._lease, max_items=BATCH)
        self._running: dict[Key, asyncio.Task[None]] = {}

    async def close(self) -> None:
        await self.wait_idle()
        await self._commands.close()

    @property
    def is_local(self) -> bool:
        """Whether Redis is away, so that each process applies the rates alone."""
        return self._leases.is_away

    async def take(self, *charges: Charge) -> Refusal | None:
        """Take the tokens of all charges, or of none: then return a refusal.

        Waits for Redis only if a lease has run out faster than it is renewed.
        """
        refusal = self._take(charges)
        waits = 0
        while refusal is not None and not self.is_local and waits < MOST_WAITS:
            keys = ((limit.name, subject) for limit, subject, _ in charges)
            running = [self._running[key] for key in keys if key in self._running]
            if not running:
                break
            await asyncio.wait(running, timeout=ANSWER_SECONDS)
            refusal = self._take(charges)
            waits += 1
        return refusal

    def _take(self, charges: Sequence[Charge]) -> Refusal | None:
        refusal = self._leases.take(charges)
        for renewal in self._leases.take_due():
            self._send(renewal)
        return refusal

    def remaining(self, limit: Limit, subject: UUID | str) -> float:
        """Estimate the tokens that a subject has."""
        return self._leases.remaining(limit, subject)

    async def return_idle(self) -> float:
        """Return the tokens of leases that are not used any more; return the seconds until others may be."""
        returned = self._leases.take_idle()
        with suppress(Unavailable):
            for start in range(0, len(returned), BATCH):
                await self._lease(returned[start : start + BATCH])
        return self._leases.seconds_until_idle()

    async def wait_idle(self) -> None:
        """Wait until no renewal is on its way."""
        while self._running:
            await asyncio.wait(self._running.values())

    def _send(self, renewal: Renewal) -> None:
        task = asyncio.create_task(self._renew(renewal))
        self._running[renewal.key] = task
        task.add_done_callback(lambda done: self._forget(renewal.key, done))

    def _forget(self, key: Key, done: asyncio.Task[None]) -> None:
        if self._running.get(key) is done:
            del self._running[key]

    async def _renew(self, renewal: Renewal) -> None:
        try:
            granted, left = await self._batches.submit(renewal)
        except Unavailable:
            self._leases.failed(renewal)
        else:
            self._leases.renewed(renewal, granted, left)

    async def _lease(self, renewals: list[Renewal]) -> list[tuple[float, float]]:
        if not self._leases.may_ask:
            raise Unavailable
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._call(renewals)
        except TimeoutError:
            raise Unavailable from None

    async def _call(self, renewals: list[Renewal]) -> list[tuple[float, float]]:
        answers = await asyncio.gather(*(self._lease_one(renewal) for renewal in renewals))
        return [(float(granted), float(left)) for granted, left in answers]

    async def _lease_one(self, one: Renewal) -> list[bytes]:
        arguments = [one.limit.rate, one.limit.burst, one.debt, one.wanted]
        answer: list[bytes] = await self._script(keys=["hummdesk:limit:{}:{}".format(*one.key)], args=arguments)
        return answer
