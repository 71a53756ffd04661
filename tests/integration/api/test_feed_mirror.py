"""A copy of an account that is made of its feed alone equals what the REST API returns, after a random history."""

import importlib.util
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from psycopg.types.json import Jsonb

from hummdesk.core.config import Settings
from hummdesk.core.errors import Conflict, Forbidden, Invalid, NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.publish.feed import LOGGED
from hummdesk.publish.feed_reader import feed
from hummdesk.relay.erasure import Eraser, open_eraser
from hummdesk.server.node import Node
from hummdesk.storage import (
    contacts,
    continuations,
    conversations,
    corrections,
    labels,
    message_changes,
    messages,
    moves,
    ratings,
    reads,
    snoozes,
    teams,
    users,
)
from hummdesk.storage.contacts import ContactChanges
from hummdesk.storage.database import operator
from hummdesk.storage.messages import NewMessage
from hummdesk.storage.users import UserChanges
from tests.integration.api.rest_client import RestClient
from tests.integration.server.accounts import CLASSIFICATION, Account

EXAMPLE = Path(__file__).parents[3] / "docs/examples/mirror.py"
STEPS = 220
ALL_TYPES = set(LOGGED) | {f"{noun}_{verb}" for noun in ("contact", "user", "team") for verb in ("created", "updated")}
ALL_TYPES |= {"new_message", "message_updated", "message_read", "conversation_created", "conversation_updated"}
ALL_TYPES |= {"ai_classification", "ai_error"}


def example() -> Any:
    spec = importlib.util.spec_from_file_location("mirror", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def eraser(web_settings: Settings) -> AsyncIterator[Eraser]:
    async with open_eraser(web_settings) as eraser:
        yield eraser


@dataclass
class History:
    """Random changes of an account, by the functions of every process."""

    account: Account
    node: Node
    eraser: Eraser
    chance: random.Random
    moved: int = 0

    def __post_init__(self) -> None:
        self.customers: list[Person] = [self.account.people["customer"], self.account.people["stranger"]]
        self.staff: list[Person] = [self.account.people[name] for name in ("admin", "agent", "colleague")]
        self.conversations: list[tuple[UUID, Person]] = [
            (self.account.conversation, self.customers[0]),
            (self.account.other_conversation, self.customers[1]),
        ]
        self.teams: list[UUID] = [self.account.team]

    def tx(self) -> Any:
        return self.node.context.database.account(self.account.id)

    async def step(self) -> None:
        """Make a change; one that the state does not allow is left out."""
        steps: list[tuple[int, Callable[[], Awaitable[object]]]] = [
            (8, self.ask),
            (6, self.answer),
            (3, self.change_status),
            (4, self.assign),
            (2, self.unassign),
            (2, self.change_priority),
            (2, self.change_labels),
            (2, self.snooze),
            (5, self.read),
            (2, self.start),
            (2, self.merge),
            (2, self.follow_up),
            (2, self.change_message),
            (3, self.classify),
            (1, self.correct),
            (3, self.change_contact),
            (2, self.change_user),
            (2, self.change_team),
            (4, self.rate),
            (3, self.erase),
            (1, self.operate),
        ]
        weights, choices = zip(*steps, strict=True)
        [chosen] = self.chance.choices(choices, weights)
        with suppress(Conflict, Forbidden, Invalid, NotFound):
            await chosen()

    def _conversation(self) -> tuple[UUID, Person]:
        return self.chance.choice(self.conversations)

    async def _send(self, sender: Person, conversation_id: UUID, **more: Any) -> None:
        content = f"Message {self.chance.random()}"
        message = NewMessage(conversation_id=conversation_id, content=content, **more)
        await self.node.context.writer.send(sender=sender, message=message)

    async def ask(self) -> None:
        conversation_id, customer = self._conversation()
        await self._send(customer, conversation_id, needs_ai=self.chance.random() < 0.7)

    async def answer(self) -> None:
        conversation_id, _ = self._conversation()
        await self._send(self.chance.choice(self.staff), conversation_id, private=self.chance.random() < 0.3)

    async def change_status(self) -> None:
        conversation_id, _ = self._conversation()
        status: Any = self.chance.choice(["open", "pending", "closed"])
        async with self.tx() as tx:
            await conversations.change_status(
                tx, actor=self.staff[0], conversation_id=conversation_id, status=status, reason="Because"
            )

    async def assign(self) -> None:
        conversation_id, _ = self._conversation()
        agent, team = self.chance.choice(self.staff), self.chance.choice([None, *self.teams])
        async with self.tx() as tx:
            await moves.assign(
                tx, actor=self.staff[0], conversation_id=conversation_id, agent_id=agent.id, team_id=team
            )
        await self.move_on(conversation_id)

    async def move_on(self, conversation_id: UUID) -> None:
        """Release the conversation, claim it, and move it to a team, in turn."""
        self.moved += 1
        about: dict[str, Any] = {"actor": self.staff[0], "conversation_id": conversation_id}
        async with self.tx() as tx:
            if self.moved % 3 == 1:
                await moves.release(tx, **about)
            elif self.moved % 3 == 2:
                await moves.assign(tx, **about, agent_id=None, team_id=self.account.team)
                await moves.claim(tx, **about)
            else:
                await moves.assign(tx, **about, agent_id=None, team_id=self.account.team)

    async def unassign(self) -> None:
        conversation_id, _ = self._conversation()
        async with self.tx() as tx:
            await moves.unassign(tx, actor=self.staff[0], conversation_id=conversation_id, reason=None)

    async def rate(self) -> None:
        conversation_id, customer = self._conversation()
        comment = self.chance.choice([None, "Thank you"])
        async with self.tx() as tx:
            await conversations.change_status(
                tx, actor=self.staff[0], conversation_id=conversation_id, status="closed", reason=None
            )
            await ratings.rate(
                tx,
                customer=customer,
                conversation_id=conversation_id,
                rating=self.chance.randrange(1, 6),
                comment=comment,
            )

    async def change_priority(self) -> None:
        conversation_id, _ = self._conversation()
        priority = self.chance.choice(["low", "medium", "high", "urgent"])
        async with self.tx() as tx:
            await conversations.set_priority(
                tx, actor=self.staff[1], conversation_id=conversation_id, priority=priority
            )

    async def change_labels(self) -> None:
        conversation_id, _ = self._conversation()
        name, other = self.chance.sample(["VIP", "Refund", "Bug"], 2)
        ids = [uuid5(self.account.id, one) for one in (name, other)]
        async with self.tx() as tx:
            await labels.create(tx, self.staff[0], name=name, color="#0b5f59", label_id=ids[0])
            await labels.change(
                tx, actor=self.staff[1], conversation_id=conversation_id, added=ids[:1], removed=ids[1:]
            )

    async def snooze(self) -> None:
        conversation_id, _ = self._conversation()
        until = self.chance.choice([None, datetime.now(UTC) + timedelta(days=1)])
        with suppress(Conflict):
            async with self.tx() as tx:
                await snoozes.snooze(tx, actor=self.staff[0], conversation_id=conversation_id, until=until)

    async def read(self) -> None:
        conversation_id, customer = self._conversation()
        reader = self.chance.choice([customer, *self.staff])
        async with self.tx() as tx:
            await reads.mark_read(tx, reader=reader, conversation_id=conversation_id, message_id=None)

    async def start(self) -> None:
        customer = self.chance.choice(self.customers)
        async with self.tx() as tx:
            started, _ = await conversations.start(
                tx, contact=customer, subject="Broken", metadata={"page": "/cart"}, client_message_id=None
            )
            await messages.send(tx, sender=customer, message=NewMessage(conversation_id=started, content="Hello"))
        self.conversations.append((started, customer))

    async def merge(self) -> None:
        """Merge two conversations, reopened before, of one customer if there are two."""
        (source, customer), (target, _) = self.chance.sample(self.conversations, 2)
        target = next((one for one, theirs in self.conversations if one != source and theirs == customer), target)
        for one in (source, target):
            async with self.tx() as tx:
                await conversations.change_status(
                    tx, actor=self.staff[0], conversation_id=one, status="open", reason=None
                )
        async with self.tx() as tx:
            await continuations.merge(tx, actor=self.staff[0], conversation_id=source, target_id=target)

    async def follow_up(self) -> None:
        """Close a conversation, whose customer then writes after long."""
        conversation_id, customer = self._conversation()
        about: dict[str, Any] = {"actor": self.staff[0], "conversation_id": conversation_id}
        async with self.tx() as tx:
            await conversations.change_status(tx, status="closed", reason=None, **about)
            message = NewMessage(conversation_id=conversation_id, content="Again", follow_up_seconds=1e-9)
            sent = await messages.send(tx, sender=customer, message=message)
        if sent.target is not None and sent.target.event_id is not None:
            self.conversations.append((sent.target.conversation_id, customer))

    async def change_message(self) -> None:
        conversation_id, _ = self._conversation()
        sender = self.chance.choice(self.staff)
        own: dict[str, Any] = {"actor": sender, "conversation_id": conversation_id, "minutes": 60}
        async with self.tx() as tx:
            found, _ = await messages.page(tx, viewer=sender, conversation_id=conversation_id)
            theirs = [message.id for message in found if message.sender_id == sender.id]
            if theirs and self.chance.random() < 0.5:
                await message_changes.withdraw(tx, message_id=self.chance.choice(theirs), **own)
            elif theirs:
                edit: dict[str, Any] = {"content": f"Edited {self.chance.random()}", "content_type": "text"}
                await message_changes.edit(tx, message_id=self.chance.choice(theirs), **edit, **own)

    async def classify(self) -> None:
        """End an AI run, as a worker does: with a result, or failed."""
        status = self.chance.choice(["done", "failed"])
        payload = {"classification": CLASSIFICATION, "confidence": 1, "provider": "embedded"}
        await self.account.execute(
            """
            WITH run AS (
                UPDATE ai_runs SET status = %(status)s, outcome = %(outcome)s, finished_at = clock_timestamp()
                WHERE (account_id, id) IN (
                    SELECT account_id, id FROM ai_runs
                    WHERE account_id = %(account)s AND kind = 'classification' AND finished_at IS NULL LIMIT 1
                )
                RETURNING account_id, id, kind, outcome
            )
            INSERT INTO ai_results SELECT account_id, id, kind, %(payload)s FROM run WHERE outcome = 'done'
            """,
            payload=Jsonb(payload),
            status=status,
            outcome="done" if status == "done" else None,
        )

    async def correct(self) -> None:
        conversation_id, _ = self._conversation()
        async with self.tx() as tx:
            found, _ = await messages.page(tx, viewer=self.staff[0], conversation_id=conversation_id)
            asked = [message for message in found if message.sender_type == "customer"]
            await corrections.correct(
                tx,
                actor=self.staff[0],
                conversation_id=conversation_id,
                message_id=self.chance.choice(asked).id if asked else new_id(),
                category="sales",
                priority=None,
            )

    async def change_contact(self) -> None:
        number = self.chance.randrange(4)
        given = ContactChanges(
            external_id=f"external-{number}",
            name=f"Customer {self.chance.random()}",
            attributes={"plan": self.chance.choice(["free", "paid"])},
        )
        async with self.tx() as tx:
            contact, is_new = await contacts.upsert(tx, self.staff[0], given)
        if is_new:
            person = Person(
                account_id=self.account.id, id=contact.id, email=contact.email, name=contact.name, role="customer"
            )
            self.customers.append(person)

    async def change_user(self) -> None:
        user = self.chance.choice(self.staff[1:])
        changes = UserChanges(
            name=f"User {self.chance.random()}",
            active=self.chance.choice([True, True, False]),
            team_ids=self.chance.sample(self.teams, self.chance.randrange(len(self.teams) + 1)),
        )
        async with self.tx() as tx:
            await users.update(tx, self.staff[0], user.id, changes)

    async def change_team(self) -> None:
        members = self.chance.sample([person.id for person in self.staff], 2)
        async with self.tx() as tx:
            team, is_new = await teams.create(
                tx, self.staff[0], name=f"Team {self.chance.randrange(3)}", member_ids=members
            )
            if not is_new:
                await teams.update(tx, self.staff[0], team.id, member_ids=members)
        if is_new:
            self.teams.append(team.id)

    async def erase(self) -> None:
        if len(self.customers) < 3:
            return
        customer = self.customers.pop(self.chance.randrange(2, len(self.customers)))
        await self.eraser.erase_contact(customer.id)

    async def operate(self) -> None:
        async with operator(self.node.context.settings) as database, database.all_accounts() as tx:
            await tx.execute(
                "UPDATE users SET skills = %s WHERE id = %s",
                (self.chance.sample(["en", "de", "sales"], 2), self.chance.choice(self.staff).id),
            )


async def every(client: RestClient, route: str, nouns: str) -> dict[str, Any]:
    """All resources of a list, by id."""
    found: dict[str, Any] = {}
    cursor: dict[str, Any] = {}
    while True:
        page = await client.do(route, limit=100, **cursor)
        found |= {one["id"]: one for one in page[nouns]}
        if "nextCursor" not in page:
            return found
        cursor = {"cursor": page["nextCursor"]}


def without_presence(people: dict[str, Any]) -> dict[str, Any]:
    return {
        one: {name: value for name, value in found.items() if name != "lastSeenAt"} for one, found in people.items()
    }


async def assert_equal(mirror: Any, client: RestClient) -> None:
    shown = await every(client, "list_conversations", "conversations")
    assert mirror.conversations() == shown
    found: dict[str, Any] = {}
    for conversation_id in shown:
        page = await client.do("list_messages", id=conversation_id, limit=100)
        assert not page["hasMore"]
        found |= {message["id"]: message for message in page["messages"]}
    assert mirror.messages == found
    people: dict[str, Any] = {}
    for route, nouns in (("list_contacts", "contacts"), ("list_users", "users"), ("list_teams", "teams")):
        people |= await every(client, route, nouns)
    assert without_presence(mirror.people) == without_presence(people)


async def catch_up(mirror: Any, client: RestClient, *, limit: int = 500) -> None:
    page = None
    while page is None or page["events"]:
        page = await client.do("get_feed", after=mirror.number, limit=limit)
        mirror.apply_page(page)


@pytest.mark.parametrize("seed", [3, 4])
async def test_replayed_feed_equals_the_state_of_the_api(
    admin: RestClient, account: Account, node: Node, eraser: Eraser, seed: int
) -> None:
    history = History(account, node, eraser, random.Random(seed))
    following = example().Mirror()
    for _ in range(STEPS):
        await history.step()
        if history.chance.random() < 0.2:
            page = await admin.do("get_feed", after=following.number, limit=history.chance.randrange(1, 20))
            following.apply_page(page)
    await catch_up(following, admin)
    await assert_equal(following, admin)
    types = {event.type async for event in feed(account.id, follows=False, settings=node.context.settings)}
    assert types >= ALL_TYPES - {"draft_used"}

    late = example().Mirror()
    await catch_up(late, admin, limit=70)
    await assert_equal(late, admin)
    assert (late.number, late.digest) == (following.number, following.digest)


async def test_script_reads_the_events_of_the_api(admin: RestClient, account: Account, node: Node) -> None:
    page = await admin.do("get_feed", after=0, limit=500)
    found = [event.wire() async for event in feed(account.id, follows=False, settings=node.context.settings)]
    assert found == page["events"]


async def test_script_waits_for_further_events(admin: RestClient, account: Account, node: Node) -> None:
    last = (await admin.do("get_feed"))["completeTo"]
    events = feed(account.id, after=last, settings=node.context.settings)
    history = History(account, node, None, random.Random(1))  # type: ignore[arg-type]
    await history.ask()
    assert (await anext(events)).type == "new_message"
    await events.aclose()


def test_mirror_refuses_a_page_with_a_missing_or_another_event() -> None:
    module = example()
    event = {"number": 1, "type": "team_deleted", "subjectId": str(new_id()), "data": {"id": "x", "deleted": True}}
    digest = module.digest_after(module.NO_DIGEST, [event])
    with pytest.raises(ValueError, match="missing after number 0"):
        module.Mirror().apply_page({"events": [event], "completeTo": 2, "digest": digest})
    with pytest.raises(ValueError, match="digest of number 1 differs"):
        module.Mirror().apply_page({"events": [event | {"type": "user_deleted"}], "completeTo": 1, "digest": digest})
    module.Mirror().apply_page({"events": [event], "completeTo": 1, "digest": digest})
