from typing import Any
from uuid import UUID

import pytest

from hummdesk.core.errors import NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage import reads


async def read(account: Any, reader: Person, message_id: UUID | None = None) -> reads.ReadMark | None:
    async with account.tx() as tx:
        return await reads.mark_read(tx, reader=reader, conversation_id=account.conversation, message_id=message_id)


async def unread(account: Any) -> tuple[int, int]:
    """The unread counts of staff and of the customer."""
    return (await account.see(account.viewer)).unread_count, (await account.see(account.customer)).unread_count


async def test_messages_of_the_other_side_are_unread(account: Any) -> None:
    assert await unread(account) == (0, 0)
    await account.send(account.customer)
    await account.send(account.customer)
    assert await unread(account) == (2, 0)
    await account.send(account.agent, private=True)
    assert await unread(account) == (2, 0)
    await account.send(account.agent)
    assert await unread(account) == (0, 1), "staff has answered"


async def test_mark_read_without_message_reads_all(account: Any) -> None:
    asked = (await account.send(account.customer)).message
    done = await read(account, account.agent)
    assert done is not None
    assert (done.message_id, done.seq) == (asked.id, 1)
    last = (await account.send(account.agent)).message
    assert await unread(account) == (0, 1)
    done = await read(account, account.customer)
    assert done is not None
    assert (done.message_id, done.seq) == (last.id, 2)
    assert await unread(account) == (0, 0)


async def test_read_positions_of_each_reader(account: Any) -> None:
    await account.send(account.customer)
    await read(account, account.agent)
    await account.send(account.agent)
    await read(account, account.customer)
    async with account.tx() as tx:
        found = await reads.positions(tx, conversation_id=account.conversation)
    seqs = {(receipt.reader_id, receipt.reader_type): receipt.seq for receipt in found}
    assert seqs == {(account.agent.id, "agent"): 1, (account.customer.id, "customer"): 2}


async def test_mark_read_up_to_a_message(account: Any) -> None:
    sent = [(await account.send(account.customer)).message for _ in range(4)]
    done = await read(account, account.agent, sent[1].id)
    assert done is not None
    assert (done.message_id, done.seq) == (sent[1].id, 2)
    assert await unread(account) == (2, 0)
    assert await read(account, account.agent, sent[0].id) is None
    assert await unread(account) == (2, 0)


async def test_unread_count_of_staff_follows_the_highest_position(account: Any) -> None:
    sent = [(await account.send(account.customer)).message for _ in range(4)]
    await read(account, account.agent, sent[2].id)
    assert await unread(account) == (1, 0)
    assert await read(account, account.colleague, sent[1].id) is not None  # news of this reader, not for the count
    assert await unread(account) == (1, 0)
    await read(account, account.colleague)
    assert await unread(account) == (0, 0)


async def test_mark_read_without_unread_messages_returns_none(account: Any) -> None:
    assert await read(account, account.agent) is None
    await account.send(account.agent)
    assert await read(account, account.agent) is None  # its own
    await account.send(account.customer)
    assert await read(account, account.agent) is not None
    assert await read(account, account.agent) is None
    await account.send(account.agent)
    assert await read(account, account.agent) is None


async def test_mark_read_of_note_reads_the_public_message_before_it(account: Any) -> None:
    question = (await account.send(account.customer)).message
    note = (await account.send(account.colleague, private=True)).message
    done = await read(account, account.agent, note.id)
    assert done is not None
    assert (done.message_id, done.seq) == (question.id, 1)
    assert await read(account, account.agent) is None


async def test_mark_read_of_note_before_all_messages_returns_none(account: Any) -> None:
    note = (await account.send(account.colleague, private=True)).message
    assert await read(account, account.agent, note.id) is None


async def test_mark_read_is_no_activity(account: Any) -> None:
    await account.send(account.customer)
    before = await account.see(account.agent)
    await read(account, account.agent)
    assert (await account.see(account.agent)).updated_at == before.updated_at


async def test_mark_read_of_invisible_message_raises_not_found(account: Any, foreign: Any) -> None:
    await account.send(account.customer)
    note = (await account.send(account.agent, private=True)).message
    elsewhere = (await foreign.send(foreign.customer)).message
    for reader, message_id in (
        (account.agent, new_id()),
        (account.agent, elsewhere.id),
        (account.customer, note.id),
        (account.stranger, note.id),
    ):
        with pytest.raises(NotFound):
            await read(account, reader, message_id)
    assert await unread(account) == (1, 0)


async def test_read_positions_have_one_row_per_reader(account: Any) -> None:
    for _ in range(3):
        await account.send(account.customer)
        await read(account, account.agent)
    marks = await account.execute("SELECT reader_id, seq FROM message_reads WHERE account_id = %(account)s")
    assert marks == [(account.agent.id, 3)]
