"""Concurrent changes of one conversation."""

import asyncio
import random
from typing import Any

import pytest

from hummdesk.storage import conversations, messages, moves, reads, teams, users
from hummdesk.storage.database import Transaction


async def test_parallel_sends_get_gapless_seqs_and_ascending_times(account: Any) -> None:
    people = [account.customer, account.agent, account.colleague]
    sent = await asyncio.gather(*(account.send(people[n % 3], str(n)) for n in range(50)))
    async with account.tx() as tx:
        stored, _ = await messages.page(tx, viewer=account.admin, conversation_id=account.conversation, limit=100)
    assert sorted(one.message.seq for one in sent) == list(range(1, 51))
    assert [one.seq for one in stored] == list(range(1, 51))
    times = [one.created_at for one in stored]
    assert times == sorted(times)
    seen = await account.see(account.admin)
    assert (seen.last_seq, seen.unread_count, seen.updated_at) == (50, 17, times[-1])


async def test_parallel_repeated_sends_store_one_message(account: Any) -> None:
    sent = await asyncio.gather(*(account.send(account.customer, str(n), client_message_id="m") for n in range(20)))
    assert sum(one.created for one in sent) == 1
    assert len({one.message.id for one in sent}) == 1
    seen = await account.see(account.admin)
    assert (seen.last_seq, seen.unread_count) == (1, 1)
    assert await account.execute("SELECT count(*) FROM ai_runs WHERE account_id = %(account)s") == [(1,)]


async def test_parallel_repeated_starts_open_one_conversation(account: Any) -> None:
    started = await asyncio.gather(*(account.start(account.customer, client_message_id="c") for _ in range(10)))
    assert len(set(started)) == 1


async def test_two_replies_based_on_the_same_seq_store_one(account: Any) -> None:
    await account.send(account.customer)
    replies = await asyncio.gather(
        account.send(account.agent, based_on_seq=1),
        account.send(account.colleague, based_on_seq=1),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in replies) == ["Conflict", "Sent"]


async def test_parallel_customer_messages_reopen_the_conversation_once(account: Any) -> None:
    async with account.tx() as tx:
        await conversations.change_status(
            tx, actor=account.agent, conversation_id=account.conversation, status="closed", reason=None
        )
    sent = await asyncio.gather(*(account.send(account.customer) for _ in range(5)))
    assert [one.reopened_from for one in sorted(sent, key=lambda one: one.message.seq)] == ["closed"] + [None] * 4


async def test_parallel_status_changes_are_logged_in_order(account: Any) -> None:
    async def change(status: Any) -> None:
        async with account.tx() as tx:
            await conversations.change_status(
                tx, actor=account.agent, conversation_id=account.conversation, status=status, reason=None
            )

    await asyncio.gather(*(change(random.choice(conversations.STATUSES)) for _ in range(30)))
    state = "open"
    for kind, _, details in await account.log():
        if kind == "status_changed":
            assert details["from"] == state
            assert details["to"] != state
            state = details["to"]
    assert (await account.see(account.admin)).status == state


async def test_unread_counts_after_parallel_sends_and_reads_are_correct(account: Any) -> None:
    async def read(reader: Any) -> None:
        async with account.tx() as tx:
            await reads.mark_read(tx, reader=reader, conversation_id=account.conversation, message_id=None)

    people = [account.customer, account.agent, account.colleague]
    work = [account.send(one) for one in people * 8] + [read(one) for one in people * 8]
    random.shuffle(work)
    await asyncio.gather(*work)
    [[expected_staff]] = await account.execute(
        "SELECT count(*) FROM messages WHERE conversation_id = %(conversation)s AND sender_type = 'customer' AND seq > "
        "(SELECT COALESCE(max(seq), 0) FROM message_reads WHERE conversation_id = %(conversation)s "
        " AND reader_type = 'agent')"
    )
    [[expected_customer]] = await account.execute(
        "SELECT count(*) FROM messages WHERE conversation_id = %(conversation)s AND sender_type = 'agent' AND seq > "
        "(SELECT COALESCE(max(seq), 0) FROM message_reads WHERE conversation_id = %(conversation)s "
        " AND reader_type = 'customer')"
    )
    assert (await account.see(account.viewer)).unread_count == expected_staff
    assert (await account.see(account.customer)).unread_count == expected_customer


@pytest.mark.parametrize("readers", [1, 2])
async def test_mark_read_in_two_tabs_at_once_counts_once_for_each_reader(account: Any, readers: int) -> None:
    await account.send(account.customer)
    people = [account.agent, account.colleague][:readers]

    async def read(reader: Any) -> Any:
        async with account.tx() as tx:
            return await reads.mark_read(tx, reader=reader, conversation_id=account.conversation, message_id=None)

    done = await asyncio.gather(*(read(one) for one in people * 5))
    assert len([one for one in done if one is not None]) == readers


async def waits_for(account: Any, tx: Transaction) -> None:
    """Return when another transaction waits for a lock of this one."""
    async with asyncio.timeout(20):
        while not await account.execute(
            "SELECT FROM pg_stat_activity WHERE %(holder)s = ANY (pg_blocking_pids(pid))", holder=tx.info.backend_pid
        ):
            await asyncio.sleep(0.01)


async def change_agent(account: Any, **changes: Any) -> None:
    async with account.tx() as tx:
        await users.update(tx, None, account.agent.id, users.UserChanges(**changes))


async def test_disabling_an_agent_waits_for_a_move_to_the_team_before_it_locks_conversations(account: Any) -> None:
    about = {"actor": account.admin, "conversation_id": account.conversation}
    async with account.tx() as tx:
        await moves.assign(tx, **about, agent_id=account.agent.id, team_id=account.team)
    async with account.tx() as tx:
        await moves.lock_candidates(tx, agent_id=None, team_id=account.team)
        disabling = asyncio.create_task(change_agent(account, active=False))
        await waits_for(account, tx)
        await moves.assign(tx, **about, agent_id=None, team_id=account.team)
    await disabling
    seen = await account.see(account.admin)
    assert (seen.assigned_to, seen.assigned_team) == (None, account.team)


async def test_agent_who_leaves_a_team_waits_for_a_change_of_the_team_before_the_membership_is_removed(
    account: Any,
) -> None:
    async with account.tx() as tx:
        await teams.locked(tx, account.team)
        leaving = asyncio.create_task(change_agent(account, team_ids=[]))
        await waits_for(account, tx)
        await teams.update(tx, None, account.team, member_ids=[account.colleague.id])
    await leaving
    async with account.tx() as tx:
        assert (await teams.get(tx, account.team)).member_ids == (account.colleague.id,)
