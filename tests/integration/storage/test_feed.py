"""The feed: contiguous numbers in commit order, whichever role changes a row, and digests that a client can check."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id
from hummdesk.publish import feed as published
from hummdesk.publish.feed import LOGGED, FeedEvent
from hummdesk.relay.feed import FeedSweeper
from hummdesk.storage import conversations, feed, moves, reads
from hummdesk.storage.database import Database
from hummdesk.storage.feed import Gone, kind_of


@pytest.fixture(scope="module")
async def relay(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, role="hummdesk_relay", size=1, timeout=20)
    await database.open()
    yield database
    await database.close()


async def sequenced(account: Any) -> int:
    async with account.tx() as tx:
        return await feed.sequence(tx)


async def events(account: Any, *, after: int = 0, limit: int = 500) -> list[FeedEvent]:
    async with account.tx() as tx:
        await feed.sequence(tx)
        return await published.events(tx, after=after, limit=limit)


async def new_events(account: Any, after: int) -> list[tuple[str, UUID]]:
    return [(event.type, event.subject_id) for event in await events(account, after=after)]


def chained(previous: bytes, event: FeedEvent) -> bytes:
    """The digest as docs/feed.md defines it."""
    conversation = "" if event.conversation_id is None else str(event.conversation_id)
    line = "\n".join([str(event.number), event.type, conversation, str(event.subject_id)])
    return hashlib.sha256(previous + line.encode()).digest()


async def test_feed_of_a_new_account_begins_with_its_people(account: Any) -> None:
    found = await events(account)
    assert [event.number for event in found] == list(range(1, len(found) + 1))
    types = [event.type for event in found]
    assert {"team_created", "user_created", "contact_created", "team_updated"} <= set(types)
    assert types[-1] == "conversation_created"
    assert found[-1].data["conversationId"] == str(account.conversation)


async def test_message_and_what_follows_from_it_are_numbered(account: Any) -> None:
    async with account.tx() as tx:
        await conversations.change_status(
            tx, actor=account.agent, conversation_id=account.conversation, status="closed", reason="Done"
        )
    before = await sequenced(account)
    sent = (await account.send(account.customer, "Hello again")).message
    new, reopened = await events(account, after=before)
    assert new.type == "new_message"
    assert new.data == {"id": str(sent.id)} | sent.wire()
    assert reopened.type == "conversation_status_changed"
    assert reopened.data["oldStatus"] == "closed"
    assert reopened.data["changedBy"] == str(account.customer.id)
    assert reopened.conversation_id == account.conversation


async def test_changes_of_a_conversation_have_the_fields_of_their_socket_events(account: Any) -> None:
    before = await sequenced(account)
    about: dict[str, Any] = {"conversation_id": account.conversation}
    message = (await account.send(account.customer)).message
    async with account.tx() as tx:
        await moves.assign(tx, actor=account.admin, agent_id=account.agent.id, team_id=account.team, **about)
        await conversations.set_priority(tx, actor=account.agent, priority="high", **about)
        await reads.mark_read(tx, reader=account.agent, message_id=message.id, **about)
    found = {event.type: event.data for event in await events(account, after=before)}
    assert found["conversation_assigned"]["assignedTo"] == str(account.agent.id)
    assert found["conversation_assigned"]["assignedTeam"] == str(account.team)
    assert found["conversation_assigned"]["assignedBy"] == str(account.admin.id)
    assert found["conversation_priority_changed"]["newPriority"] == "high"
    assert found["message_read"]["readBy"] == str(account.agent.id)
    assert found["message_read"]["messageId"] == str(message.id)


async def test_every_kind_of_the_audit_log_has_fields(account: Any) -> None:
    [(definition,)] = await account.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'conversation_events_kind_known'"
    )
    kinds = {*definition.split("'")[1::2]} - {"created", "message_sent", "message_edited", "message_withdrawn"}
    types = {kind if kind in LOGGED else f"conversation_{kind}" for kind in kinds}
    assert types == set(LOGGED)
    assert {kind_of(one) for one in types} == {"log"}


async def test_people_are_numbered_when_any_role_changes_them(account: Any) -> None:
    before = await sequenced(account)
    operator = Database(account.url, role="hummdesk_operator", size=1, timeout=20)
    await operator.open()
    async with operator.all_accounts() as tx:
        await tx.execute("UPDATE users SET name = 'New' WHERE id = %s", (account.agent.id,))
        await tx.execute("UPDATE users SET name = 'New' WHERE id = %s", (account.agent.id,))  # the same
        await tx.execute("UPDATE users SET last_seen_at = now() WHERE id = %s", (account.agent.id,))  # presence
        await tx.execute("DELETE FROM team_members WHERE user_id = %s", (account.agent.id,))
    await operator.close()
    user, team = account.agent.id, account.team
    assert await new_events(account, before) == [("user_updated", user), ("team_updated", team), ("user_updated", user)]
    [first, *_] = await events(account, after=before)
    assert first.data["name"] == "New"
    assert first.data["teamIds"] == []


async def test_user_who_moves_is_deleted_in_one_feed_and_created_in_the_other(account: Any, foreign: Any) -> None:
    before, there = await sequenced(account), await sequenced(foreign)
    viewer = account.viewer.id
    await account.execute(
        "UPDATE users SET account_id = %(to)s, email = 'moved@example.com' WHERE id = %(id)s", to=foreign.id, id=viewer
    )
    [gone] = await events(account, after=before)
    assert (gone.type, gone.data) == ("user_deleted", {"id": str(viewer), "deleted": True})
    assert await new_events(foreign, there) == [("user_created", viewer)]


async def test_change_that_is_rolled_back_has_no_number(account: Any) -> None:
    before = await sequenced(account)
    async with account.tx() as tx:
        await conversations.set_priority(tx, actor=account.agent, conversation_id=account.conversation, priority="high")
        await tx.rollback()
    assert await new_events(account, before) == []


async def test_change_committed_later_gets_a_later_number(account: Any) -> None:
    before = await sequenced(account)
    other = await account.start(account.stranger)
    async with account.tx() as slow:
        await conversations.set_priority(slow, actor=account.agent, conversation_id=other, priority="high")
        sent = (await account.send(account.customer)).message
        assert await new_events(account, before) == [("conversation_created", other), ("new_message", sent.id)]
    [event] = await events(account, after=before + 2)
    assert event.number == before + 3
    assert event.type == "conversation_priority_changed"


async def test_numbers_are_contiguous_under_concurrent_writers_and_sequencers(account: Any, relay: Database) -> None:
    before = await sequenced(account)

    async def write(sender: Any) -> None:
        for _ in range(10):
            await account.send(sender)

    async def sequence_everything() -> None:
        for _ in range(10):
            async with relay.all_accounts() as tx:
                await feed.sequence_all(tx, most=7)
            await sequenced(account)

    await asyncio.gather(*map(write, [account.customer, account.agent, account.colleague]), sequence_everything())
    found = await events(account, after=before)
    assert [event.number for event in found] == list(range(before + 1, before + 1 + len(found)))
    sent = [event.data["seq"] for event in found if event.type == "new_message"]
    assert sent == list(range(1, 31))
    assert {event.type for event in found} == {"new_message", "message_read"}, "replies mark as read"


async def test_digest_chains_number_type_and_ids(account: Any) -> None:
    await account.send(account.customer)
    digest = bytes(32)
    for event in await events(account):
        digest = chained(digest, event)
        assert event.digest == digest
    async with account.tx() as tx:
        last = await feed.position(tx)
    assert last.digest == digest
    again = await sequenced(account)
    assert again == last.last_number


async def test_pages_follow_each_other_and_end_before_they_are_too_large(account: Any) -> None:
    before = await sequenced(account)
    for number in range(5):
        await account.send(account.customer, f"{number}" * 1_000)
    async with account.tx() as tx:
        await feed.sequence(tx)
        first = await feed.entries(tx, after=before, limit=3)
        small = await feed.entries(tx, after=before, limit=5, max_bytes=4_000)
        one = await feed.entries(tx, after=before, limit=5, max_bytes=1)
    assert [entry.number for entry in first] == [before + 1, before + 2, before + 3]
    assert len(small) == 2
    assert len(one) == 1


async def test_numbers_that_are_not_kept_are_gone_and_the_others_stay(account: Any, relay: Database) -> None:
    last = await sequenced(account)
    await account.execute(
        "UPDATE feed_events SET at = now() - interval '40 days' WHERE number <= 5 AND account_id = %(account)s"
    )
    before = UUID(int=account.id.int - 1)
    async with relay.all_accounts() as tx:
        deleted, _ = await feed.prune(tx, days=30, after=before)
    assert deleted == 5
    with pytest.raises(Gone):
        await events(account, after=4)
    assert [event.number for event in await events(account, after=5)] == list(range(6, last + 1))
    await account.execute("UPDATE feed_events SET at = now() - interval '40 days' WHERE account_id = %(account)s")
    async with relay.all_accounts() as tx:
        await feed.prune(tx, days=30, after=before)
    with pytest.raises(Gone):
        await events(account, after=5)
    assert await events(account, after=last) == []
    await account.send(account.customer)
    assert [event.number for event in await events(account, after=last)] == [last + 1]


async def test_number_given_while_a_page_is_read_is_not_gone(account: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    last = await sequenced(account)
    read_position = feed.position

    async def position_after_another_change(tx: Any) -> feed.Position:
        await account.send(account.customer)
        await sequenced(account)
        return await read_position(tx)

    monkeypatch.setattr(feed, "position", position_after_another_change)
    async with account.tx() as tx:
        assert [entry.number for entry in await feed.entries(tx, after=last, limit=10)] == [last + 1]


async def test_prune_stops_at_the_first_event_that_is_kept(account: Any, relay: Database) -> None:
    last = await sequenced(account)
    await account.execute(
        "UPDATE feed_events SET at = now() - interval '40 days' WHERE number NOT IN (1, 3) AND account_id = %(account)s"
    )
    async with relay.all_accounts() as tx:
        assert (await feed.prune(tx, days=30, after=UUID(int=account.id.int - 1)))[0] == 0
    assert len(await events(account)) == last


async def test_account_sees_no_event_of_another(account: Any, foreign: Any) -> None:
    await sequenced(foreign)
    assert {event.subject_id for event in await events(foreign)}.isdisjoint(
        {event.subject_id for event in await events(account)}
    )


async def test_sequencer_of_the_relay_numbers_every_account_in_steps(alone: Any) -> None:
    relay = Database(alone.url, role="hummdesk_relay", size=1, timeout=20)
    await relay.open()
    await alone.execute("INSERT INTO accounts VALUES (%(other)s, 'Other')", other=(other := new_id()))
    await alone.execute("INSERT INTO teams VALUES (%(other)s, %(other)s, 'Team')", other=other)
    async with relay.all_accounts() as tx:
        assert (await feed.backlog(tx)).changes > 10
        numbered, last = await feed.sequence_all(tx, most=2)
        assert (numbered, last) == (2, alone.id)
        _, last = await feed.sequence_all(tx, most=1_000)
        assert last is None
        assert await feed.backlog(tx) == feed.Backlog(changes=0, oldest_seconds=0)
    [(events_of_other,)] = await alone.execute("SELECT count(*) FROM feed_events WHERE account_id = %(o)s", o=other)
    assert events_of_other == 1
    await relay.close()


async def test_changes_of_an_erased_account_are_dropped(account: Any, relay: Database) -> None:
    lost = new_id()
    await account.execute(
        "INSERT INTO feed_changes (account_id, type, subject_id) VALUES (%(lost)s, 'user_updated', %(lost)s)", lost=lost
    )
    async with relay.all_accounts() as tx:
        await feed.sequence_all(tx, after=UUID(int=lost.int - 1), most=1)
    assert await account.execute("SELECT FROM feed_changes WHERE account_id = %(lost)s", lost=lost) == []
    assert await account.execute("SELECT FROM feed_positions WHERE account_id = %(lost)s", lost=lost) == []


async def test_sweeper_of_the_relay_numbers_measures_and_prunes(alone: Any) -> None:
    relay = Database(alone.url, role="hummdesk_relay", size=1, timeout=20, pipelined=True)
    await relay.open()
    sweeper = FeedSweeper(Settings(feed_days=30), relay)
    await sweeper.measure()
    assert value("hummdesk_feed_changes") > 10
    assert await sweeper.sequence() is None
    await sweeper.measure()
    assert value("hummdesk_feed_changes") == 0
    last = await sequenced(alone)
    assert len(await events(alone)) == last

    await alone.execute("UPDATE feed_events SET at = now() - interval '31 days' WHERE number < 4")
    before = value("hummdesk_retention_erased_total", kind="feed_event")
    assert await sweeper.prune() is None
    assert value("hummdesk_retention_erased_total", kind="feed_event") == before + 3
    assert [event.number for event in await events(alone, after=3)] == list(range(4, last + 1))
    await relay.close()


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0
