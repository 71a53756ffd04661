"""The position in a queue: in the answer of a join, and published to customers whose position has changed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from hummdesk.bus.commands import Commands
from hummdesk.bus.queue_positions import PublishedPositions
from hummdesk.core.ids import new_id
from hummdesk.relay.queue_positions import QueuePositions
from hummdesk.server.node import Node
from hummdesk.storage import hours, queue_positions
from hummdesk.storage.database import Database
from hummdesk.storage.hours import BusinessHours
from tests.integration.server.accounts import Account, Client

UPDATE = "UPDATE conversations SET … WHERE account_id = %(account)s AND id = %(id)s"


@dataclass
class Queue:
    account: Account
    node: Node
    positions: QueuePositions
    clock: list[float] = field(default_factory=lambda: [0.0])
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def publish(self) -> None:
        """Pass over the account as a relay does, a second later than the last time."""
        self.clock[0] += 1
        self.positions.change(self.account.id)
        await self.positions.publish_changed()

    async def add(self, count: int, *, team: UUID | None = None, priority: str = "medium") -> None:
        """Conversations that came before those of the account."""
        await self.account.execute(
            "INSERT INTO conversations (account_id, id, contact_id, assigned_team, priority, waiting_since) "
            "SELECT %(account)s, gen_random_uuid(), %(contact)s, %(team)s, %(priority)s, now() - interval '1 hour' "
            "FROM generate_series(1, %(count)s)",
            contact=self.account.people["stranger"].id,
            team=team,
            priority=priority,
            count=count,
        )

    async def assigned(self, *ago: float, team: UUID | None = None, each: float = 10) -> None:
        """Conversations assigned so many seconds before the test, each after it was first for `each` seconds."""
        for seconds in ago:
            await self.account.execute(
                "INSERT INTO queue_moves (account_id, queue_id, at, queued_since) "
                "VALUES (%(account)s, %(queue)s, %(at)s, %(at)s - %(each)s)",
                queue=team or self.account.id,
                at=self.began - timedelta(seconds=seconds),
                each=timedelta(seconds=each),
            )

    async def assign_first(self, agent: str = "agent") -> None:
        """Assign the conversation that waits longest."""
        await self.account.execute(
            "UPDATE conversations SET assigned_to = %(agent)s WHERE account_id = %(account)s AND id = ("
            "SELECT id FROM conversations WHERE account_id = %(account)s AND status = 'open' AND assigned_to IS NULL "
            "ORDER BY priority_rank(priority), COALESCE(queued_since, created_at), id LIMIT 1)",
            agent=self.account.people[agent].id,
        )

    async def position(self, client: Client) -> Any:
        return (await client.do("join_conversation", str(self.account.conversation))).get("queue")


@pytest.fixture(scope="module")
async def relay(web_settings: Any) -> AsyncIterator[tuple[Database, PublishedPositions]]:
    database = Database(web_settings.postgres, role="hummdesk_relay", size=1, timeout=20, pipelined=True)
    published = PublishedPositions(Commands.of(web_settings.redis))
    await database.open()
    yield database, published
    await database.close()
    await published.close()


@pytest.fixture
async def queue(account: Account, node: Node, relay: tuple[Database, PublishedPositions]) -> Queue:
    database, published = relay
    context, clock = node.context, [0.0]
    positions = QueuePositions(
        database, context.database, context.publisher, context.presence, published, clock=lambda: clock[0]
    )
    await account.execute(
        "UPDATE conversations SET status = 'closed' WHERE account_id = %(account)s AND id = %(id)s",
        id=account.other_conversation,
    )
    return Queue(account, node, positions, clock)


async def test_join_of_a_waiting_customer_has_the_position_and_no_made_up_wait(queue: Queue) -> None:
    customer, agent = await queue.account.connect("customer"), await queue.account.connect("agent")
    await agent.receives("agent_online")
    await queue.add(2)
    await queue.add(1, priority="low")
    assert await queue.position(customer) == {"position": 3}
    assert await queue.position(agent) is None
    await queue.assigned(40, 30, 20, 10)
    assert await queue.position(customer) == {"position": 3, "expectedWaitSeconds": 30}
    await agent.do("set_agent_status", {"status": "away"})
    assert await queue.position(customer) == {"position": 3}, "nobody is online"
    await agent.do("set_agent_status", {"status": "online"})
    async with queue.node.context.database.account(queue.account.id) as tx:
        await hours.put(tx, None, queue.account.id, BusinessHours(is_enabled=True))
    while (await queue.node.context.hours.of(queue.account.id)).is_enabled is False:
        await asyncio.sleep(0.01)
    assert await queue.position(customer) == {"position": 3}, "the account is closed"
    await queue.add(200)
    assert await queue.position(customer) == {"position": 101}
    await queue.account.execute(
        "UPDATE conversations SET assigned_to = %(agent)s WHERE account_id = %(account)s AND id = %(id)s",
        agent=queue.account.people["agent"].id,
        id=queue.account.conversation,
    )
    assert await queue.position(customer) is None


async def test_pace_is_that_of_the_queue_and_of_the_last_hour(queue: Queue) -> None:
    customer, team = await queue.account.connect("customer"), queue.account.team
    await (await queue.account.connect("agent")).receives("agent_online")
    await queue.assigned(40, 30, 20, 10, team=team)
    await queue.assigned(7000, 6000, 5000, 4000)
    assert await queue.position(customer) == {"position": 1}
    await queue.account.execute(
        "UPDATE conversations SET assigned_team = %(team)s WHERE account_id = %(account)s", team=team
    )
    assert await queue.position(customer) == {"position": 1, "expectedWaitSeconds": 10}
    await queue.assigned(3000, each=1)  # alone: not after another one
    async with queue.node.context.database.account(queue.account.id) as tx:
        assert list(await queue_positions.paces(tx, {team, queue.account.id, new_id()})) == [team]


async def test_pace_counts_only_the_time_that_a_conversation_was_first(queue: Queue) -> None:
    await queue.assigned(300, 200, 100, each=0)
    await queue.assigned(50, each=250)  # it came long before the one before it was assigned
    async with queue.node.context.database.account(queue.account.id) as tx:
        [pace] = (await queue_positions.paces(tx, {queue.account.id})).values()
    assert (pace.count, round(pace.seconds)) == (3, 17)


async def test_changed_positions_are_published_to_their_customers_only(queue: Queue) -> None:
    customer = await queue.account.connect("customer", joins=True)
    staff, stranger = await queue.account.connect("agent", joins=True), await queue.account.connect("stranger")
    await staff.receives("agent_online")
    await queue.add(2)
    await queue.publish()
    queued = await customer.receives("conversation_queued", position=3)
    assert queued.keys() == {"conversationId", "position", "timestamp"}
    await queue.assigned(40, 30, 20, 10)
    await queue.assign_first()
    await queue.publish()
    queued = await customer.receives("conversation_queued", position=2)
    assert queued["expectedWaitSeconds"] > 0
    await queue.publish()  # nothing has changed
    await queue.assign_first()
    await queue.publish()
    assert (await customer.receives("conversation_queued"))["position"] == 1
    assert [name for name in staff.names() if name == "conversation_queued"] == []
    assert "conversation_queued" not in stranger.names()


async def test_positions_that_a_killed_relay_did_not_record_are_published_by_the_next_one(
    queue: Queue, relay: tuple[Database, PublishedPositions], monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await queue.account.connect("customer", joins=True)
    await queue.add(1)
    context, (database, published) = queue.node.context, relay
    next_one = QueuePositions(database, context.database, context.publisher, context.presence, published)

    async def killed(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as dying:
        dying.setattr(published, "read", killed)
        with pytest.raises(asyncio.CancelledError):
            await queue.publish()
    assert "conversation_queued" not in customer.names()
    await next_one.sweep()
    await next_one.publish_changed()
    assert (await customer.receives("conversation_queued"))["position"] == 2


async def test_account_is_passed_over_by_one_relay_at_a_time(
    queue: Queue, relay: tuple[Database, PublishedPositions]
) -> None:
    customer = await queue.account.connect("customer", joins=True)
    async with relay[1].locked(queue.account.id) as is_free:
        assert is_free
        await queue.publish()
        assert "conversation_queued" not in customer.names()
    queue.clock[0] += 1
    await queue.positions.publish_changed()  # it is still due
    assert (await customer.receives("conversation_queued"))["position"] == 1


async def test_moves_of_a_queue_are_noted_and_others_are_not(queue: Queue) -> None:
    account = queue.account

    async def noted(statement: str, **values: Any) -> list[tuple[bool, bool]]:
        """For each move that a statement made: whether it was in the account's own queue, and an assignment."""
        await account.execute("DELETE FROM queue_moves WHERE account_id = %(account)s")
        await account.execute(
            UPDATE.replace("…", statement),
            id=account.conversation,
            **values,
        )
        return sorted(
            await account.execute(
                "SELECT queue_id = account_id, queued_since IS NOT NULL FROM queue_moves WHERE account_id = %(account)s"
            )
        )

    agent = account.people["agent"].id
    assert await noted("updated_at = now(), last_seq = last_seq") == []
    assert await noted("priority = 'medium'") == []
    assert await noted("priority = 'high'") == [(True, False)]
    assert await noted("assigned_team = %(team)s", team=account.team) == [(False, False), (True, False)]
    assert await noted("assigned_to = %(agent)s", agent=agent) == [(False, True)]
    assert await noted("priority = 'low'") == []
    assert await noted("assigned_to = NULL") == [(False, False)]
    assert await noted("status = 'closed'") == [(False, False)]
    assert await noted("status = 'open', assigned_team = NULL") == [(True, False)]
    assert await noted("erased_at = now()") == [(True, False)]
    assert await noted("priority = 'high'") == []
    assert await noted("status = 'closed'") == []


async def test_old_moves_are_pruned(queue: Queue) -> None:
    await queue.assigned(60, 3 * 3600, 4 * 3600)
    await queue.account.execute(
        "UPDATE queue_moves SET at = at - interval '1 day' "
        "WHERE account_id = %(account)s AND at < now() - interval '1 h'"
    )
    assert await queue.positions.prune() is None
    [[left]] = await queue.account.execute(
        "SELECT count(*) FROM queue_moves WHERE account_id = %(account)s AND queued_since IS NOT NULL"
    )
    assert left == 1
