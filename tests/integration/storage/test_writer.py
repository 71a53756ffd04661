"""What is sent at the same moment is stored by one statement, and each message fails or succeeds for itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hummdesk.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from hummdesk.storage import conversations, messages, writer
from hummdesk.storage.batches import Batches
from hummdesk.storage.database import Database
from hummdesk.storage.messages import NewMessage, Outgoing, Sent
from hummdesk.storage.writer import MessageWriter
from tests.integration.storage.conftest import Account

TIMEOUT = 2.0


class Desk:
    """A writer, the transactions that it makes, and entries that it may forget."""

    def __init__(self, url: str, app: Database) -> None:
        self.batches = Batches(url, timeout=TIMEOUT)
        self.forgettable: list[tuple[UUID, UUID]] = []
        self.writer = MessageWriter(self.batches, app, timeout=TIMEOUT, forgettable=self._take)
        self.transactions: list[int] = []
        """Messages in each."""
        self._run = self.batches.run
        self.batches.run = self._count  # type: ignore[method-assign]

    async def send(self, account: Any, who: str, content: str = "Hello", **more: Any) -> Sent:
        message = NewMessage(**{"conversation_id": account.conversation, "content": content} | more)
        return await self.writer.send(sender=account.people[who], message=message)

    async def at_once(self, *sends: Awaitable[Sent]) -> list[Any]:
        return await asyncio.gather(*sends, return_exceptions=True)

    def _take(self, most: int) -> list[tuple[UUID, UUID]]:
        taken, self.forgettable = self.forgettable[:most], self.forgettable[most:]
        return taken

    async def _count(self, accounts: Any, statements: Any) -> Any:
        self.transactions += [text.count('"id"') for _, given in statements if (text := given.get("items"))]
        return await self._run(accounts, statements)


@asynccontextmanager
async def opened(url: str, app: Database) -> AsyncIterator[Desk]:
    desk = Desk(url, app)
    await desk.batches.open()
    yield desk
    await desk.writer.settle()
    await desk.batches.close()


@pytest.fixture
async def desk(database_url: str, app: Database) -> AsyncIterator[Desk]:
    async with opened(database_url, app) as one:
        yield one


@pytest.fixture
async def elsewhere(database_url: str, app: Database) -> AsyncIterator[Desk]:
    """The writer of another web process."""
    async with opened(database_url, app) as one:
        yield one


@pytest.fixture
def new_account(app: Database, database_url: str) -> Callable[[], Awaitable[Account]]:
    return lambda: Account(database_url, app).make()


async def told_of(account: Any) -> list[Any]:
    return await account.execute(
        "SELECT id, conversation_id, seq, reopened_from FROM untold WHERE account_id = %(account)s ORDER BY seq"
    )


async def test_a_message_alone_is_committed_at_once_with_all_that_follows_from_it(account: Any, desk: Desk) -> None:
    sent = await desk.send(account, "customer", client_message_id="m", metadata={"a": [1, None, {"b": "ü"}]})
    async with account.tx() as tx:
        [kept], _ = await messages.page(tx, viewer=account.customer, conversation_id=account.conversation)
    assert (kept, sent.created, kept.seq) == (sent.message, True, 1)
    assert desk.transactions == [1]
    seen = await account.see(account.agent)
    assert (seen.last_seq, seen.unread_count, seen.updated_at) == (1, 1, kept.created_at)
    assert await told_of(account) == [(kept.id, account.conversation, 1, None)]
    jobs = await account.execute("SELECT message_id, kind, status FROM ai_jobs WHERE account_id = %(account)s")
    assert jobs == [(kept.id, "classification", "pending")]


async def test_what_comes_while_a_transaction_is_in_flight_shares_the_next_one(account: Any, desk: Desk) -> None:
    first = asyncio.create_task(desk.send(account, "customer", "0"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    people = ("customer", "agent", "colleague")
    sent = await asyncio.gather(first, *(desk.send(account, people[n % 3], str(n)) for n in range(1, 60)))
    assert desk.transactions == [1, 59]
    assert [one.message.seq for one in sent] == list(range(1, 61)), "in the order of the calls"
    assert [one.follows_closely for one in sent] == [False] + [True] * 59
    async with account.tx() as tx:
        stored, _ = await messages.page(tx, viewer=account.admin, conversation_id=account.conversation, limit=100)
    assert [(one.content, one.sender_type) for one in stored] == [
        (str(n), "agent" if n % 3 else "customer") for n in range(60)
    ]
    seen = await account.see(account.admin)
    assert (seen.last_seq, seen.unread_count, seen.updated_at) == (60, 20, stored[-1].created_at)


async def test_ten_accounts_share_a_transaction_and_nothing_else(desk: Desk, new_account: Any) -> None:
    accounts = [await new_account() for _ in range(10)]
    sends = [desk.send(one, who, f"{one.id} {who}") for who in ("customer", "agent") for one in accounts]
    sent = await asyncio.gather(*sends)
    assert desk.transactions == [20]
    assert [one.message.seq for one in sent] == [1] * 10 + [2] * 10
    for one in accounts:
        async with one.tx() as tx:
            kept, _ = await messages.page(tx, viewer=one.admin, conversation_id=one.conversation)
        assert [message.content for message in kept] == [f"{one.id} customer", f"{one.id} agent"]
        assert (await one.see(one.admin)).unread_count == 1
        assert len(await told_of(one)) == 2
        assert await one.execute("SELECT count(*) FROM ai_jobs WHERE account_id = %(account)s") == [(1,)]


async def test_each_of_ten_gets_its_own_answer(account: Any, foreign: Any, desk: Desk) -> None:
    first = await desk.send(account, "customer", "First", client_message_id="m")
    await desk.send(account, "colleague", "Answer")
    desk.transactions.clear()
    conversation = {"conversation_id": account.conversation}
    answers = await desk.at_once(
        desk.send(account, "customer"),
        desk.send(account, "stranger"),
        desk.send(foreign, "admin", **conversation),
        desk.send(foreign, "customer", **conversation),
        desk.send(account, "customer", "Again", client_message_id="m"),
        desk.send(account, "agent", based_on_seq=1),
        desk.send(account, "agent", conversation_id=foreign.conversation),
        desk.send(account, "agent", "half \ud800"),
        desk.send(foreign, "customer"),
        desk.send(account, "agent", based_on_seq=9),
    )
    kinds = [type(one).__name__ for one in answers]
    missing = "NotFound"
    assert kinds == ["Sent", *[missing] * 3, "Sent", "Conflict", missing, "Invalid", "Sent", "Sent"]
    assert desk.transactions == [9, 1], "what has a base waits for those before it"
    assert (answers[4].message, answers[4].created) == (first.message, False)
    assert answers[5].details["missed"][0]["seq"] == 2
    assert (answers[0].message.seq, answers[8].message.seq, answers[9].message.seq) == (3, 1, 4)
    assert (await account.see(account.admin)).last_seq == 4


@pytest.mark.parametrize("poison", [{"metadata": {"a": "\0"}}, {"content": ""}, {"content_type": "other"}], ids=repr)
async def test_what_cannot_be_stored_fails_alone(account: Any, foreign: Any, desk: Desk, poison: Any) -> None:
    sends = [desk.send(account, "customer", str(n)) for n in range(7)]
    sends.insert(4, desk.send(account, "customer", **poison))
    sends.append(desk.send(foreign, "customer"))
    answers = await desk.at_once(*sends)
    failed = answers.pop(4)
    assert isinstance(failed, Invalid | psycopg.IntegrityError)
    assert [one.message.seq for one in answers] == [*range(1, 8), 1]
    assert (await account.see(account.admin)).last_seq == 7


async def test_equal_repeats_within_a_batch_are_one_message(account: Any, desk: Desk) -> None:
    answers = await asyncio.gather(
        *(desk.send(account, "customer", str(n), client_message_id="m") for n in range(20)),
        desk.send(account, "agent", client_message_id="m"),
    )
    assert len({one.message.id for one in answers}) == 2
    assert [one.created for one in answers] == [True] + [False] * 19 + [True]
    assert (await account.see(account.admin)).last_seq == 2


async def test_of_two_agents_on_the_same_base_one_replies(account: Any, desk: Desk) -> None:
    await desk.send(account, "customer")
    first, second = await desk.at_once(
        desk.send(account, "agent", "Mine", based_on_seq=1), desk.send(account, "colleague", "Mine", based_on_seq=1)
    )
    assert (first.message.seq, type(second)) == (2, Conflict)
    assert [one["seq"] for one in second.details["missed"]] == [2]


async def test_a_conversation_is_reopened_once_and_logged(account: Any, desk: Desk) -> None:
    async with account.tx() as tx:
        await conversations.change_status(
            tx, actor=account.agent, conversation_id=account.conversation, status="closed", reason=None
        )
    sends = [desk.send(account, who) for who in ("agent", "customer", "customer")]
    sent = await asyncio.gather(*sends)
    assert [one.reopened_from for one in sent] == [None, "closed", None]
    assert [row[3] for row in await told_of(account)] == [None, "closed", None]
    changes = [entry for entry in await account.log() if entry[0] == "status_changed"]
    expected = {"from": "closed", "to": "open", "messageId": str(sent[1].message.id)}
    assert changes[-1] == ("status_changed", "customer", expected)
    assert len(changes) == 2
    assert (await account.see(account.admin)).status == "open"


async def test_two_processes_write_to_the_same_conversations(account: Any, desk: Desk, elsewhere: Desk) -> None:
    second = await account.start(account.customer)
    places = (account.conversation, second)
    people = ("customer", "agent", "colleague")

    async def talk(place: Desk, who: str, conversation: UUID) -> list[Sent]:
        return [await place.send(account, who, conversation_id=conversation) for _ in range(15)]

    talks = await asyncio.gather(*(talk(at, who, to) for at in (desk, elsewhere) for who in people for to in places))
    for conversation in places:
        sent = [one.message for said in talks for one in said if one.message.conversation_id == conversation]
        assert sorted(one.seq for one in sent) == list(range(1, 91))
        times = [one.created_at for one in sorted(sent, key=lambda one: one.seq)]
        assert times == sorted(times)
    for said in talks:
        seqs = [one.message.seq for one in said]
        assert seqs == sorted(seqs), "each sender's own order"


@asynccontextmanager
async def locked(account: Any) -> AsyncIterator[None]:
    async with await psycopg.AsyncConnection.connect(account.url) as connection:
        await connection.execute("SELECT FROM conversations WHERE id = %s FOR UPDATE", (account.conversation,))
        yield


async def test_a_locked_conversation_keeps_nobody_else_waiting(
    account: Any, foreign: Any, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LOCK_SECONDS", 0.4)
    async with locked(account):
        stuck = [asyncio.create_task(desk.send(account, "customer")) for _ in range(8)]
        async with asyncio.timeout(0.3):
            for number in range(1, 4):
                assert (await desk.send(foreign, "customer")).message.seq == number
        for one in await asyncio.gather(*stuck, return_exceptions=True):
            assert isinstance(one, Unavailable)
    assert (await account.see(account.admin)).last_seq == 0
    assert (await desk.send(account, "customer")).message.seq == 1


async def test_who_waits_for_a_lock_is_stored_when_it_is_free(account: Any, desk: Desk) -> None:
    async with locked(account):
        waiting = [asyncio.create_task(desk.send(account, "customer", client_message_id=f"{n}")) for n in range(3)]
        while desk.transactions != [3]:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
    sent = await asyncio.gather(*waiting)
    assert sorted(one.message.seq for one in sent) == [1, 2, 3]
    assert len(await told_of(account)) == 3


async def test_a_lost_connection_loses_and_doubles_nothing(account: Any, desk: Desk) -> None:
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


async def test_a_connection_that_was_ended_is_noticed_by_nobody(account: Any, desk: Desk) -> None:
    for number in range(1, 4):
        await account.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'hummdesk_writer'"
        )
        assert (await desk.send(account, "customer")).message.seq == number


async def test_a_locked_table_is_unavailable_for_all_and_soon(account: Any, desk: Desk) -> None:
    async with await psycopg.AsyncConnection.connect(account.url) as connection:
        await connection.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        answers = await desk.at_once(*(desk.send(account, "customer") for _ in range(3)))
        assert [type(one) for one in answers] == [Unavailable] * 3
    assert (await desk.send(account, "customer")).message.seq == 1


@pytest.mark.parametrize("who", ["agent", "customer", "viewer"])
async def test_who_was_disabled_stores_nothing_whatever_the_process_believes(
    account: Any, foreign: Any, desk: Desk, who: str
) -> None:
    for disable in (
        "UPDATE contacts SET active = false WHERE id = %(id)s",
        "UPDATE users SET active = false WHERE id = %(id)s",
    ):
        await account.execute(disable, id=account.people[who].id)
    answers = await desk.at_once(desk.send(foreign, "agent"), desk.send(account, who), desk.send(account, "admin"))
    assert [type(one) for one in answers] == [Sent, Forbidden, Sent]
    assert (await account.see(account.admin)).last_seq == 1


async def test_a_batch_is_bounded_in_number_and_bytes(
    account: Any, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BATCH", 4)
    await asyncio.gather(*(desk.send(account, "customer") for _ in range(10)))
    assert desk.transactions == [4, 4, 2]
    monkeypatch.setattr(writer, "BATCH_BYTES", 10_000)
    desk.transactions.clear()
    await asyncio.gather(*(desk.send(account, "customer", "x" * 6_000) for _ in range(4)))
    assert desk.transactions == [2, 2]
    monkeypatch.setattr(writer, "MAX_WAITING_BYTES", 100)
    with pytest.raises(Unavailable):
        await desk.send(account, "customer")


async def test_what_was_told_is_forgotten_with_the_next_batch_or_without_one(account: Any, desk: Desk) -> None:
    sent = [await desk.send(account, "customer") for _ in range(4)]
    desk.forgettable = [(account.id, one.message.id) for one in sent[:2]]
    await desk.send(account, "agent")
    assert [row[2] for row in await told_of(account)] == [3, 4, 5]
    desk.forgettable = [(account.id, one.message.id) for one in sent[2:]]
    await desk.writer.forget_told()
    assert [row[2] for row in await told_of(account)] == [5]


async def test_what_could_not_be_forgotten_is_tried_again(account: Any, desk: Desk) -> None:
    sent = await desk.send(account, "customer")
    desk.forgettable = [(account.id, sent.message.id)]
    async with await psycopg.AsyncConnection.connect(account.url) as connection:
        await connection.execute("LOCK TABLE untold IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable):
            await desk.writer.forget_told()
    await desk.writer.forget_told()
    assert await told_of(account) == []


SEND = st.tuples(
    st.sampled_from(["customer", "stranger", "agent", "colleague"]),
    st.sampled_from([0, 1]),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from([None, None, 0, 1, 3]),
    st.booleans(),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sends=st.lists(SEND, min_size=1, max_size=25))
async def test_whatever_is_sent_at_once_is_as_if_sent_one_after_the_other(
    new_account: Any, desk: Desk, sends: Any
) -> None:
    account = await new_account()
    places = (account.conversation, await account.start(account.stranger))
    made = []
    for who, place, client_id, base, private in sends:
        new = {"conversation_id": places[place], "client_message_id": client_id, "based_on_seq": base}
        made.append((who, new | {"private": private and who != "customer" and who != "stranger"}))
    answers = await desk.at_once(*(desk.send(account, who, **new) for who, new in made))
    pairs = [(who, new, answer) for (who, new), answer in zip(made, answers, strict=True)]
    for place, owner in zip(places, ("customer", "stranger"), strict=True):
        here = [pair for pair in pairs if pair[1]["conversation_id"] == place]
        stored = {one.message.seq: one.message for *_, one in here if isinstance(one, Sent) and one.created}
        assert sorted(stored) == list(range(1, len(stored) + 1))
        for who, new, answer in here:
            sender = account.people[who]
            replies = [
                seq
                for seq, one in stored.items()
                if one.sender_type == "agent" and not one.private and one.sender_id != sender.id
            ]
            base = new["based_on_seq"] if sender.is_staff else None
            if not sender.is_staff and who != owner:
                assert isinstance(answer, NotFound)
            elif isinstance(answer, Conflict):
                assert base is not None
                assert any(seq > base for seq in replies)
            elif answer.created and base is not None:
                assert not any(base < seq < answer.message.seq for seq in replies)
            else:
                assert answer.message == stored[answer.message.seq]
                assert answer.message.client_message_id == new["client_message_id"]
                assert answer.message.sender_id == sender.id
        keys = [(one.sender_id, one.client_message_id) for one in stored.values() if one.client_message_id]
        assert len(keys) == len(set(keys))
        public = [seq for seq, one in stored.items() if not one.private]
        asked = [seq for seq in public if stored[seq].sender_type == "customer"]
        staff, customer = await account.see(account.admin, place), await account.see(account.people[owner], place)
        assert (staff.last_seq, staff.unread_count) == (len(stored), len(asked))
        assert (customer.last_seq, customer.unread_count) == (max(public, default=0), len(public) - len(asked))


async def test_nobody_writes_by_the_name_of_somebody_else(account: Any, foreign: Any, desk: Desk) -> None:
    """Beneath the statement: both accounts are named, the conversation is the message's, the sender is not."""
    send = NewMessage(conversation_id=account.conversation, content="Hello")
    for sender in (foreign.agent, foreign.customer, replace(account.stranger, role="agent"), account.viewer):
        outgoing = Outgoing.of(replace(sender, account_id=account.id, role="agent"), send)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="sender_of_the_account"):
            await desk.batches.run(
                [account.id, foreign.id], [(messages.queries.write.sql, {"items": messages.joined([outgoing])})]
            )
    assert (await account.see(account.admin)).last_seq == 0


async def test_an_account_that_is_not_named_does_not_exist(account: Any, foreign: Any, desk: Desk) -> None:
    outgoing = Outgoing.of(account.agent, NewMessage(conversation_id=account.conversation, content="Hello"))
    write = (messages.queries.write.sql, {"items": messages.joined([outgoing])})
    for named in ([], [foreign.id]):
        [[row]] = await desk.batches.run(named, [write])
        assert row["outcome"] == "missing"
