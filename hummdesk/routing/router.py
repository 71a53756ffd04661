"""Automatic assignment: the conversations that wait are given to agents, one transaction for each decision.

One process at a time decides for an account, under the lock of its row in `routing_positions`. The change that makes a
decision possible wakes the router of its process: a message, an agent who comes online, a conversation that is closed.
The relay repeats it at intervals, also for what a process that died did not begin.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hummdesk.bus.presence import Presence
from hummdesk.core import metrics
from hummdesk.core.background import soon
from hummdesk.core.errors import Unavailable
from hummdesk.core.ids import new_id
from hummdesk.publish.publisher import Publisher
from hummdesk.routing import publication, reading, record
from hummdesk.routing.absences import Absences
from hummdesk.routing.decision import Candidate, Case, Choice, Snapshot, weight_of
from hummdesk.routing.hours import is_paused
from hummdesk.storage import routing
from hummdesk.storage.database import Database, Transaction
from hummdesk.storage.outbox import EntryKey
from hummdesk.storage.routing import Move

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.05
"""Between two attempts for an account that have moved nothing."""
ATTEMPTS = 3
"""Decisions in a row of which no choice could be made: their conversations or agents are locked."""
ACCOUNTS = 2
"""Accounts that are decided on at a time; each occupies a connection of the pool."""
PUBLISH_SECONDS = 2.0
"""Longest wait for Redis; what is not published by then is left to the relay."""
REMEMBERED = 100_000
"""Accounts of which a process remembers that they are not routed."""

Confirm = Callable[[Sequence[EntryKey]], Awaitable[None]]
"""Removes outbox entries whose events are published."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of one decision."""

    moves: list[Move]
    choices: int


class Router:
    def __init__(self, database: Database, presence: Presence, publisher: Publisher, *, confirm: Confirm) -> None:
        """`database` sees all rows of one account."""
        self._database = database
        self._presence = presence
        self._publisher = publisher
        self._confirm = confirm
        self._slots = asyncio.Semaphore(ACCOUNTS)
        self._off: set[UUID] = set()
        self._changes = 0
        """Counts the calls of `forget`, so that settings read before one are not remembered after it."""
        self._absences: dict[UUID, Absences] = {}
        """By account, of those of which conversations go back."""
        self._running: set[UUID] = set()
        self._again: set[UUID] = set()
        self._idle = asyncio.Event()
        self._is_closed = False

    def wake(self, account_id: UUID) -> None:
        """Route the account in the background, once more if that is in progress."""
        if account_id in self._off or self._is_closed:
            return
        if account_id in self._running:
            self._again.add(account_id)
            return
        self._running.add(account_id)
        self._idle.clear()
        soon(self._run(account_id))

    async def close(self) -> None:
        """Begin nothing more, and wait for decisions in progress."""
        self._is_closed = True
        self._again.clear()
        if self._running:
            await self._idle.wait()

    def forget(self, account_id: UUID | None) -> None:
        """Read the settings of an account again, or of all, which have changed."""
        self._changes += 1
        if account_id is None:
            self._off.clear()
        else:
            self._off.discard(account_id)

    async def route(self, account_id: UUID, *, with_held: bool = False) -> int:
        """Make all choices that can be made now; return the number of moved conversations. Raises Unavailable.

        `with_held`: conversations also go back from agents who are offline or do not answer.
        """
        moved, attempts = 0, 0
        async with self._slots:
            while attempts < ATTEMPTS:
                attempt = await self._attempt(account_id, with_held=with_held)
                moved += len(attempt.moves)
                await self._publish(account_id, attempt.moves)
                if not attempt.choices:
                    break
                attempts = 0 if attempt.moves else attempts + 1
        return moved

    async def _run(self, account_id: UUID) -> None:
        try:
            while True:
                self._again.discard(account_id)
                moved = await self.route(account_id)
                if account_id not in self._again:
                    return
                if not moved:
                    await asyncio.sleep(PAUSE_SECONDS)
        except Unavailable:
            log.warning("routing.unavailable", extra={"account_id": str(account_id)})  # the relay repeats it
        finally:
            self._running.discard(account_id)
            if not self._running:
                self._idle.set()

    async def _attempt(self, account_id: UUID, *, with_held: bool) -> Attempt:
        changes, began = self._changes, time.perf_counter()
        async with self._database.account(account_id) as tx:
            found = await routing.settings(tx)
            start = await routing.begin(tx) if found.is_on else None
            if start is None:
                self._remember_off(account_id, changes)
                return Attempt([], 0)
            if await is_paused(tx):
                return Attempt([], 0)
            absences = self._absences.setdefault(account_id, Absences()) if with_held else None
            statuses = await self._presence.statuses(account_id)
            made = await reading.decided(tx, start, found, statuses, absences=absences)
            choices = made.decision.choices
            moves = await _move(tx, made.snapshot, choices) if choices else []
        metrics.ROUTING_SECONDS.observe(time.perf_counter() - began)
        for move in moves:
            metrics.ROUTING_MOVES.labels(move.rule).inc()
        return Attempt(moves, len(choices))

    def _remember_off(self, account_id: UUID, changes: int) -> None:
        self._absences.pop(account_id, None)
        if changes != self._changes:
            return
        if len(self._off) >= REMEMBERED:
            self._off.clear()
        self._off.add(account_id)

    async def _publish(self, account_id: UUID, moves: list[Move]) -> None:
        """Publish moves; what fails here, the relay publishes from the outbox."""
        if not moves:
            return
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                await publication.publish(self._publisher, self._database, account_id, moves)
                await self._confirm([(account_id, move.event_id) for move in moves])
        except (TimeoutError, Unavailable):
            log.warning("routing.publication_delayed", extra={"account_id": str(account_id), "moves": len(moves)})


async def _move(tx: Transaction, snapshot: Snapshot, choices: Sequence[Choice]) -> list[Move]:
    """Make the choices whose conversations and agents are not locked by another transaction."""
    chosen = {choice.agent_id for choice in choices if choice.rule == "routing"}
    able = await routing.lock_agents(tx, chosen) if chosen else set()
    candidates = {one.agent_id: one for one in snapshot.candidates}
    cases = {one.conversation_id: one for one in snapshot.cases}
    items = [
        _item(snapshot, choice, number) | _cost(snapshot, choice, candidates, cases)
        for number, choice in enumerate(choices, start=snapshot.number)
        if choice.rule != "routing" or choice.agent_id in able
    ]
    if not items:
        return []
    return await routing.move(
        tx,
        items,
        number=snapshot.number,
        snapshot=record.packed(snapshot),
        choices=record.packed_choices(choices),
    )


def _item(snapshot: Snapshot, choice: Choice, number: int) -> dict[str, Any]:
    return {
        "number": number,
        "conversation_id": choice.conversation_id,
        "team_id": choice.team_id,
        "agent_id": choice.agent_id,
        "rule": choice.rule,
        "mode": snapshot.policy(choice.team_id).mode,
        "event_id": new_id(),
    }


def _cost(
    snapshot: Snapshot, choice: Choice, candidates: Mapping[UUID, Candidate], cases: Mapping[UUID, Case]
) -> dict[str, Any]:
    """What a conversation adds to the load of its agent, and the capacity of the agent; nothing if it is taken."""
    if choice.rule != "routing":
        return {}
    return {
        "capacity": candidates[choice.agent_id].limit(snapshot.policy(choice.team_id)),
        "weight": weight_of(cases[choice.conversation_id].priority),
        "candidates": len(candidates),
    }
