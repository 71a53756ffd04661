"""The erasure of contacts and conversations in PostgreSQL, in the event stream, and at connected clients.

The order makes it safe while messages are sent, and repeatable after a kill at any point:

1. The contact is signed out. Once that is committed, no conversation or message of theirs can follow.
2. The rows are erased, a batch of messages in a transaction. From then on an erased conversation accepts no message.
3. What was committed before is published, from the erased rows: the stream drops it where it was published already, and
   later repeats of it by the process that committed it.
4. Entries of the stream that hold content are removed, and the changes are published as `message_updated`.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from hummdesk.bus.commands import Commands
from hummdesk.bus.recovery_store import SessionEraser
from hummdesk.bus.stream_eraser import StreamEraser
from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.models import Conversation
from hummdesk.publish.broadcast import open_broadcast_service
from hummdesk.publish.erased import holds_content
from hummdesk.publish.events.ai import assist_key, result_keys
from hummdesk.publish.events.messages import MessageUpdated
from hummdesk.publish.outbox import publish_updates
from hummdesk.publish.publisher import Publisher
from hummdesk.relay.receipt_stores import OutboxReceipts, RunReceipts
from hummdesk.storage import conversations, erasure, files
from hummdesk.storage.database import Database, Transaction, eraser
from hummdesk.storage.erasure import Counts, Receipt

log = logging.getLogger(__name__)

ATTEMPTS = 5
BACKOFF_SECONDS = 0.2
STREAM, SESSIONS, KEYS, STORED = "event stream", "recovery sessions", "presence", "stored files"

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Eraser:
    """`database` has the role of the eraser, which sees all accounts."""

    database: Database
    publisher: Publisher
    stream: StreamEraser
    sessions: SessionEraser

    async def erase_contact(self, contact_id: UUID) -> Receipt:
        """Erase a contact and all its conversations. Raises NotFound, and Unavailable: it can then be repeated."""
        async with self.database.all_accounts() as tx:
            account_id = await erasure.account_of(tx, contact_id)
            await erasure.request(tx, account_id=account_id, subject_id=contact_id, subject="contact")
        async with self.database.account(account_id) as tx:
            await erasure.sign_out(tx, contact_id)
        async with self.database.account(account_id) as tx:
            theirs = await erasure.conversations_of(tx, contact_id)
        for conversation_id in theirs:
            await self.erase_conversation(account_id, conversation_id, subject_id=contact_id)
        async with self.database.account(account_id) as tx:
            counts = await erasure.erase_contact(tx, contact_id)
            await erasure.add_counts(tx, account_id=account_id, subject_id=contact_id, counts=counts)
        await self._publish_contact(account_id, contact_id, theirs)
        async with self.database.account(account_id) as tx:
            await erasure.complete(tx, account_id=account_id, subject_id=contact_id)
            return await erasure.receipt(tx, contact_id)

    async def erase_conversation(
        self, account_id: UUID, conversation_id: UUID, *, subject_id: UUID | None = None
    ) -> None:
        """Erase the rows of a conversation. `subject_id`: the contact that it is erased with; it is then closed."""
        after_seq, is_last = 0, False
        while not is_last:

            async def erase(after: int = after_seq) -> tuple[erasure.Batch, Counts]:
                async with self.database.account(account_id) as tx:
                    batch, counts = await erasure.erase_batch(
                        tx, conversation_id=conversation_id, after_seq=after, closes=subject_id is not None
                    )
                    if subject_id is not None:
                        await erasure.add_counts(tx, account_id=account_id, subject_id=subject_id, counts=counts)
                    return batch, counts

            batch, _ = await _retried(erase)
            after_seq, is_last = batch.last_seq, batch.is_last

    async def publish(self, account_id: UUID, conversation_id: UUID) -> None:
        """Publish the changes of a conversation's messages, and its current state."""
        revision = 0
        while True:
            async with self.database.account(account_id) as tx:
                changed = await erasure.changed_messages(tx, conversation_id=conversation_id, after_revision=revision)
            if not changed:
                break
            revision = changed[-1].revision
            await self.publisher.publish_stored(*[MessageUpdated.of(account_id, message) for message in changed])

        async def read() -> list[Conversation]:
            async with self.database.account(account_id) as tx:
                return await conversations.all_as_staff(tx, ids=[conversation_id])

        await publish_updates(self.publisher, read)

    async def left_of_contact(self, contact_id: UUID) -> Counts:
        """Count what an erasure would still erase, by place. Raises NotFound."""
        async with self.database.all_accounts() as tx:
            account_id = await erasure.account_of(tx, contact_id)
        async with self.database.account(account_id) as tx:
            counts = await erasure.left_of_contact(tx, contact_id)
            theirs = await erasure.conversations_of(tx, contact_id)
            for conversation_id in theirs:
                counts += await _left_of_conversation(tx, conversation_id)
                counts[STORED] += await files.undeleted(tx, conversation_id=conversation_id)
        counts[STREAM] = await self.stream.count(account_id, {contact_id, *theirs}, holds_content)
        counts[SESSIONS] = await self.sessions.count(account_id, contact_id)
        return +counts

    async def erase_account(self, account_id: UUID) -> Receipt:
        """Delete an account whose erasure was requested. Raises NotFound, and Unavailable: it can then be repeated."""
        async with self.database.all_accounts() as tx:
            await erasure.receipt(tx, account_id)
            await erasure.sign_out_account(tx, account_id)
        await erasure.delete_account(self.database, account_id)
        removed: Counts = Counter({STREAM: await self.stream.remove(account_id, {account_id}, holds_content)})
        removed[SESSIONS] = await self.sessions.delete(account_id)
        removed[KEYS] = await self.stream.delete_keys(account_id)
        async with self.database.all_accounts() as tx:
            await erasure.add_counts(tx, account_id=account_id, subject_id=account_id, counts=removed)
            await erasure.complete(tx, account_id=account_id, subject_id=account_id)
            return await erasure.receipt(tx, account_id)

    async def verify_account(self, account_id: UUID) -> tuple[Receipt, Counts]:
        """Count what is left of an erased account, and record the result. Raises NotFound without an erasure."""
        async with self.database.all_accounts() as tx:
            await erasure.receipt(tx, account_id)
            left = await erasure.left_of_account(tx, account_id)
            left[STORED] = await files.undeleted_of_account(tx, account_id)
        left[STREAM] = await self.stream.count(account_id, {account_id}, holds_content)
        left[SESSIONS] = await self.sessions.count(account_id)
        async with self.database.all_accounts() as tx:
            await erasure.record_verification(tx, account_id=account_id, subject_id=account_id, is_verified=not +left)
            return await erasure.receipt(tx, account_id), +left

    async def verify_contact(self, contact_id: UUID) -> tuple[Receipt, Counts]:
        """Count what is left of an erased contact, and record the result. Raises NotFound without an erasure."""
        left = await self.left_of_contact(contact_id)
        async with self.database.all_accounts() as tx:
            found = await erasure.receipt(tx, contact_id)
            await erasure.record_verification(
                tx, account_id=found.account_id, subject_id=contact_id, is_verified=not left
            )
            return await erasure.receipt(tx, contact_id), left

    async def _publish_contact(self, account_id: UUID, contact_id: UUID, theirs: list[UUID]) -> None:
        for conversation_id in theirs:
            await self._publish_committed(account_id, conversation_id)
        removed = await self._scrub(account_id, contact_id, theirs)
        for conversation_id in theirs:
            await self.publish(account_id, conversation_id)
        removed += await self._scrub(account_id, contact_id, theirs)  # what was read before and published after
        async with self.database.account(account_id) as tx:
            await erasure.add_counts(tx, account_id=account_id, subject_id=contact_id, counts=removed)

    async def _publish_committed(self, account_id: UUID, conversation_id: UUID) -> None:
        """Publish, without content, what was committed before the erasure and may not be published yet."""
        outbox = OutboxReceipts(self.database, self.database, self.publisher)
        runs = RunReceipts(self.database, self.database, self.publisher)
        async with self.database.account(account_id) as tx:
            entries = await erasure.outbox_of(tx, conversation_id)
            ended = await erasure.unannounced_runs(tx, conversation_id)
            message_ids = await erasure.run_messages(tx, conversation_id)
        await self.stream.delete_draft(account_id, conversation_id)
        await self.stream.delete_assists(account_id, [run.id for run in ended])
        keys = [key for one in message_ids for key in result_keys(one)]
        await self.stream.block(account_id, keys + [assist_key(run.id) for run in ended])
        for entry in entries:
            await outbox.republish(entry)
        for run in ended:
            await runs.republish(run)

    async def _scrub(self, account_id: UUID, contact_id: UUID, theirs: list[UUID]) -> Counts:
        removed = await self.stream.remove(account_id, {contact_id, *theirs}, holds_content)
        return Counter({STREAM: removed, SESSIONS: await self.sessions.delete(account_id, contact_id)})


@asynccontextmanager
async def open_eraser(settings: Settings) -> AsyncIterator[Eraser]:
    """An eraser with connections of its own, for a command."""
    stream, sessions = StreamEraser(Commands.of(settings.redis)), SessionEraser(Commands.of(settings.redis))
    async with AsyncExitStack() as resources:
        for resource in (stream, sessions):
            resources.push_async_callback(resource.close)
        database = await resources.enter_async_context(eraser(settings))
        service = await resources.enter_async_context(open_broadcast_service(settings))
        yield Eraser(database, service.publisher, stream, sessions)


async def _left_of_conversation(tx: Transaction, conversation_id: UUID) -> Counts:
    counts: Counts = Counter()
    after_seq, is_last = 0, False
    while not is_last:
        batch, found = await erasure.left_of_batch(tx, conversation_id=conversation_id, after_seq=after_seq)
        counts += found
        after_seq, is_last = batch.last_seq, batch.is_last
    return counts


async def _retried(step: Callable[[], Awaitable[Result]]) -> Result:
    """Repeat a step that fails because of a lock, which a worker or a sender holds."""
    for attempt in range(1, ATTEMPTS):
        try:
            return await step()
        except Unavailable as error:
            log.warning("erasure.retried", extra={"attempt": attempt, "error": type(error.__cause__ or error).__name__})
            await asyncio.sleep(BACKOFF_SECONDS * 2**attempt)
    return await step()
