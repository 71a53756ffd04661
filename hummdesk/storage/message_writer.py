"""The message writer: what is sent while a transaction is in flight is gathered and committed together in the next.

A message alone is committed at once; under load a batch holds as many as came meanwhile. Messages of all accounts share
a batch and nothing else: each row is found by its own account, row-level security leaves the transaction no other
account than those named, and lets in no message whose sender is not of the account that the row says.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg import errors as postgres
from psycopg_pool import PoolTimeout

from hummdesk.core.errors import Forbidden, Unavailable
from hummdesk.core.models import Person
from hummdesk.storage import messages, outbox
from hummdesk.storage.database import Database
from hummdesk.storage.messages import NewMessage, Outgoing, Sent
from hummdesk.storage.writer_connection import Batches

log = logging.getLogger(__name__)

BATCH = 256
"""Messages in one transaction at the most."""
BATCH_BYTES = 1_000_000
FORGOTTEN_AT_ONCE = 1_000
"""Entries of the outbox that one transaction removes."""
MAX_WAITING_BYTES = 64_000_000
"""What may wait; past it a send is refused at once."""
LOCKED_AT_ONCE = 4
"""Sends that wait at a time for a conversation which somebody else has locked: the pool has other work."""
LOCK_SECONDS = 1.0
"""So long a send waits for a locked conversation."""

WAITED_ENOUGH = (postgres.LockNotAvailable, postgres.QueryCanceled, PoolTimeout)
"""Failures that a second try would not cure sooner."""

Row = dict[str, Any]
Forgettable = Callable[[int], list[tuple[UUID, UUID]]]
"""At most so many entries of the outbox, as (account, id), that have been told and are to be removed."""


@dataclass(slots=True, eq=False)
class _Waiting:
    outgoing: Outgoing
    until: float
    row: asyncio.Future[Row] = field(default_factory=asyncio.Future)

    def conclude(self, row: Row) -> None:
        if not self.row.done():
            self.row.set_result(row)

    def fail(self, fault: BaseException) -> None:
        if not self.row.done():
            self.row.set_exception(fault)


class MessageWriter:
    def __init__(self, batches: Batches, database: Database, *, timeout: float, forgettable: Forgettable) -> None:
        """`timeout` in seconds: what could not be begun by then is Unavailable."""
        self._batches = batches
        self._database = database
        self._timeout = timeout
        self._forgettable = forgettable
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._locked = asyncio.Semaphore(LOCKED_AT_ONCE)
        self._told: list[tuple[UUID, UUID]] = []
        """Taken from `forgettable` and perhaps not removed yet."""
        self._flight: asyncio.Task[None] | None = None

    async def send(self, *, sender: Person, message: NewMessage) -> Sent:
        """Store a message with all that follows from it, or find the first one of a repeated send.

        Those of one conversation get their `seq` in the order in which they were handed over here. Raises NotFound,
        Forbidden for somebody who has been disabled or moved meanwhile, Conflict with what was missed when staff
        answers on the base of an old state, Unavailable.
        """
        outgoing = Outgoing.of(sender, message)
        row = await self._written(outgoing)
        match row["outcome"]:
            case "stored":
                return outgoing.stored(row)
            case "busy":
                return await self._send_alone(outgoing)
            case outcome:
                async with self._database.account(sender.account_id) as tx:
                    return await messages.concluded(tx, outgoing, outcome)

    async def forget_told(self) -> None:
        """Remove what is left in the outbox and has been told, when no send does it on its way."""
        while self._flight is None and (told := self._take_told()):
            await self._batches.run({account for account, _ in told}, [outbox.removal(told)])
            self._told = []

    async def settle(self) -> None:
        """Wait until nothing waits."""
        while self._flight is not None:
            await asyncio.wait([self._flight])

    async def _written(self, outgoing: Outgoing) -> Row:
        """What the statement says of it."""
        if self._bytes + len(outgoing.item) > MAX_WAITING_BYTES:
            raise Unavailable
        waiting = _Waiting(outgoing, asyncio.get_running_loop().time() + self._timeout)
        self._bytes += len(outgoing.item)
        self._waiting.append(waiting)
        if self._flight is None:
            self._flight = asyncio.create_task(self._fly())
        return await waiting.row

    async def _send_alone(self, outgoing: Outgoing) -> Sent:
        """When somebody else has its conversation: wait for it, for a while, and keep nobody else waiting."""
        try:
            async with asyncio.timeout(LOCK_SECONDS):
                await self._locked.acquire()
        except TimeoutError:
            raise Unavailable from None
        try:
            async with self._database.account(outgoing.sender.account_id) as tx:
                await messages.queries.wait_for_locks(tx, milliseconds=str(int(LOCK_SECONDS * 1000)))
                return await messages.send_locked(tx, outgoing)
        finally:
            self._locked.release()

    async def _fly(self) -> None:
        try:
            while self._waiting:
                await self._write(self._gathered())
        finally:
            self._flight = None

    def _gathered(self) -> list[_Waiting]:
        """The next batch; what has waited too long, because PostgreSQL is away, is not tried any more."""
        batch: list[_Waiting] = []
        size, now = 0, asyncio.get_running_loop().time()
        while self._waiting and len(batch) < BATCH and size < BATCH_BYTES:
            first = self._waiting.popleft()
            size += len(first.outgoing.item)
            if first.until < now:
                first.fail(Unavailable())
            else:
                batch.append(first)
        self._bytes -= size
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        """Store a batch, or if something in it cannot be stored, its halves: so that this fails alone."""
        try:
            rows = await self._store(batch)
        except Unavailable:
            for one in batch:
                one.fail(Unavailable())
        except Exception as fault:
            if len(batch) > 1:
                await self._write(batch[: len(batch) // 2])
                await self._write(batch[len(batch) // 2 :])
            else:
                batch[0].fail(fault)
        else:
            self._conclude(batch, rows)

    def _conclude(self, batch: list[_Waiting], rows: list[Row]) -> None:
        again = [one for one, row in zip(batch, rows, strict=True) if row["outcome"] == "again"]
        for one, row in zip(batch, rows, strict=True):
            if row["outcome"] != "again":
                one.conclude(row)
        self._bytes += sum(len(one.outgoing.item) for one in again)
        self._waiting.extendleft(reversed(again))

    async def _store(self, batch: list[_Waiting]) -> list[Row]:
        """One transaction. Tried again when the connection was lost: what it has stored then is found by its id."""
        if not batch:
            return []
        outgoing = [one.outgoing for one in batch]
        told = self._take_told()
        accounts = {one.sender.account_id for one in outgoing} | {account for account, _ in told}
        statements = [(messages.queries.write.sql, {"items": messages.joined(outgoing)})]
        if told:
            statements.append(outbox.removal(told))
        try:
            rows = await self._once_more(accounts, statements)
        except postgres.InsufficientPrivilege as fault:
            log.warning("a sender may not write", extra={"fault": fault.diag.message_primary})
            raise Forbidden from fault
        self._told = []
        return rows

    def _take_told(self) -> list[tuple[UUID, UUID]]:
        self._told = self._told or self._forgettable(FORGOTTEN_AT_ONCE)
        return self._told

    async def _once_more(self, accounts: set[UUID], statements: list[tuple[str, dict[str, Any]]]) -> list[Row]:
        try:
            return (await self._batches.run(accounts, statements))[0]
        except Unavailable as fault:
            if not isinstance(fault.__cause__, psycopg.Error) or isinstance(fault.__cause__, WAITED_ENOUGH):
                raise
        return (await self._batches.run(accounts, statements))[0]
