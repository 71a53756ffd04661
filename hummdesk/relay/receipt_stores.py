"""The stores of receipts: the outbox and AI runs in PostgreSQL, presence in Redis.

The ends of AI runs have no outbox entries: the run and its result hold all that their events need, and a row more for
each run would cost an insert and a delete.
"""

from contextlib import suppress
from uuid import UUID

from hummdesk.bus.presence import Presence
from hummdesk.core import metrics
from hummdesk.core.errors import NotFound
from hummdesk.core.models import Conversation, Message
from hummdesk.publish.events.ai import events_of
from hummdesk.publish.events.messages import MessageUpdated, UnreadChanged
from hummdesk.publish.moves import events_of as change_events
from hummdesk.publish.outbox import Reopened, creation_events, message_events, publish_updates
from hummdesk.publish.presence import PresencePublisher
from hummdesk.publish.publisher import Publisher
from hummdesk.storage import conversations, outbox, reads, results, run_dispatch, runs
from hummdesk.storage.database import Database
from hummdesk.storage.outbox import OutboxEntry
from hummdesk.storage.runs import EndedRun

OUTBOX_OVERDUE_SECONDS = 0.75
"""With the interval of the relay, an entry is published within two seconds of its commit."""
RUN_OVERDUE_SECONDS = 2.0


class OutboxReceipts:
    """Messages, new and changed conversations, logged changes of them, and what agents have read."""

    def __init__(self, all_accounts: Database, one_account: Database, publisher: Publisher) -> None:
        """`all_accounts` sees the outbox of every account, `one_account` all rows of one account."""
        self._all_accounts = all_accounts
        self._one_account = one_account
        self._publisher = publisher

    async def overdue(self, limit: int) -> list[OutboxEntry]:
        return await outbox.overdue(self._all_accounts.shared(), limit, older_than_seconds=OUTBOX_OVERDUE_SECONDS)

    async def republish(self, entry: OutboxEntry) -> None:
        with suppress(NotFound):  # deleted by an operator
            await self._publish(entry)
        async with self._all_accounts.all_accounts() as tx:
            await outbox.remove(tx, entry)

    async def measure(self) -> None:
        backlog = await outbox.backlog(self._all_accounts.autocommit_all())
        metrics.OUTBOX_ENTRIES.set(backlog.entries)
        metrics.OUTBOX_OLDEST_SECONDS.set(backlog.oldest_seconds)

    async def _publish(self, entry: OutboxEntry) -> None:
        if entry.seq == outbox.READ_CONVERSATION:
            await self._publish_unread(entry)
            return
        subject = await self._subject(entry)
        if isinstance(subject, Message):
            # Earlier messages of the conversation are published, by their process or from an older entry.
            events = message_events(
                entry.account_id,
                subject,
                has_pending_predecessor=False,
                reopened=await self._reopened(entry),
                has_read=subject.is_persons_reply,  # perhaps it had before: repeats change nothing
            )
            await self._publisher.publish_stored(*events)
        elif entry.seq == outbox.NEW_CONVERSATION:
            await self._publisher.publish_stored(*creation_events(subject))
        elif entry.seq == outbox.LOGGED_CHANGE:
            await self._publish_change(entry)
            await self._publish_current(entry)
        else:
            await self._publish_current(entry)

    async def _reopened(self, entry: OutboxEntry) -> Reopened | None:
        """How a message has reopened its conversation, whose agent and team may have changed since."""
        if entry.reopened_from is None:
            return None
        async with self._one_account.account(entry.account_id) as tx:
            now = await conversations.as_staff(tx, conversation_id=entry.conversation_id)
        return Reopened(status=entry.reopened_from, is_queued=now.is_waiting, team_id=now.assigned_team)

    async def _publish_change(self, entry: OutboxEntry) -> None:
        async with self._one_account.account(entry.account_id) as tx:
            logged = await outbox.logged_change(tx, entry)
            current = await conversations.as_staff(tx, conversation_id=entry.conversation_id)
            message = await outbox.changed_message(tx, logged)
        if message is not None:
            await self._publisher.publish_stored(MessageUpdated.of(entry.account_id, message))
        await self._publisher.publish_stored(*change_events(logged, current=current))

    async def _publish_unread(self, entry: OutboxEntry) -> None:
        """Publish the counts of all agents who have read the conversation: the entry does not name the one."""
        async with self._one_account.account(entry.account_id) as tx:
            found = await reads.unread_of_agents(tx, conversation_id=entry.conversation_id)
        changes = [
            UnreadChanged.of(
                account_id=entry.account_id, conversation_id=entry.conversation_id, agent_id=agent, unread=unread
            )
            for agent, unread in found.items()
        ]
        await self._publisher.publish_stored(*changes)

    async def _publish_current(self, entry: OutboxEntry) -> None:
        async def read() -> list[Conversation]:
            found = await self._subject(entry)
            return [found] if isinstance(found, Conversation) else []

        await publish_updates(self._publisher, read)

    async def _subject(self, entry: OutboxEntry) -> Message | Conversation:
        async with self._one_account.account(entry.account_id) as tx:
            return await outbox.subject(tx, entry)


class RunReceipts:
    """Ended AI runs."""

    def __init__(self, all_accounts: Database, one_account: Database, publisher: Publisher) -> None:
        self._all_accounts = all_accounts
        self._one_account = one_account
        self._publisher = publisher

    async def overdue(self, limit: int) -> list[EndedRun]:
        shared = self._all_accounts.shared()
        return await run_dispatch.unpublished(shared, limit, older_than_seconds=RUN_OVERDUE_SECONDS)

    async def republish(self, run: EndedRun) -> None:
        async with self._one_account.account(run.account_id) as tx:
            result = await results.result(tx, run.id)
        await self._publisher.publish_stored(*events_of(run, result))
        async with self._all_accounts.all_accounts() as tx:
            await runs.mark_published(tx, [run.key])


class PresenceReceipts:
    """Changes of the presence of agents, as account and agent."""

    def __init__(self, presence: Presence, publisher: PresencePublisher) -> None:
        self._presence = presence
        self._publisher = publisher

    async def overdue(self, limit: int) -> list[tuple[UUID, UUID]]:
        return await self._presence.overdue(limit)

    async def republish(self, key: tuple[UUID, UUID]) -> None:
        await self._publisher.publish_status(*key)
