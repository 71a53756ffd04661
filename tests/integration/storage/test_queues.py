"""How long a customer waits, and the position in a queue that follows from it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from hummdesk.core.models import Person
from hummdesk.storage import conversations, moves

Times = tuple[datetime | None, datetime | None]


async def times(account: Any, conversation_id: UUID | None = None) -> Times:
    [row] = await account.execute(
        "SELECT waiting_since, queued_since FROM conversations WHERE account_id = %(account)s AND id = %(id)s",
        id=conversation_id or account.conversation,
    )
    return row[0], row[1]


async def assign(account: Any, agent: Person) -> None:
    async with account.tx() as tx:
        await moves.assign(
            tx, actor=account.admin, conversation_id=account.conversation, agent_id=agent.id, team_id=None
        )


async def unassign(account: Any) -> None:
    async with account.tx() as tx:
        await moves.unassign(tx, actor=account.admin, conversation_id=account.conversation, reason=None)


async def change_status(account: Any, status: conversations.Status) -> None:
    async with account.tx() as tx:
        await conversations.change_status(
            tx, actor=account.admin, conversation_id=account.conversation, status=status, reason=None
        )


async def test_customer_waits_from_the_first_message_without_an_answer(account: Any) -> None:
    assert (await times(account))[0] is None
    first = (await account.send(account.customer)).message.created_at
    await account.send(account.customer)
    assert (await times(account))[0] == first
    await account.send(account.agent, private=True)
    assert (await times(account))[0] == first
    await account.send(account.agent)
    assert (await times(account))[0] is None
    second = (await account.send(account.customer)).message.created_at
    assert (await times(account))[0] == second


async def test_batch_of_messages_counts_from_the_last_answer(account: Any, harness: Any) -> None:
    for senders, waits in (("customer", True), ("customer agent", False), ("agent customer", True), ("agent", False)):
        await harness.at_once(*(harness.send(account, sender) for sender in senders.split()))
        assert ((await times(account))[0] is not None) is waits, senders


async def test_open_conversation_without_an_agent_is_queued(account: Any) -> None:
    assert (await times(account))[1] is not None
    await assign(account, account.agent)
    assert (await times(account))[1] is None
    await unassign(account)
    assert (await times(account))[1] is not None
    await change_status(account, "pending")
    assert (await times(account))[1] is None
    await account.send(account.customer)
    waiting, queued = await times(account)
    assert waiting is not None
    assert queued == waiting


async def test_conversation_returns_to_the_queue_with_its_waiting_time(account: Any) -> None:
    first = (await account.send(account.customer)).message.created_at
    await assign(account, account.agent)
    await account.send(account.customer)
    await unassign(account)
    assert await times(account) == (first, first)


async def test_conversation_reopened_after_an_unanswered_closing_waits_from_the_new_message(account: Any) -> None:
    await account.send(account.customer, "Thanks, bye")
    await change_status(account, "closed")
    assert await times(account) == (None, None)
    again = (await account.send(account.customer, "One more thing")).message.created_at
    assert await times(account) == (again, again)


async def test_pending_conversation_keeps_its_waiting_time(account: Any) -> None:
    first = (await account.send(account.customer)).message.created_at
    await change_status(account, "pending")
    await change_status(account, "open")
    assert await times(account) == (first, first)


async def test_answered_conversation_returns_to_the_end_of_the_queue(account: Any) -> None:
    await account.send(account.customer)
    await assign(account, account.agent)
    answer = (await account.send(account.agent)).message.created_at
    await unassign(account)
    waiting, queued = await times(account)
    assert waiting is None
    assert queued is not None
    assert queued > answer


async def test_conversation_of_a_deleted_user_is_queued(account: Any) -> None:
    await assign(account, account.colleague)
    await account.execute("DELETE FROM users WHERE account_id = %(account)s AND id = %(id)s", id=account.colleague.id)
    assert (await times(account))[1] is not None
