"""The message writer with locks, lost connections, forbidden senders and full batches; removal of outbox entries."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from hummdesk.core.errors import Forbidden, NotFound, Unavailable
from hummdesk.storage import message_writer, role, visitors
from hummdesk.storage.database import Database
from hummdesk.storage.message_writer import MessageWriter
from hummdesk.storage.messages import NewMessage, Sent
from hummdesk.storage.role import StandbyError
from hummdesk.storage.writer_connection import WriterConnection
from tests.integration.storage.conftest import (
    PATIENCE_SECONDS,
    Account,
    WriterHarness,
    opened,
    outbox_entries,
    the_only_account,
)


@asynccontextmanager
async def locked(account: Any) -> AsyncIterator[None]:
    async with await psycopg.AsyncConnection.connect(account.url) as connection:
        await connection.execute("SELECT FROM conversations WHERE id = %s FOR UPDATE", (account.conversation,))
        yield


async def test_locked_conversation_delays_no_other_send(
    account: Any, foreign: Any, harness: WriterHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_writer, "LOCK_SECONDS", 60.0)
    async with locked(account):
        stuck = [asyncio.create_task(harness.send(account, "customer")) for _ in range(8)]
        for number in range(1, 4):
            assert (await harness.send(foreign, "customer")).message.seq == number
        assert not any(one.done() for one in stuck)
    assert sorted(one.message.seq for one in await asyncio.gather(*stuck)) == list(range(1, 9))


async def test_sends_to_a_conversation_that_stays_locked_are_unavailable_and_not_stored(
    account: Any, impatient: WriterHarness
) -> None:
    async with locked(account):
        answers = await impatient.at_once(*(impatient.send(account, "customer") for _ in range(8)))
        assert [type(one) for one in answers] == [Unavailable] * 8
    assert (await account.see(account.admin)).last_seq == 0
    assert (await impatient.send(account, "customer")).message.seq == 1


async def test_send_to_locked_conversation_is_stored_when_it_is_unlocked(account: Any, harness: WriterHarness) -> None:
    async with locked(account):
        waiting = [asyncio.create_task(harness.send(account, "customer", client_message_id=f"{n}")) for n in range(3)]
        while harness.transactions != [3]:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
    sent = await asyncio.gather(*waiting)
    assert sorted(one.message.seq for one in sent) == [1, 2, 3]
    assert len(await outbox_entries(account)) == 3


@pytest.fixture
async def alone(fresh_database_url: str) -> AsyncIterator[Account]:
    """On a database of its own, to which the test adds a policy."""
    async with the_only_account(fresh_database_url) as account:
        yield account


async def test_message_of_a_visitor_merged_while_it_is_being_stored_is_refused(alone: Any) -> None:
    async with alone.tx() as tx:
        visitor = await visitors.add(tx, account_id=alone.id)
    conversation = await alone.start(visitor)
    # The writer waits for this lock when it reads the conversation, before it locks it.
    await alone.execute("""CREATE FUNCTION waits() RETURNS boolean LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN true; END'""")
    await alone.execute("CREATE POLICY delayed ON conversations AS RESTRICTIVE TO hummdesk_writer USING (waits())")
    message = NewMessage(conversation_id=conversation, content="Hello")
    async with opened(alone.url, alone.app) as harness:
        async with await psycopg.AsyncConnection.connect(alone.url) as holder:
            await holder.execute("SELECT pg_advisory_xact_lock(1)")
            sending = asyncio.create_task(harness.writer.send(sender=visitor, message=message))
            async with asyncio.timeout(20):
                while not await alone.execute("SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"):
                    await asyncio.sleep(0.01)
            async with alone.tx() as tx:
                await visitors.merge(tx, alone.customer, visitor_id=visitor.id, contact_id=alone.customer.id)
        with pytest.raises(NotFound):
            await sending
    assert await alone.execute("SELECT FROM messages WHERE account_id = %(account)s") == []


async def test_lost_connections_lose_and_duplicate_no_message(account: Any, harness: WriterHarness) -> None:
    """The acknowledgement of a commit may be lost: the second attempt finds what the first one has stored."""
    await harness.send(account, "customer")
    honest = harness._run
    lost: list[Any] = []

    async def committed_and_lost(accounts: Any, statements: Any) -> Any:
        rows = await honest(accounts, statements)
        if not lost:
            lost.append(rows)
            raise Unavailable from psycopg.OperationalError("the connection is lost")
        return rows

    harness._run = committed_and_lost
    sent = await asyncio.gather(*(harness.send(account, "customer", str(n)) for n in range(5)))
    assert lost
    assert [(one.message.seq, one.message.content, one.created) for one in sent] == [
        (n + 2, str(n), False) for n in range(5)
    ], "left to the relay"
    assert len(await outbox_entries(account)) == 6


async def test_terminated_connection_fails_no_send(account: Any, harness: WriterHarness) -> None:
    for number in range(1, 4):
        await account.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'hummdesk_writer'"
        )
        assert (await harness.send(account, "customer")).message.seq == number


async def test_connection_to_a_standby_is_replaced(account: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that follows the primary leads to another server with the next connection."""
    verify = role.verify_role
    first: list[object] = []

    async def to_standby_first(connection: Any, name: Any) -> bool:
        first.append(connection)
        if connection is first[0]:
            raise StandbyError("is a standby")
        return await verify(connection, name)

    monkeypatch.setattr(role, "verify_role", to_standby_first)
    writer = WriterConnection(account.url, timeout=10)
    await writer.open()
    try:
        with pytest.raises(Unavailable):
            await writer.run([account.id], [("SELECT 1 AS one", {})])
        assert await writer.run([account.id], [("SELECT 1 AS one", {})]) == [[{"one": 1}]]
    finally:
        await writer.close()


async def test_send_to_locked_table_raises_unavailable_in_time(account: Any, impatient: WriterHarness) -> None:
    async with await psycopg.AsyncConnection.connect(account.url) as connection:
        await connection.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        answers = await impatient.at_once(*(impatient.send(account, "customer") for _ in range(3)))
        assert [type(one) for one in answers] == [Unavailable] * 3
    assert (await impatient.send(account, "customer")).message.seq == 1


@pytest.mark.parametrize("who", ["agent", "customer", "viewer"])
async def test_send_by_disabled_person_is_forbidden(
    account: Any, foreign: Any, harness: WriterHarness, who: str
) -> None:
    for disable in (
        "UPDATE contacts SET active = false WHERE id = %(id)s",
        "UPDATE users SET active = false WHERE id = %(id)s",
    ):
        await account.execute(disable, id=account.people[who].id)
    answers = await harness.at_once(
        harness.send(foreign, "agent"), harness.send(account, who), harness.send(account, "admin")
    )
    assert [type(one) for one in answers] == [Sent, Forbidden, Sent]
    assert (await account.see(account.admin)).last_seq == 1


@pytest.mark.parametrize(
    ("limit", "value", "length", "transactions"), [("BATCH", 4, 5, [4, 4, 2]), ("BATCH_BYTES", 10_000, 6_000, [2] * 5)]
)
async def test_batch_is_limited_in_messages_and_bytes(
    limit: str,
    value: int,
    length: int,
    transactions: list[int],
    account: Any,
    app: Database,
    harness: WriterHarness,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(message_writer, limit, value)
    harness.writer = MessageWriter(harness.batches, app, timeout=PATIENCE_SECONDS, take_published=lambda _: [])
    await asyncio.gather(*(harness.send(account, "customer", "x" * length) for _ in range(10)))
    assert harness.transactions == transactions


async def test_send_is_refused_while_too_many_bytes_are_pending(
    account: Any, harness: WriterHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_writer, "MAX_PENDING_BYTES", 1_000)
    answers = await harness.at_once(*(harness.send(account, "customer", "x" * 400) for _ in range(2)))
    assert [type(one) for one in answers] == [Sent, Unavailable]
    assert (await harness.send(account, "customer", "x" * 400)).message.seq == 2


async def test_published_entries_are_removed_with_or_without_a_batch(account: Any, harness: WriterHarness) -> None:
    sent = [await harness.send(account, "customer") for _ in range(4)]
    harness.published = [(account.id, one.message.id) for one in sent[:2]]
    await harness.send(account, "agent")
    assert [row[2] for row in await outbox_entries(account)] == [3, 4, 5]
    harness.published = [(account.id, one.message.id) for one in sent[2:]]
    await harness.writer.remove_published()
    assert [row[2] for row in await outbox_entries(account)] == [5]


async def test_removal_of_entries_that_failed_is_retried(account: Any, impatient: WriterHarness) -> None:
    sent = await impatient.send(account, "customer")
    impatient.published = [(account.id, sent.message.id)]
    async with await psycopg.AsyncConnection.connect(account.url) as connection:
        await connection.execute("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable):
            await impatient.writer.remove_published()
    await impatient.writer.remove_published()
    assert await outbox_entries(account) == []
