"""The message writer: group commit of the messages of all accounts.

A message alone is committed at once; messages that arrive during a transaction are committed together in the next one.
The messages of a batch share nothing else: each row is found by its own account, row-level security hides every account
that the batch does not name, and rejects a message whose sender does not belong to the account of its row.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import errors as postgres
from psycopg_pool import PoolTimeout

from hummdesk.core.background import soon
from hummdesk.core.batching import REQUEUE, Batcher, Requeue
from hummdesk.core.errors import Forbidden, Unavailable
from hummdesk.core.models import Person
from hummdesk.storage import messages, outbox
from hummdesk.storage.database import Database
from hummdesk.storage.messages import NewMessage, Outgoing, Sent
from hummdesk.storage.outbox import EntryKey
from hummdesk.storage.writer_connection import WriterConnection

log = logging.getLogger(__name__)

BATCH = 256
"""Messages in one transaction."""
BATCH_BYTES = 1_000_000
REMOVALS = 1_000
"""Outbox entries that one transaction removes."""
MAX_PENDING_BYTES = 64_000_000
"""Further messages are refused while messages of this size wait to be stored."""
LOCKED_SENDS = 4
"""Sends that wait for a locked conversation, or for the one that continues theirs; each occupies a connection of the
pool."""
LOCK_SECONDS = 1.0
"""Longest wait of a send for its turn, and for each lock: of the sends of its customer, and of its conversation."""
MERGE_BYTES = 500_000
"""After messages of this size their words are merged into the index, on another connection: a statement that finds 4 MB
of them pending merges them itself, and all messages behind it wait."""

NOT_RETRIED = (postgres.LockNotAvailable, postgres.QueryCanceled, PoolTimeout)
"""Failures by a time-out: a second attempt would take as long."""

Row = dict[str, Any]
TakePublished = Callable[[int], list[EntryKey]]
"""Returns at most so many outbox entries whose events are published, each once."""


@dataclass(slots=True)
class _Send:
    outgoing: Outgoing
    deadline: float


class MessageWriter:
    def __init__(
        self, batches: WriterConnection, database: Database, *, timeout: float, take_published: TakePublished
    ) -> None:
        """`timeout`: seconds after which a message whose transaction has not begun is Unavailable."""
        self._batches = batches
        self._database = database
        self._timeout = timeout
        self._take_published = take_published
        self._sends: Batcher[_Send, Row] = Batcher(
            self._store,
            max_items=BATCH,
            max_size=BATCH_BYTES,
            size=lambda send: len(send.outgoing.item),
            isolate=lambda error: not isinstance(error, Unavailable),
        )
        self._pending_bytes = 0
        self._unmerged_bytes = 0
        self._is_merging = False
        self._locked = asyncio.Semaphore(LOCKED_SENDS)
        self._removable: list[EntryKey] = []
        """Taken from `take_published` and perhaps not removed yet."""

    async def send(self, *, sender: Person, message: NewMessage) -> Sent:
        """Store a message with its AI run and outbox entry; a repeated send returns the first message.

        The messages of one conversation get their `seq` in the order of the calls. Raises NotFound, Forbidden if the
        sender was disabled or moved to another account, Unavailable, and Conflict with the missed messages if staff
        replies on the basis of an outdated state.
        """
        outgoing = Outgoing.of(sender, message)
        row = await self._submit(outgoing)
        match row["outcome"]:
            case "stored":
                return outgoing.stored(row)
            case "busy" | "continued" as outcome:
                return await self._send_locked(outgoing, outcome)
            case outcome:
                async with self._database.account(sender.account_id) as tx:
                    return await messages.unstored_result(tx, outgoing, outcome)

    async def remove_published(self) -> bool:
        """Remove published outbox entries, unless a batch in progress does. Return whether it may not remove all."""
        while self._sends.is_idle and (entries := self._next_removable()):
            await self._batches.run({account for account, _ in entries}, [outbox.removal(entries)])
            self._removable = []
        return not self._sends.is_idle

    async def drain(self) -> None:
        """Wait until no message is queued or being stored."""
        await self._sends.drain()

    async def _submit(self, outgoing: Outgoing) -> Row:
        """Return the row of the statement `write`."""
        size = len(outgoing.item)
        if self._pending_bytes + size > MAX_PENDING_BYTES:
            raise Unavailable
        self._pending_bytes += size
        try:
            return await self._sends.submit(_Send(outgoing, asyncio.get_running_loop().time() + self._timeout))
        finally:
            self._pending_bytes -= size

    async def _send_locked(self, outgoing: Outgoing, outcome: str) -> Sent:
        """Store a message whose conversation is locked by another transaction, or continued in another conversation.

        The batch does not wait for it.
        """
        try:
            async with asyncio.timeout(LOCK_SECONDS):
                await self._locked.acquire()
        except TimeoutError:
            raise Unavailable from None
        try:
            async with self._database.account(outgoing.sender.account_id) as tx:
                return await messages.send_waiting(tx, outgoing, outcome, seconds=LOCK_SECONDS)
        finally:
            self._locked.release()

    async def _store(self, batch: list[_Send]) -> Sequence[Row | Unavailable | Requeue]:
        """Store a batch in one transaction; messages whose deadline has passed are left out.

        A message that depends on an earlier one of its batch is stored by the next batch.
        """
        now = asyncio.get_running_loop().time()
        due = [send.outgoing for send in batch if send.deadline >= now]
        results = [REQUEUE if row["outcome"] == "again" else row for row in await self._write(due)] if due else []
        if len(due) == len(batch):
            return results
        remaining = iter(results)
        return [next(remaining) if send.deadline >= now else Unavailable() for send in batch]

    async def _write(self, outgoing: list[Outgoing]) -> list[Row]:
        removable = self._next_removable()
        accounts = {one.sender.account_id for one in outgoing} | {account for account, _ in removable}
        statements = [messages.write(outgoing)]
        if removable:
            statements.append(outbox.removal(removable))
        try:
            rows = await self._run(accounts, statements)
        except postgres.InsufficientPrivilege as error:
            log.warning("message.sender_rejected", extra={"error": error.diag.message_primary})
            raise Forbidden from error
        self._removable = []
        self._count_unmerged(sum(len(one.item) for one in outgoing))
        return rows

    def _count_unmerged(self, size: int) -> None:
        self._unmerged_bytes += size
        if self._unmerged_bytes >= MERGE_BYTES and not self._is_merging:
            self._is_merging = True
            soon(self._merge_words())

    async def _merge_words(self) -> None:
        """Merge the words of new messages into their index, and again those of enough messages stored meanwhile.

        After a failure the next merge, or VACUUM, does it. Only one merge runs at a time: each occupies a connection of
        the pool, also while it waits for another one.
        """
        try:
            while self._unmerged_bytes >= MERGE_BYTES:
                self._unmerged_bytes = 0
                with suppress(Unavailable):
                    async with self._database.all_accounts() as tx:
                        await messages.queries.merge_pending_words(tx)
        finally:
            self._is_merging = False

    def _next_removable(self) -> list[EntryKey]:
        self._removable = self._removable or self._take_published(REMOVALS)
        return self._removable

    async def _run(self, accounts: set[UUID], statements: list[tuple[str, dict[str, Any]]]) -> list[Row]:
        """Run the transaction, twice if the connection was lost: messages that it has stored are found by their id."""
        try:
            return (await self._batches.run(accounts, statements))[0]
        except Unavailable as error:
            if not isinstance(error.__cause__, psycopg.Error) or isinstance(error.__cause__, NOT_RETRIED):
                raise
        return (await self._batches.run(accounts, statements))[0]
