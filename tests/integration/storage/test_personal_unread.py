"""Each agent has an unread count: read by answering or explicitly, put back by a mark."""

import random
from typing import Any
from uuid import UUID

import pytest

from hummdesk.core.errors import NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import Message, Person
from hummdesk.storage import accounts, conversations, reads
from tests.integration.storage.conftest import WriterHarness


async def ask(account: Any, count: int = 1) -> list[Message]:
    return [(await account.send(account.customer)).message for _ in range(count)]


async def counts(account: Any, *names: str) -> tuple[int, ...]:
    return tuple([(await account.see(account.people[name])).unread_count for name in names])


async def read(account: Any, reader: Person, message_id: UUID | None = None) -> reads.ReadMark | None:
    async with account.tx() as tx:
        return await reads.mark_read(tx, reader=reader, conversation_id=account.conversation, message_id=message_id)


async def put_back(account: Any, agent: Person, message_id: UUID | None = None) -> int:
    async with account.tx() as tx:
        unread = await reads.mark_unread(tx, agent=agent, conversation_id=account.conversation, message_id=message_id)
    return unread.count


async def receipts(account: Any) -> dict[UUID, int]:
    async with account.tx() as tx:
        return {one.reader_id: one.seq for one in await reads.positions(tx, conversation_id=account.conversation)}


async def test_unread_counts_of_agents_are_independent(account: Any) -> None:
    await ask(account, 3)
    assert await counts(account, "agent", "colleague", "viewer") == (3, 3, 3)
    mark = await read(account, account.agent)
    assert mark is not None
    assert (mark.is_receipt, mark.unread) == (True, reads.OwnUnread(count=0, last_seq=3))
    assert await counts(account, "agent", "colleague", "viewer") == (0, 3, 0)
    async with account.tx() as tx:
        page, _ = await conversations.page(tx, viewer=account.colleague)
        [shared] = await conversations.all_as_staff(tx, ids=[account.conversation])
    assert {one.id: one.unread_count for one in page}[account.conversation] == 3
    assert shared.unread_count is None
    assert "unreadCount" not in shared.wire()


async def test_reply_marks_what_it_answers_as_read_for_its_agent(account: Any, harness: WriterHarness) -> None:
    await ask(account, 2)
    assert (await harness.send(account, "agent", private=True)).has_read is False
    assert await counts(account, "agent") == (2,)
    reply = await harness.send(account, "agent")
    assert reply.has_read
    assert await counts(account, "agent", "colleague", "viewer") == (0, 2, 0)
    assert await receipts(account) == {account.agent.id: reply.message.seq}
    changes = await account.execute("SELECT type FROM feed_changes WHERE account_id = %(account)s ORDER BY change")
    assert [kind for (kind,) in changes[-2:]] == ["new_message", "message_read"]
    assert (await harness.send(account, "agent")).has_read is False, "nothing has come since"
    await ask(account)
    assert await counts(account, "agent", "colleague", "viewer") == (1, 3, 1)


async def test_automatic_reply_reads_nothing(account: Any) -> None:
    await ask(account)
    sent = await account.send(account.agent, metadata={"automatic": True}, based_on_seq=1)
    assert sent.has_read is False
    assert await counts(account, "agent", "viewer") == (1, 1)
    assert await receipts(account) == {}


async def test_replies_in_one_batch_read_what_precedes_them(account: Any, harness: WriterHarness) -> None:
    people = ("customer", "agent", "customer", "colleague", "agent", "customer")
    await harness.at_once(*(harness.send(account, who) for who in people))
    assert max(harness.transactions) >= 5
    assert await counts(account, "agent", "colleague", "admin", "viewer") == (1, 1, 3, 1)
    assert await receipts(account) == {account.agent.id: 5, account.colleague.id: 4}


async def test_mark_unread_puts_back_the_own_position_and_no_receipt(account: Any) -> None:
    first, *_ = await ask(account, 3)
    await read(account, account.agent)
    await read(account, account.colleague)
    assert await put_back(account, account.agent) == 1
    assert await put_back(account, account.agent, first.id) == 3
    assert await put_back(account, account.agent) == 3, "never forward"
    assert await counts(account, "agent", "colleague", "viewer") == (3, 0, 0)
    assert await receipts(account) == {account.agent.id: 3, account.colleague.id: 3}
    await ask(account)
    assert await counts(account, "agent", "colleague") == (4, 1)


@pytest.mark.parametrize("answers", [True, False])
async def test_mark_as_unread_ends_with_a_reply_or_a_read(account: Any, answers: bool) -> None:
    await ask(account, 2)
    await read(account, account.agent)
    await put_back(account, account.agent)
    if answers:
        assert (await account.send(account.agent)).has_read
    else:
        mark = await read(account, account.agent)
        assert mark is not None
        assert (mark.is_receipt, mark.unread) == (False, reads.OwnUnread(count=0, last_seq=2))
    assert await counts(account, "agent") == (0,)
    await ask(account)
    assert await counts(account, "agent") == (1,)


async def test_read_of_a_part_of_what_was_marked_as_unread(account: Any) -> None:
    asked = await ask(account, 4)
    await read(account, account.agent)
    await put_back(account, account.agent, asked[0].id)
    mark = await read(account, account.agent, asked[1].id)
    assert mark is not None
    assert (mark.is_receipt, mark.unread) == (False, reads.OwnUnread(count=2, last_seq=4))
    assert await counts(account, "agent") == (2,)


async def test_mark_unread_by_an_agent_who_has_read_nothing(account: Any) -> None:
    await ask(account)
    assert await put_back(account, account.agent) == 1
    assert await receipts(account) == {}
    await account.execute("UPDATE users SET unread_since = now() WHERE account_id = %(account)s")
    await read(account, account.colleague)
    assert await counts(account, "agent") == (0,), "older than the agent, and read by staff"
    assert await put_back(account, account.agent) == 1
    assert await receipts(account) == {account.colleague.id: 1}
    kinds = await account.execute(
        "SELECT subject_id FROM feed_changes WHERE account_id = %(account)s AND type = 'message_read'"
    )
    assert kinds == [(account.colleague.id,)], "a mark as unread is no event of the feed"
    assert await read(account, account.agent) is not None
    assert await receipts(account) == {account.agent.id: 1, account.colleague.id: 1}


async def test_mark_unread_without_a_message_of_the_customer_changes_nothing(account: Any) -> None:
    assert await put_back(account, account.agent) == 0
    await account.send(account.colleague)
    assert await put_back(account, account.agent) == 0


async def test_mark_unread_of_an_unknown_message_raises_not_found(account: Any, foreign: Any) -> None:
    elsewhere = (await foreign.send(foreign.customer)).message
    for message_id in (new_id(), elsewhere.id):
        with pytest.raises(NotFound):
            await put_back(account, account.agent, message_id)
    with pytest.raises(NotFound):
        async with account.tx() as tx:
            await reads.mark_unread(tx, agent=account.agent, conversation_id=foreign.conversation, message_id=None)


async def test_messages_from_before_the_agent_are_unread_while_nobody_has_read_them(account: Any) -> None:
    old = await ask(account, 3)
    await read(account, account.colleague, old[1].id)
    await account.execute("UPDATE users SET unread_since = clock_timestamp() WHERE account_id = %(account)s")
    assert await counts(account, "agent", "viewer") == (1, 1)
    await ask(account)
    assert await counts(account, "agent") == (2,)
    await read(account, account.colleague)
    assert await counts(account, "agent", "viewer") == (1, 0), "only what is newer than the agent is personal"


async def test_unread_count_is_that_of_the_last_messages(account: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "UNREAD_WINDOW", 5)
    await ask(account, 8)
    assert await counts(account, "agent") == (5,)
    assert await put_back(account, account.agent) == 5


async def test_only_the_assignee_reads_by_looking_if_the_account_has_set_that(account: Any) -> None:
    async def reads_by_looking(viewer: Person) -> bool:
        async with account.tx() as tx:
            rule = await reads.view(tx, viewer=viewer, conversation_id=account.conversation)
        return rule.applies

    await account.execute(
        "UPDATE conversations SET assigned_to = %(agent)s WHERE account_id = %(account)s", agent=account.agent.id
    )
    assert not await reads_by_looking(account.agent)
    async with account.tx() as tx:
        changed = await accounts.update(tx, account.admin, read_on_view="assignee")
    assert changed.settings()["readOnView"] == "assignee"
    assert await reads_by_looking(account.agent)
    assert not await reads_by_looking(account.colleague)


async def test_counts_equal_a_model_after_random_actions(account: Any, harness: WriterHarness) -> None:
    """The model keeps for each agent the seqs of the customer's messages that are unread."""
    chance, staff = random.Random(17), ("agent", "colleague", "admin")
    stored: list[Message] = []
    unread: dict[str, set[int]] = {name: set() for name in staff}
    for _ in range(60):
        who = chance.choice(staff)
        agent, asked = account.people[who], [one.seq for one in stored if one.sender_type == "customer"]
        match chance.choice(["ask", "ask", "answer", "note", "read", "read up to", "mark", "mark from"]):
            case "ask":
                stored.append((await harness.send(account, "customer")).message)
                for name in staff:
                    unread[name].add(stored[-1].seq)
            case "answer":
                stored.append((await harness.send(account, who)).message)
                unread[who] = set()
            case "note":
                stored.append((await harness.send(account, who, private=True)).message)
            case "read":
                await read(account, agent)
                unread[who] = set()
            case "read up to" if stored:
                message = chance.choice(stored)
                await read(account, agent, message.id)
                unread[who] = {seq for seq in unread[who] if seq > message.seq}
            case "mark" if asked:
                await put_back(account, agent)
                unread[who].add(asked[-1])
            case "mark from" if stored:
                message = chance.choice(stored)
                await put_back(account, agent, message.id)
                unread[who] |= {seq for seq in asked if seq >= message.seq}
        expected = tuple(len(unread[name]) for name in staff)
        assert await counts(account, *staff) == expected
