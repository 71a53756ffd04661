"""Messages sent at the same time are stored by one statement, and fail independently."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hummdesk.core import background
from hummdesk.core.errors import Conflict, Invalid, NotFound
from hummdesk.storage import conversations, message_writer, messages
from hummdesk.storage.database import Database
from hummdesk.storage.messages import NewMessage, Outgoing, Sent
from hummdesk.storage.role import RoleConnection
from hummdesk.storage.writer_connection import WriterConnection, WritingConnection
from tests.integration.storage.conftest import Account, WriterHarness, outbox_entries, the_only_account

MESSAGES_READ = "SELECT idx_tup_fetch + seq_tup_read AS read FROM pg_stat_xact_user_tables WHERE relname = 'messages'"
MANY_MESSAGES = """
WITH stored AS (
    INSERT INTO messages (
        account_id, id, conversation_id, seq, sender_id, sender_type, sender_name, content, content_type
    )
    SELECT account_id, gen_random_uuid(), id, last_seq + number, contact_id, 'customer', 'Customer', 'Hello', 'text'
    FROM conversations, generate_series(1, 1000) AS number
)
UPDATE conversations
SET last_seq = last_seq + 1000, last_public_seq = last_public_seq + 1000
RETURNING 1
"""


@pytest.fixture
def new_account(app: Database, database_url: str) -> Callable[[], Awaitable[Account]]:
    return lambda: Account(database_url, app).make()


async def test_single_send_is_committed_at_once_with_everything_that_follows(
    account: Any, harness: WriterHarness
) -> None:
    sent = await harness.send(account, "customer", client_message_id="m", metadata={"a": [1, None, {"b": "ü"}]})
    async with account.tx() as tx:
        [kept], _ = await messages.page(tx, viewer=account.customer, conversation_id=account.conversation)
    assert (kept, sent.created, kept.seq) == (sent.message, True, 1)
    assert harness.transactions == [1]
    seen = await account.see(account.agent)
    assert (seen.last_seq, seen.unread_count, seen.updated_at) == (1, 1, kept.created_at)
    assert await outbox_entries(account) == [(kept.id, account.conversation, 1, None)]
    jobs = await account.execute("SELECT message_id, kind, status FROM ai_runs WHERE account_id = %(account)s")
    assert jobs == [(kept.id, "classification", "pending")]


async def test_sends_during_a_transaction_share_the_next_one(account: Any, harness: WriterHarness) -> None:
    first = asyncio.create_task(harness.send(account, "customer", "0"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    people = ("customer", "agent", "colleague")
    sent = await asyncio.gather(first, *(harness.send(account, people[n % 3], str(n)) for n in range(1, 60)))
    assert harness.transactions == [1, 59]
    assert [one.message.seq for one in sent] == list(range(1, 61)), "in the order of the calls"
    assert [one.has_pending_predecessor for one in sent] == [False] + [True] * 59
    async with account.tx() as tx:
        stored, _ = await messages.page(tx, viewer=account.admin, conversation_id=account.conversation, limit=100)
    assert [(one.content, one.sender_type) for one in stored] == [
        (str(n), "agent" if n % 3 else "customer") for n in range(60)
    ]
    seen = await account.see(account.admin)
    assert (seen.last_seq, seen.unread_count, seen.updated_at) == (60, 20, stored[-1].created_at)


async def test_batch_of_ten_accounts_stores_each_in_its_account(harness: WriterHarness, new_account: Any) -> None:
    accounts = [await new_account() for _ in range(10)]
    sends = [harness.send(one, who, f"{one.id} {who}") for who in ("customer", "agent") for one in accounts]
    sent = await asyncio.gather(*sends)
    assert harness.transactions == [20]
    assert [one.message.seq for one in sent] == [1] * 10 + [2] * 10
    for one in accounts:
        async with one.tx() as tx:
            kept, _ = await messages.page(tx, viewer=one.admin, conversation_id=one.conversation)
        assert [message.content for message in kept] == [f"{one.id} customer", f"{one.id} agent"]
        assert (await one.see(one.admin)).unread_count == 1
        assert len(await outbox_entries(one)) == 2
        assert await one.execute("SELECT count(*) FROM ai_runs WHERE account_id = %(account)s") == [(1,)]


async def test_batch_of_ten_sends_returns_each_its_own_result(
    account: Any, foreign: Any, harness: WriterHarness
) -> None:
    first = await harness.send(account, "customer", "First", client_message_id="m")
    await harness.send(account, "colleague", "Answer")
    harness.transactions.clear()
    conversation = {"conversation_id": account.conversation}
    answers = await harness.at_once(
        harness.send(account, "customer"),
        harness.send(account, "stranger"),
        harness.send(foreign, "admin", **conversation),
        harness.send(foreign, "customer", **conversation),
        harness.send(account, "customer", "Again", client_message_id="m"),
        harness.send(account, "agent", based_on_seq=1),
        harness.send(account, "agent", conversation_id=foreign.conversation),
        harness.send(account, "agent", "half \ud800"),
        harness.send(foreign, "customer"),
        harness.send(account, "agent", based_on_seq=9),
    )
    kinds = [type(one).__name__ for one in answers]
    missing = "NotFound"
    assert kinds == ["Sent", *[missing] * 3, "Sent", "Conflict", missing, "Invalid", "Sent", "Sent"]
    assert harness.transactions == [9, 1], "a message with based_on_seq waits for those before it"
    assert (answers[4].message, answers[4].created) == (first.message, False)
    assert answers[5].details["missed"][0]["seq"] == 2
    assert (answers[0].message.seq, answers[8].message.seq, answers[9].message.seq) == (3, 1, 4)
    assert (await account.see(account.admin)).last_seq == 4


@pytest.mark.parametrize("poison", [{"metadata": {"a": "\0"}}, {"content": ""}, {"content_type": "other"}], ids=repr)
async def test_send_that_cannot_be_stored_fails_alone(
    account: Any, foreign: Any, harness: WriterHarness, poison: Any
) -> None:
    sends = [harness.send(account, "customer", str(n)) for n in range(7)]
    sends.insert(4, harness.send(account, "customer", **poison))
    sends.append(harness.send(foreign, "customer"))
    answers = await harness.at_once(*sends)
    failed = answers.pop(4)
    assert isinstance(failed, Invalid | psycopg.IntegrityError)
    assert [one.message.seq for one in answers] == [*range(1, 8), 1]
    assert (await account.see(account.admin)).last_seq == 7


async def test_repeated_sends_within_a_batch_store_one_message(account: Any, harness: WriterHarness) -> None:
    answers = await asyncio.gather(
        *(harness.send(account, "customer", str(n), client_message_id="m") for n in range(20)),
        harness.send(account, "agent", client_message_id="m"),
    )
    assert len({one.message.id for one in answers}) == 2
    assert [one.created for one in answers] == [True] + [False] * 19 + [True]
    assert (await account.see(account.admin)).last_seq == 2


async def test_two_replies_based_on_the_same_seq_store_one(account: Any, harness: WriterHarness) -> None:
    await harness.send(account, "customer")
    first, second = await harness.at_once(
        harness.send(account, "agent", "Mine", based_on_seq=1),
        harness.send(account, "colleague", "Mine", based_on_seq=1),
    )
    assert (first.message.seq, type(second)) == (2, Conflict)
    assert [one["seq"] for one in second.details["missed"]] == [2]


async def test_batch_reopens_a_conversation_once_and_logs_it(account: Any, harness: WriterHarness) -> None:
    async with account.tx() as tx:
        await conversations.change_status(
            tx, actor=account.agent, conversation_id=account.conversation, status="closed", reason=None
        )
    sends = [harness.send(account, who) for who in ("agent", "customer", "customer")]
    sent = await asyncio.gather(*sends)
    assert [one.reopened_from for one in sent] == [None, "closed", None]
    assert [row[3] for row in await outbox_entries(account) if row[2] > 0] == [None, "closed", None]
    changes = [entry for entry in await account.log() if entry[0] == "status_changed"]
    expected = {"from": "closed", "to": "open", "messageId": str(sent[1].message.id), "queued": True}
    assert changes[-1] == ("status_changed", "customer", expected)
    assert len(changes) == 2
    assert (await account.see(account.admin)).status == "open"


async def test_two_writers_share_conversations_without_gaps(
    account: Any, harness: WriterHarness, elsewhere: WriterHarness
) -> None:
    second = await account.start(account.customer)
    places = (account.conversation, second)
    people = ("customer", "agent", "colleague")

    async def talk(place: WriterHarness, who: str, conversation: UUID) -> list[Sent]:
        return [await place.send(account, who, conversation_id=conversation) for _ in range(15)]

    talks = await asyncio.gather(*(talk(at, who, to) for at in (harness, elsewhere) for who in people for to in places))
    for conversation in places:
        sent = [one.message for said in talks for one in said if one.message.conversation_id == conversation]
        assert sorted(one.seq for one in sent) == list(range(1, 91))
        times = [one.created_at for one in sorted(sent, key=lambda one: one.seq)]
        assert times == sorted(times)
    for said in talks:
        seqs = [one.message.seq for one in said]
        assert seqs == sorted(seqs), "each sender's own order"


SEND = st.tuples(
    st.sampled_from(["customer", "stranger", "agent", "colleague"]),
    st.sampled_from([0, 1]),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from([None, None, 0, 1, 3]),
    st.booleans(),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sends=st.lists(SEND, min_size=1, max_size=25))
async def test_batch_has_the_same_result_as_single_sends(new_account: Any, harness: WriterHarness, sends: Any) -> None:
    account = await new_account()
    places = (account.conversation, await account.start(account.stranger))
    made = []
    for who, place, client_id, base, private in sends:
        new = {"conversation_id": places[place], "client_message_id": client_id, "based_on_seq": base}
        made.append((who, new | {"private": private and who != "customer" and who != "stranger"}))
    answers = await harness.at_once(*(harness.send(account, who, **new) for who, new in made))
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


async def test_send_with_sender_of_another_account_is_refused(
    account: Any, foreign: Any, harness: WriterHarness
) -> None:
    """Refused by the policies: both accounts are named, the conversation is right, the sender is not."""
    send = NewMessage(conversation_id=account.conversation, content="Hello")
    for sender in (foreign.agent, foreign.customer, replace(account.stranger, role="agent"), account.viewer):
        outgoing = Outgoing.of(replace(sender, account_id=account.id, role="agent"), send)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="sender_of_the_account"):
            await harness.batches.run(
                [account.id, foreign.id], [(messages.queries.write.sql, {"items": messages.recordset([outgoing])})]
            )
    assert (await account.see(account.admin)).last_seq == 0


async def test_write_to_account_that_is_not_named_is_missing(
    account: Any, foreign: Any, harness: WriterHarness
) -> None:
    outgoing = Outgoing.of(account.agent, NewMessage(conversation_id=account.conversation, content="Hello"))
    write = (messages.queries.write.sql, {"items": messages.recordset([outgoing])})
    for named in ([], [foreign.id]):
        [[row]] = await harness.batches.run(named, [write])
        assert row["outcome"] == "missing"


async def test_statements_of_a_batch_are_sent_together(
    account: Any, harness: WriterHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """psycopg's own pipeline waits for the socket twice for each of the five statements."""
    sent = await harness.send(account, "customer")  # prepares the statements
    waits = 0

    def counted(steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        nonlocal waits
        ready = None
        try:
            while True:
                wanted = steps.send(ready)
                waits += 1
                ready = yield wanted
        except StopIteration as end:
            return end.value

    async def wait(connection: RoleConnection, steps: Any, *interval: float) -> Any:
        return await psycopg.AsyncConnection.wait(connection, counted(steps), *interval)

    monkeypatch.setattr(RoleConnection, "wait", wait)
    harness.published = [(account.id, sent.message.id)]
    await harness.send(account, "customer")
    assert 1 <= waits <= 4


async def test_writer_plans_again_after_its_tables_have_grown(
    fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planned without messages, the search for a repeated message reads all messages of the conversation."""
    monkeypatch.setattr(WritingConnection, "plan_seconds", 0)
    async with the_only_account(fresh_database_url) as account:
        writer = WriterConnection(account.url, timeout=20)
        await writer.open()

        async def messages_read_by_a_send() -> int:
            message = NewMessage(conversation_id=account.conversation, content="One more")
            items = messages.recordset([Outgoing.of(account.customer, message)])
            steps = [(MESSAGES_READ, {}), (messages.queries.write.sql, {"items": items}), (MESSAGES_READ, {})]
            [[before], [stored], [after]] = await writer.run([account.id], steps)
            assert stored["outcome"] == "stored"
            return int(after["read"] - before["read"])

        await messages_read_by_a_send()
        await account.execute(MANY_MESSAGES)
        assert await messages_read_by_a_send() < 10
        await writer.close()


async def test_words_of_new_messages_are_merged_into_the_index_by_another_connection(
    account: Any, harness: WriterHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_writer, "MERGE_BYTES", 1)
    await harness.send(account, "customer", "A lighthouse")
    await background.drain()
    assert await account.execute("SELECT gin_clean_pending_list('messages_words')") == [(0,)]


async def test_merges_of_words_run_one_at_a_time(
    account: Any, harness: WriterHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = messages.queries.merge_pending_words
    may_end = asyncio.Event()
    merges: list[int] = []

    async def merge_later(tx: RoleConnection) -> None:
        merges.append(len(merges))
        await may_end.wait()
        await merge(tx)

    monkeypatch.setattr(message_writer, "MERGE_BYTES", 1)
    monkeypatch.setattr(messages.queries, "merge_pending_words", merge_later)
    for number in range(3):
        await harness.send(account, "customer", f"Lighthouse {number}")
    async with asyncio.timeout(15):
        while not merges:
            await asyncio.sleep(0)
    await harness.send(account, "customer", "Harbour")
    assert merges == [0]
    may_end.set()
    await background.drain()
    assert merges == [0, 1], "the second one merges the words of all messages stored meanwhile"
    assert await account.execute("SELECT gin_clean_pending_list('messages_words')") == [(0,)]
