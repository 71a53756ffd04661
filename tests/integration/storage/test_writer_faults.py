"""The message writer when something is locked, lost, forbidden or too much, and what it forgets on its way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from hummdesk.core.errors import Forbidden, Unavailable
from hummdesk.storage import message_writer
from hummdesk.storage.database import Database
from hummdesk.storage.message_writer import MessageWriter
from hummdesk.storage.messages import Sent
from tests.integration.storage.conftest import WorkerContext, told_of


@asynccontextmanager
async def locked(account: Any) -> AsyncIterator[None]:
    async with await psycopg.AsyncConnection.connect(account.url) as connection:
        await connection.execute("SELECT FROM conversations WHERE id = %s FOR UPDATE", (account.conversation,))
        yield


async def test_a_locked_conversation_keeps_nobody_else_waiting(
    account: Any, foreign: Any, desk: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_writer, "LOCK_SECONDS", 0.4)
    async with locked(account):
        stuck = [asyncio.create_task(desk.send(account, "customer")) for _ in range(8)]
        async with asyncio.timeout(0.3):
            for number in range(1, 4):
                assert (await desk.send(foreign, "customer")).message.seq == number
        for one in await asyncio.gather(*stuck, return_exceptions=True):
            assert isinstance(one, Unavailable)
    assert (await account.see(account.admin)).last_seq == 0
    assert (await desk.send(account, "customer")).message.seq == 1


async def test_who_waits_for_a_lock_is_stored_when_it_is_free(account: Any, desk: WorkerContext) -> None:
    async with locked(account):
        waiting = [asyncio.create_task(desk.send(account, "customer", client_message_id=f"{n}")) for n in range(3)]
        while desk.transactions != [3]:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
    sent = await asyncio.gather(*waiting)
    assert sorted(one.message.seq for one in sent) == [1, 2, 3]
    assert len(await told_of(account)) == 3


async def test_a_lost_connection_loses_and_doubles_nothing(account: Any, desk: WorkerContext) -> None:
    """The answer to a commit may be lost with it: the second try finds what the first one has stored."""
    await desk.send(account, "customer")
    honest, lost = desk._run, []

    async def committed_and_lost(accounts: Any, statements: Any) -> Any:
        rows = await honest(accounts, statements)
        if not lost:
            lost.append(rows)
            raise Unavailable from psycopg.OperationalError("the connection is lost")
        return rows

    desk._run = committed_and_lost  # type: ignore[method-assign]
    sent = await asyncio.gather(*(desk.send(account, "customer", str(n)) for n in range(5)))
    assert lost
    assert [(one.message.seq, one.message.content, one.created) for one in sent] == [
        (n + 2, str(n), False) for n in range(5)
    ], "told by the relay, from the outbox"
    assert len(await told_of(account)) == 6


async def test_a_connection_that_was_ended_is_noticed_by_nobody(account: Any, desk: WorkerContext) -> None:
    for number in range(1, 4):
        await account.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'hummdesk_writer'"
        )
        assert (await desk.send(account, "customer")).message.seq == number


async def test_a_locked_table_is_unavailable_for_all_and_soon(account: Any, desk: WorkerContext) -> None:
    async with await psycopg.AsyncConnection.connect(account.url) as connection:
        await connection.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        answers = await desk.at_once(*(desk.send(account, "customer") for _ in range(3)))
        assert [type(one) for one in answers] == [Unavailable] * 3
    assert (await desk.send(account, "customer")).message.seq == 1


@pytest.mark.parametrize("who", ["agent", "customer", "viewer"])
async def test_who_was_disabled_stores_nothing_whatever_the_process_believes(
    account: Any, foreign: Any, desk: WorkerContext, who: str
) -> None:
    for disable in (
        "UPDATE contacts SET active = false WHERE id = %(id)s",
        "UPDATE users SET active = false WHERE id = %(id)s",
    ):
        await account.execute(disable, id=account.people[who].id)
    answers = await desk.at_once(desk.send(foreign, "agent"), desk.send(account, who), desk.send(account, "admin"))
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
    desk: WorkerContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(message_writer, limit, value)
    desk.writer = MessageWriter(desk.batches, app, timeout=5, take_published=lambda _: [])
    await asyncio.gather(*(desk.send(account, "customer", "x" * length) for _ in range(10)))
    assert desk.transactions == transactions


async def test_send_is_refused_while_too_many_bytes_are_pending(
    account: Any, desk: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_writer, "MAX_PENDING_BYTES", 1_000)
    answers = await desk.at_once(*(desk.send(account, "customer", "x" * 400) for _ in range(2)))
    assert [type(one) for one in answers] == [Sent, Unavailable]
    assert (await desk.send(account, "customer", "x" * 400)).message.seq == 2


async def test_what_was_told_is_forgotten_with_the_next_batch_or_without_one(account: Any, desk: WorkerContext) -> None:
    sent = [await desk.send(account, "customer") for _ in range(4)]
    desk.published = [(account.id, one.message.id) for one in sent[:2]]
    await desk.send(account, "agent")
    assert [row[2] for row in await told_of(account)] == [3, 4, 5]
    desk.published = [(account.id, one.message.id) for one in sent[2:]]
    await desk.writer.remove_published()
    assert [row[2] for row in await told_of(account)] == [5]


async def test_what_could_not_be_forgotten_is_tried_again(account: Any, desk: WorkerContext) -> None:
    sent = await desk.send(account, "customer")
    desk.published = [(account.id, sent.message.id)]
    async with await psycopg.AsyncConnection.connect(account.url) as connection:
        await connection.execute("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable):
            await desk.writer.remove_published()
    await desk.writer.remove_published()
    assert await told_of(account) == []
