"""Queues and moves: who may have a conversation, what each move publishes and to whom, and its activity lines."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from hummdesk.core.config import Settings
from hummdesk.core.ids import SYSTEM_ID, new_id
from hummdesk.core.models import Conversation
from hummdesk.relay.receipt_stores import OutboxReceipts
from hummdesk.server.actions import conversations as actions
from hummdesk.server.actions.changes import publish_moved
from hummdesk.server.node import Node
from hummdesk.storage import moves, outbox, teams, users
from hummdesk.storage.database import Database
from tests.integration.server.accounts import Account, Client

MOVES = ("conversation_assigned", "conversation_unassigned", "conversation_queued", "conversation_activity")


def of(account: Account) -> dict[str, Any]:
    return {"conversationId": str(account.conversation)}


def id_of(account: Account, name: str) -> str:
    return str(account.people[name].id)


async def error_of(client: Client, request: str, payload: dict[str, Any]) -> dict[str, Any]:
    answer = await client.ask(request, payload)
    assert not answer["ok"], answer
    error: dict[str, Any] = answer["error"]
    return error


async def moves_received(client: Client) -> list[tuple[str, Any]]:
    """The moves that a client has received before a message that is sent now."""
    await client.receives("new_message", content="marker")
    found = [(name, payload) for name, payload in client.received if name in MOVES]
    client.forget()
    return found


async def mark(account: Account) -> None:
    """Send a message that follows all moves so far."""
    customer = await account.connect("customer")
    await customer.do("send_message", of(account) | {"content": "marker"})


async def log_of(account: Account) -> list[tuple[str, dict[str, Any]]]:
    return await account.execute(
        "SELECT kind, details FROM conversation_events WHERE account_id = %(account)s AND conversation_id = %(id)s "
        "ORDER BY created_at, id",
        id=account.conversation,
    )


async def queued_since(account: Account) -> Any:
    [(moment,)] = await account.execute(
        "SELECT queued_since FROM conversations WHERE account_id = %(account)s AND id = %(id)s", id=account.conversation
    )
    return moment


@pytest.fixture
async def second_team(account: Account) -> UUID:
    """A team of the colleague only."""
    team = new_id()
    await account.execute(
        "INSERT INTO teams (account_id, id, name) VALUES (%(account)s, %(team)s, 'Billing')", team=team
    )
    await account.execute(
        "INSERT INTO team_members (account_id, team_id, user_id) VALUES (%(account)s, %(team)s, %(user)s)",
        team=team,
        user=account.people["colleague"].id,
    )
    return team


async def test_claim_and_release_are_received_by_each_side_in_its_form(account: Account) -> None:
    customer, admin = await account.connect("customer", joins=True), await account.connect("admin", joins=True)
    viewer, agent = await account.connect("viewer"), await account.connect("agent")
    claimed = await agent.do("claim_conversation", of(account))
    assert (claimed["assignedTo"], claimed["reason"]) == (id_of(account, "agent"), {"rule": "claim"})
    assert await agent.do("claim_conversation", of(account)) == {
        name: value for name, value in claimed.items() if name != "reason"
    }
    released = await agent.do("release_conversation", of(account))
    assert (released["unassignedFrom"], released["rule"]) == (id_of(account, "agent"), "release")
    await mark(account)
    names = ["conversation_assigned", "conversation_activity", "conversation_unassigned", "conversation_queued"]
    seen = await moves_received(admin)
    assert [name for name, _ in seen] == [*names, "conversation_activity"]
    lines = [payload for name, payload in seen if name == "conversation_activity"]
    assert [(line["kind"], line["rule"], line["actorName"]) for line in lines] == [
        ("assigned", "claim", "Agent"),
        ("unassigned", "release", "Agent"),
    ]
    shown = await moves_received(customer)
    assert [name for name, _ in shown] == names
    line = shown[1][1]
    assert set(line) == {"conversationId", "timestamp", "activityId", "kind", "assignedTo", "assignedToName"}
    assert (line["kind"], line["assignedToName"]) == ("assigned", "Agent")
    assert [name for name, _ in await moves_received(viewer)] == [names[0], names[2], names[3]]
    for client, activity in ((admin, lines), (customer, [line])):
        assert (await client.do("join_conversation", of(account)))["activity"] == activity


async def test_two_claims_at_once_have_one_winner(account: Account, second_url: str) -> None:
    first = await account.connect("agent")
    second = await account.connect("colleague", url=second_url)
    for _ in range(20):
        answers = await asyncio.gather(*(one.ask("claim_conversation", of(account)) for one in (first, second)))
        won, lost = answers if answers[0]["ok"] else answers[::-1]
        assert won["ok"]
        assert (lost["error"]["code"], lost["error"]["details"]) == ("CONFLICT", {"assignedTo": won["assignedTo"]})
        winner = first if won["assignedTo"] == id_of(account, "agent") else second
        await winner.do("release_conversation", of(account))
    assert [kind for kind, _ in await log_of(account)] == ["assigned", "unassigned"] * 20


async def test_claim_of_a_closed_conversation_is_a_conflict(account: Account) -> None:
    agent = await account.connect("agent")
    await agent.do("update_conversation_status", of(account) | {"status": "closed"})
    error = await error_of(agent, "claim_conversation", of(account))
    assert (error["code"], error["details"]) == ("CONFLICT", {"status": "closed"})
    await agent.do("update_conversation_status", of(account) | {"status": "pending"})
    await agent.do("claim_conversation", of(account))


async def test_release_is_for_the_assigned_agent_and_admins(account: Account) -> None:
    agent, colleague = await account.connect("agent"), await account.connect("colleague")
    admin = await account.connect("admin")
    assert await agent.refused("release_conversation", of(account)) == "CONFLICT"
    await agent.do("claim_conversation", of(account))
    assert await colleague.refused("release_conversation", of(account)) == "FORBIDDEN"
    await admin.do("release_conversation", of(account))
    assert await agent.refused("release_conversation", of(account)) == "CONFLICT"


async def test_waiting_time_and_team_survive_a_cycle_of_moves(account: Account, second_team: UUID) -> None:
    customer = await account.connect("customer", joins=True)
    agent, colleague = await account.connect("agent"), await account.connect("colleague")
    await customer.do("send_message", of(account) | {"content": "Help"})
    [(waiting_since,)] = await account.execute(
        "SELECT waiting_since FROM conversations WHERE account_id = %(account)s AND id = %(id)s",
        id=account.conversation,
    )
    for _ in range(3):
        await agent.do("assign_conversation", of(account) | {"teamId": str(second_team)})
        await colleague.do("claim_conversation", of(account))
        await colleague.do("assign_conversation", of(account) | {"teamId": str(account.team)})
        await agent.do("claim_conversation", of(account))
    await agent.do("release_conversation", of(account))
    assert await queued_since(account) == waiting_since
    joined = await agent.do("join_conversation", of(account))
    assert joined["conversation"]["assignedTeam"] == str(account.team)
    assert len(joined["activity"]) == 13


async def test_conversation_moved_to_a_team_waits_in_its_queue(account: Account, second_team: UUID) -> None:
    customer, admin = await account.connect("customer", joins=True), await account.connect("admin", joins=True)
    agent, colleague = await account.connect("agent"), await account.connect("colleague")
    moved = await admin.do("assign_conversation", of(account) | {"teamId": str(account.team)})
    assert (moved["assignedTeam"], "assignedTo" in moved) == (str(account.team), False)
    assert await admin.do("assign_conversation", of(account) | {"teamId": str(account.team)}) == moved
    await agent.do("claim_conversation", of(account))
    await agent.do("assign_conversation", of(account) | {"teamId": str(second_team)})
    await mark(account)
    seen = await moves_received(admin)
    assert [name for name, _ in seen] == [
        *("conversation_queued", "conversation_activity"),
        *("conversation_assigned", "conversation_activity"),
        *("conversation_unassigned", "conversation_queued", "conversation_activity"),
    ]
    queues = [payload["teamId"] for name, payload in seen if name == "conversation_queued"]
    assert queues == [str(account.team), str(second_team)]
    last = seen[-1][1]
    assert (last["kind"], last["rule"], last["teamName"], last["fromTeamName"], last["fromAgentName"]) == (
        *("unassigned", "transfer", "Billing"),
        *("Team", "Agent"),
    )
    shown = await moves_received(customer)
    assert [name for name, _ in shown].count("conversation_queued") == 2
    assert not {"teamId", "teamName", "rule", "fromTeamName"} & {key for _, payload in shown for key in payload}
    found = await colleague.do("list_conversations", {"teamId": str(second_team), "unassigned": True})
    assert [one["conversationId"] for one in found["conversations"]] == [str(account.conversation)]


async def test_agent_and_team_that_do_not_belong_together_are_refused(account: Account, second_team: UUID) -> None:
    agent = await account.connect("agent")
    empty = new_id()
    await account.execute(
        "INSERT INTO teams (account_id, id, name) VALUES (%(account)s, %(team)s, 'Empty')", team=empty
    )
    for payload, details in (
        ({"agentId": id_of(account, "agent"), "teamId": str(second_team)}, {"agentId": ["Not a member of the team."]}),
        ({"teamId": str(empty)}, {"teamId": ["No active agent or admin is a member of the team."]}),
        ({}, {"agentId": ["Give an agent, a team or both."]}),
    ):
        error = await error_of(agent, "assign_conversation", of(account) | payload)
        assert (error["code"], error["details"]) == ("VALIDATION_ERROR", details)
    await account.execute("UPDATE teams SET active = false WHERE id = %(team)s", team=second_team)
    assert await agent.refused("assign_conversation", of(account) | {"teamId": str(second_team)}) == "NOT_FOUND"
    assert await log_of(account) == []


async def test_transfer_with_a_note_stores_both_or_neither(account: Account, second_team: UUID) -> None:
    customer, colleague = await account.connect("customer", joins=True), await account.connect("colleague", joins=True)
    agent = await account.connect("agent")
    await agent.do("claim_conversation", of(account))
    note = {"note": "Asks for a refund"}
    whom = {"agentId": id_of(account, "colleague"), "teamId": str(second_team)}
    moved = await agent.do("assign_conversation", of(account) | whom | note)
    received = await colleague.receives("new_message")
    assert (received["private"], received["content"], received["senderName"]) == (True, "Asks for a refund", "Agent")
    assert moved["reason"] == {"rule": "transfer", "note": received["messageId"]}
    assert (await colleague.receives("conversation_activity", rule="transfer"))["noteId"] == received["messageId"]
    wrong = {"agentId": id_of(account, "agent"), "teamId": str(second_team)}
    assert await agent.refused("assign_conversation", of(account) | wrong | note) == "VALIDATION_ERROR"
    await account.execute("UPDATE conversations SET erased_at = now() WHERE account_id = %(account)s")
    assert await agent.refused("assign_conversation", of(account) | {"teamId": str(account.team)} | note) == "FORBIDDEN"
    assert [kind for kind, _ in await log_of(account)] == ["assigned", "assigned"]
    assert await account.execute("SELECT count(*) FROM messages WHERE account_id = %(account)s") == [(1,)]
    assert "new_message" not in customer.names()


async def test_conversation_enters_a_queue_when_it_begins_or_is_reopened(account: Account) -> None:
    customer, agent = await account.connect("customer", joins=True), await account.connect("agent")
    started = await customer.do("start_conversation", {"content": "New"})
    await agent.receives("conversation_queued", conversationId=started["conversation"]["conversationId"])
    await agent.do("assign_conversation", of(account) | {"teamId": str(account.team)})
    await agent.receives("conversation_queued", teamId=str(account.team))
    await agent.do("update_conversation_status", of(account) | {"status": "closed"})
    await customer.do("send_message", of(account) | {"content": "Again"})
    await agent.receives("conversation_queued", teamId=str(account.team))
    await agent.do("update_conversation_status", of(account) | {"status": "pending"})
    await agent.do("update_conversation_status", of(account) | {"status": "open"})
    await agent.receives("conversation_queued", teamId=str(account.team))
    assert "teamId" not in await customer.receives("conversation_queued")
    await agent.do("claim_conversation", of(account))
    await agent.receives("conversation_assigned")
    await agent.do("update_conversation_status", of(account) | {"status": "closed"})
    agent.forget()
    await customer.do("send_message", of(account) | {"content": "And again"})
    await agent.receives("conversation_status_changed", newStatus="open")
    await mark(account)
    assert await moves_received(agent) == []


@pytest.fixture
async def relay(node: Node, web_settings: Settings) -> AsyncIterator[OutboxReceipts]:
    database = Database(web_settings.postgres, role="hummdesk_relay", size=1, timeout=20)
    await database.open()
    yield OutboxReceipts(database, node.context.database, node.context.publisher)
    await database.close()


@pytest.mark.parametrize("how", ["claim", "release", "transfer", "deleted"])
async def test_move_of_a_process_that_died_is_published_once(
    account: Account, node: Node, relay: OutboxReceipts, second_team: UUID, how: str
) -> None:
    admin = await account.connect("admin", joins=True)
    agent, colleague = account.people["agent"], account.people["colleague"]
    if how != "claim":
        await admin.do("assign_conversation", of(account) | {"agentId": str(agent.id), "teamId": str(account.team)})
        await admin.receives("conversation_updated", assignedTo=str(agent.id))
    await account.execute("DELETE FROM outbox WHERE account_id = %(account)s")
    admin.forget()
    about: dict[str, Any] = {"actor": agent, "conversation_id": account.conversation}
    async with node.context.database.account(account.id) as tx:
        if how == "claim":
            await moves.claim(tx, **about)
        elif how == "release":
            await moves.release(tx, **about)
        elif how == "transfer":
            await moves.assign(tx, **about, agent_id=colleague.id, team_id=second_team)
    if how == "deleted":
        await account.execute("DELETE FROM users WHERE account_id = %(account)s AND id = %(id)s", id=agent.id)
    [(entry_id, seq)] = await account.execute("SELECT id, seq FROM outbox WHERE account_id = %(account)s")
    assert seq == outbox.LOGGED_CHANGE
    entry = outbox.OutboxEntry(
        account_id=account.id, id=entry_id, conversation_id=account.conversation, seq=seq, reopened_from=None
    )
    for _ in range(2):  # as if the relay died before it removed the entry
        await relay.republish(entry)
    await mark(account)
    received = await moves_received(admin)
    if how in ("claim", "transfer"):
        assert [name for name, _ in received] == ["conversation_assigned", "conversation_activity"]
        assert received[0][1]["reason"] == {"rule": how}
        return
    assert [name for name, _ in received] == ["conversation_unassigned", "conversation_queued", "conversation_activity"]
    by = SYSTEM_ID if how == "deleted" else agent.id
    assert (received[0][1]["unassignedBy"], received[1][1]["teamId"]) == (str(by), str(account.team))


@pytest.mark.parametrize("how", ["created", "released"])
async def test_conversation_assigned_before_the_relay_publishes_its_queue_is_not_queued_again(
    account: Account, node: Node, relay: OutboxReceipts, how: str
) -> None:
    """A process commits and dies; another one assigns the conversation and publishes that at once."""
    customer, colleague = await account.connect("customer", joins=True), await account.connect("colleague", joins=True)
    agent = account.people["agent"]
    entry_id, seq = account.conversation, outbox.NEW_CONVERSATION
    if how == "released":
        async with node.context.database.account(account.id) as tx:
            await moves.claim(tx, actor=agent, conversation_id=account.conversation)
            released = await moves.release(tx, actor=agent, conversation_id=account.conversation)
        entry_id, seq = released.id, outbox.LOGGED_CHANGE
    await colleague.do("claim_conversation", of(account))
    await colleague.receives("conversation_assigned", assignedTo=id_of(account, "colleague"))
    await relay.republish(
        outbox.OutboxEntry(
            account_id=account.id, id=entry_id, conversation_id=account.conversation, seq=seq, reopened_from=None
        )
    )
    await mark(account)
    for client in (customer, colleague):
        assert "conversation_queued" not in [name for name, _ in await moves_received(client)]


@pytest.mark.parametrize("how", ["disabled", "emptied"])
async def test_queue_of_a_team_in_which_nobody_is_left_goes_to_the_account(
    account: Account, node: Node, second_team: UUID, how: str
) -> None:
    admin = await account.connect("admin", joins=True)
    await admin.do("assign_conversation", of(account) | {"teamId": str(second_team)})
    await admin.receives("conversation_queued", teamId=str(second_team))
    since = await queued_since(account)
    actor = account.people["admin"]
    async with node.context.database.account(account.id) as tx:
        if how == "disabled":
            _, moved = await teams.update(tx, actor, second_team, active=False)
        else:
            changes = users.UserChanges(role="viewer")
            _, moved = await users.update(tx, actor, account.people["colleague"].id, changes)
    await publish_moved(node.context, moved)
    assert "teamId" not in await admin.receives("conversation_queued")
    line = await admin.receives("conversation_activity", rule="disabled")
    assert (line["kind"], line["fromTeamName"], line["actorName"]) == ("moved", "Billing", "Admin")
    assert await queued_since(account) == since
    assert (await admin.receives("conversation_updated", assignedTeam=None))["status"] == "open"


async def test_move_of_the_conversation_of_an_agent_who_is_being_disabled_waits_and_does_not_deadlock(
    account: Account, node: Node, second_team: UUID
) -> None:
    admin, agent = account.people["admin"], account.people["agent"]

    async def move_to_team() -> Conversation:
        changes: dict[str, Any] = {"teamId": second_team}
        return await actions.update(node.context, admin, account.conversation, changes, require=lambda _: None)

    async with node.context.database.account(account.id) as tx:
        await moves.claim(tx, actor=agent, conversation_id=account.conversation)
    async with node.context.database.account(account.id) as tx:
        await users.locked(tx, agent.id)
        moving = asyncio.create_task(move_to_team())
        async with asyncio.timeout(20):
            while not await account.execute(
                "SELECT FROM pg_stat_activity WHERE %(holder)s = ANY (pg_blocking_pids(pid))",
                holder=tx.info.backend_pid,
            ):
                await asyncio.sleep(0.01)
        await users.update(tx, admin, agent.id, users.UserChanges(active=False))
    moved = await moving
    assert (moved.assigned_to, moved.assigned_team) == (None, second_team)
    assert [details["rule"] for _, details in await log_of(account)] == ["claim", "disabled", "assignment"]


async def test_outbox_is_empty_after_moves(account: Account, second_team: UUID) -> None:
    agent = await account.connect("agent")
    await agent.do("claim_conversation", of(account))
    await agent.do("assign_conversation", of(account) | {"teamId": str(second_team), "note": "Yours"})
    async with asyncio.timeout(20):
        while await account.execute("SELECT FROM outbox WHERE account_id = %(account)s"):
            await asyncio.sleep(0.05)
