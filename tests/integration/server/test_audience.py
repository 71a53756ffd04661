"""Fault row 24, the leak test: every request and event, every role, own and foreign account, joined or not.

Generated from the table of requests and the definitions of events: one without an example here fails.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from redis.asyncio import Redis

from hummdesk.bus.envelope import Envelope
from hummdesk.bus.presence import groups
from hummdesk.bus.viewers import Viewers
from hummdesk.contract.table import REQUESTS
from hummdesk.core import background
from hummdesk.core.ids import new_id
from hummdesk.core.models import Conversation, Message
from hummdesk.publish import rooms
from hummdesk.publish.audience import Recipient
from hummdesk.publish.events import EVENTS, Event
from hummdesk.publish.events.ai import (
    AIAssist,
    AIClassification,
    AIDraft,
    AIDraftDelta,
    AIError,
    AIProcessingCompleted,
    AIProcessingStarted,
    AISummary,
    ClassificationCorrected,
)
from hummdesk.publish.events.availability import AvailabilityChanged
from hummdesk.publish.events.conversations import (
    ConversationActivity,
    ConversationAssigned,
    ConversationContinued,
    ConversationCreated,
    ConversationQueued,
    ConversationRated,
    ConversationStatusChanged,
    ConversationUnassigned,
    ConversationUpdated,
)
from hummdesk.publish.events.inbox import DirectoryChanged, LabelChanged, SavedViewChanged
from hummdesk.publish.events.messages import Mentioned, MessageRead, MessageUpdated, NewMessage, UnreadChanged
from hummdesk.publish.events.presence import (
    AgentOffline,
    AgentOnline,
    AgentStatusChanged,
    ConversationViewers,
    TypingStart,
    TypingStop,
)
from hummdesk.routing import record
from hummdesk.routing.decision import Policy, Snapshot
from hummdesk.server.node import Node
from tests.integration.server.accounts import CLASSIFICATION, DRAFT, Account, Client
from tests.integration.server.reconnecting import ReconnectingClient

PEOPLE: dict[str, frozenset[Recipient]] = {
    "viewer": frozenset({"account staff"}),
    "colleague": frozenset({"account staff", "joined staff", "team"}),
    "agent": frozenset({"account staff", "assignee", "team"}),
    "customer": frozenset({"account customers", "joined customer"}),
    "stranger": frozenset({"account customers"}),
}
"""The clients of the account, and the kinds of recipients that each is; the foreign account receives nothing."""

JOINED = ("colleague", "customer")
STAFF_ONLY_FIELDS = {key for event in EVENTS.values() if issubclass(event, Event) for key in event.staff_only}
STAFF_ONLY_FIELDS |= {"priority", "ai", "viewers", "labelIds", "snoozedUntil"}
STAFF_ONLY_FIELDS |= {
    field.key
    for event in EVENTS.values()
    if issubclass(event, Event) and "joined customer" not in event.recipients and event.event_name.startswith("ai_")
    for field in event.sent
} - {"conversationId", "messageId", "timestamp", "error"}
"""At no depth of an event or answer for a customer."""


@dataclass
class Audience:
    node: Node
    account: Account
    foreign: Account
    here: dict[str, Client]
    there: dict[str, Client]

    async def settled(self) -> None:
        """Wait until everything published so far, or by running background tasks, is delivered to all clients."""
        await background.drain()
        listening = [(self.account, self.here), (self.foreign, self.there)]
        for account, clients in listening:
            own_rooms = tuple(rooms.person(account.people[name].id) for name in clients)
            marker = Envelope(account_id=account.id, event="marker", data={}, rooms=own_rooms)
            self.node.components.stream_writer.append(marker)
        for client in (*self.here.values(), *self.there.values()):
            await client.receives("marker")

    async def _askers_gone(self) -> None:
        """Wait until the askers of earlier tests are offline, and that is published."""
        presence = self.node.context.presence
        staying = {account.people[name].id for account in (self.account, self.foreign) for name in PEOPLE}
        while (await presence.statuses(self.account.id) | await presence.statuses(self.foreign.id)).keys() - staying:
            await asyncio.sleep(0.05)
        own, [group] = (str(self.account.id), str(self.foreign.id)), groups(self.account.settings)
        async with Redis.from_url(self.account.settings.redis) as closing:
            redis: Any = closing
            while [one for one in await redis.zrange(group.unpublished, 0, -1) if one.decode().startswith(own)]:
                await asyncio.sleep(0.02)

    async def begin(self) -> None:
        """Create a conversation of the customer, and join the clients of JOINED."""
        await self._askers_gone()
        self.account.conversation = new_id()
        await self.account.execute(
            "INSERT INTO conversations (account_id, id, contact_id) VALUES (%(account)s, %(id)s, %(contact)s)",
            id=self.account.conversation,
            contact=self.account.people["customer"].id,
        )
        for name in JOINED:
            await self.here[name].do("join_conversation", str(self.account.conversation))
        await self.settled()
        self.forget()

    def forget(self) -> None:
        for client in (*self.here.values(), *self.there.values()):
            client.forget()


@pytest.fixture(scope="module")
async def audience(first: tuple[str, Node], web_settings: Any) -> AsyncIterator[Audience]:
    url, node = first
    account, foreign = [await Account(settings=web_settings, url=url).make() for _ in range(2)]
    gathered = [{name: await place.connect(name) for name in PEOPLE} for place in (account, foreign)]
    for place, clients in zip((account, foreign), gathered, strict=True):
        for name in JOINED:
            await clients[name].do("join_conversation", str(place.conversation))
        await clients["stranger"].do("join_conversation", str(place.other_conversation))
    yield Audience(node, account, foreign, gathered[0], gathered[1])
    await account.close()
    await foreign.close()


def keys_in(payload: Any) -> set[str]:
    """The keys of a payload at every depth."""
    if isinstance(payload, dict):
        return set(payload) | {key for value in payload.values() for key in keys_in(value)}
    return {key for value in payload for key in keys_in(value)} if isinstance(payload, list) else set()


def example(event: str, account: Account, sample: str) -> Any:
    """A valid payload of a request about the conversation of an account."""
    conversation = {"conversationId": str(account.conversation)}
    return {
        "join_conversation": conversation,
        "leave_conversation": conversation,
        "send_message": conversation | {"content": sample},
        "edit_message": conversation | {"messageId": sample, "content": "changed"},
        "withdraw_message": conversation | {"messageId": sample},
        "merge_conversation": {"conversationId": sample, "intoConversationId": str(account.conversation)},
        "message_read": conversation | {"messageId": sample},
        "mark_unread": conversation,
        "typing_start": conversation,
        "typing_stop": conversation,
        "agent_online": None,
        "agent_offline": None,
        "set_agent_status": {"status": "busy"},
        "update_conversation_status": conversation | {"status": "pending", "reason": "secret"},
        "update_conversations": {
            "conversationIds": [str(account.conversation)],
            "status": "pending",
            "reason": "secret",
        },
        "snooze_conversation": conversation | {"reason": "secret"},
        "assign_conversation": conversation
        | {"agentId": str(account.people["agent"].id), "teamId": str(account.team), "note": sample},
        "unassign_conversation": conversation | {"reason": "secret"},
        "claim_conversation": conversation,
        "release_conversation": conversation,
        "label_conversation": conversation | {"remove": [str(new_id())]},
        "correct_classification": conversation | {"messageId": sample, "category": "sales", "priority": "high"},
        "rate_conversation": conversation | {"rating": 5, "comment": "secret"},
        "request_draft": conversation,
        "request_summary": conversation,
        "get_assistance": None,
        "request_assist": conversation | {"kind": "shorter", "text": sample},
        "judge_answer": conversation | {"verdict": "person"},
        "mark_draft": conversation | {"runId": sample, "mark": "shown"},
        "start_conversation": {"content": sample},
        "state_details": {"email": f"{sample}@example.com"},
        "visit_page": {"url": f"https://shop.example/{sample}"},
        "get_introduction": None,
        "list_conversations": {},
        "get_messages": conversation,
        "sync": {"conversations": {str(account.conversation): 0}},
        "get_presence": None,
        "get_teams": None,
        "get_categories": None,
        "get_queues": None,
        "get_inbox": None,
        "get_decision": conversation,
        "get_report": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "by": "agent"},
        "get_operations": None,
        "get_availability": None,
        "authenticate": None,
    }[event]


ANSWERED_WITHOUT_ACCESS = {
    "leave_conversation",
    "list_conversations",
    "agent_online",
    "agent_offline",
    "set_agent_status",
}
ANSWERED_WITHOUT_ACCESS |= {"get_presence", "get_teams", "get_operations", "get_availability", "start_conversation"}
ANSWERED_WITHOUT_ACCESS |= {"get_queues", "get_report", "get_inbox", "get_categories", "get_assistance"}
ANSWERED_WITHOUT_ACCESS |= {"state_details", "visit_page", "get_introduction"}
"""Requests that name no conversation, or change nothing in it."""


def expected(event: str, role: str, situation: str) -> str:
    request = REQUESTS[event]
    if situation == "unauthenticated":
        return "UNAUTHORIZED"
    if role not in request.roles:
        return "FORBIDDEN"
    if event.startswith("typing_"):
        return "FORBIDDEN"  # none of the askers has joined
    if situation == "own" or event in ANSWERED_WITHOUT_ACCESS:
        return "ok"
    return "NOT_FOUND"


def outcome_of(answer: Any) -> str:
    """Of an answer, or if it has a result for one conversation, of that."""
    [result] = answer.get("results", [answer])
    return "ok" if result["ok"] else str(result["error"]["code"])


ASKERS = ("admin", "agent", "viewer", "customer")
ABOUT_AN_OWN_MESSAGE = ("edit_message", "withdraw_message")


def cases() -> Iterator[tuple[str, str, str]]:
    """Yield the event, the person who asks, and the situation.

    For staff, a conversation that is not the customer's is as one that is; a socket without a token is nobody's.
    """
    for event in (name for name in REQUESTS if name != "authenticate"):
        for name in ASKERS:
            yield event, name, "own"
            yield event, name, "foreign"
            if name == "customer":
                yield event, name, "not the customer's"
            if name == "customer" or event in ABOUT_AN_OWN_MESSAGE:
                yield event, name, "unauthenticated"


@pytest.mark.parametrize(("event", "name", "situation"), list(cases()))
async def test_request_publishes_to_its_recipients_only(
    audience: Audience, event: str, name: str, situation: str
) -> None:
    account = audience.account
    if situation == "foreign":
        asker = await audience.foreign.connect(name)
    elif situation == "unauthenticated":
        asker = await account.client().connect()
    elif situation == "not the customer's" and name == "customer":
        asker = await account.connect("stranger")
    else:
        asker = await account.connect(name)
    role = audience.account.people[name].role
    is_own = situation == "own" or (situation == "not the customer's" and name != "customer")
    sample = await SAMPLES[event](account, name) if event in SAMPLES else "psst"
    if event in PREPARED:
        await PREPARED[event](account)
    await audience.settled()
    audience.forget()

    answer = await asker.ask(event, example(event, account, sample))
    outcome = outcome_of(answer)
    assert outcome == expected(event, role, "own" if is_own else situation)
    if outcome == "ok":
        assert role != "customer" or not STAFF_ONLY_FIELDS & keys_in(answer)
    await audience.settled()
    for person, client in audience.here.items():
        kinds = PEOPLE[person]
        for delivered, payload in client.received:
            assert EVENTS[delivered].recipients & kinds, f"{person} received {delivered}"
            assert not (person in ("customer", "stranger") and STAFF_ONLY_FIELDS & keys_in(payload))
    for person, client in audience.there.items():
        foreign = [payload for _, payload in client.received if payload.get("accountId") != str(audience.foreign.id)]
        assert situation == "foreign" or foreign == [], f"{person} of the foreign account"
    if outcome != "ok":
        assert {delivered for client in audience.here.values() for delivered in client.names()} <= {
            "agent_online",
            "agent_offline",
            "conversation_viewers",  # the asker of the test before has left
        }
    await asker.close()


async def message_of(account: Account, _: str = "") -> str:
    return await own_message(account, "customer")


async def own_message(account: Account, name: str) -> str:
    """A message of a person; of the admin in place of a viewer."""
    sender = await account.connect("admin" if name == "viewer" else name)
    sent = await sender.do("send_message", {"conversationId": str(account.conversation), "content": "read this"})
    await sender.close()
    return str(sent["messageId"])


async def second_conversation(account: Account, _: str) -> str:
    """Another conversation of the customer."""
    started = {"id": new_id(), "contact": account.people["customer"].id}
    await account.execute(
        "INSERT INTO conversations (account_id, id, contact_id) VALUES (%(account)s, %(id)s, %(contact)s)", **started
    )
    return str(started["id"])


async def draft(account: Account, _: str) -> str:
    """A draft about a message of the customer."""
    await message_of(account)
    run = new_id()
    await account.execute(ADD_DRAFT, id=run, conversation=account.conversation)
    return str(run)


SAMPLES: dict[str, Callable[[Account, str], Awaitable[str]]] = {
    "message_read": message_of,
    "correct_classification": message_of,
    "request_draft": message_of,
    "request_summary": message_of,
    "request_assist": message_of,
    "mark_draft": draft,
    "edit_message": own_message,
    "withdraw_message": own_message,
    "merge_conversation": second_conversation,
}
"""What a request is about besides the conversation: an id for the person who asks."""


async def close(account: Account) -> None:
    admin = await account.connect("admin")
    change = {"conversationId": str(account.conversation), "status": "closed"}
    await admin.do("update_conversation_status", change)
    await admin.close()


async def take_away(account: Account) -> None:
    await account.execute("UPDATE conversations SET assigned_to = NULL, status = 'open' WHERE account_id = %(account)s")


async def assign(account: Account) -> None:
    admin = await account.connect("admin")
    await admin.do("assign_conversation", example("assign_conversation", account, "psst"))
    await admin.close()


async def choose_model(account: Account) -> None:
    await account.execute("UPDATE accounts SET ai_provider = 'openai' WHERE account_id = %(account)s")


async def decide(account: Account) -> None:
    """Store a decision about the conversation."""
    about = {"conversation": account.conversation, "agent": account.people["agent"].id}
    await account.execute(DECISION, id=new_id(), snapshot=SNAPSHOT, **about)


ADD_DRAFT = """
    INSERT INTO ai_runs (account_id, id, conversation_id, message_id, seq, kind, status, outcome, finished_at)
    SELECT account_id, %(id)s, conversation_id, id, seq, 'draft', 'done', 'done', now()
    FROM messages
    WHERE account_id = %(account)s AND conversation_id = %(conversation)s
    ORDER BY seq DESC
    LIMIT 1
"""


async def answer_by_machine(account: Account) -> None:
    """Record that the AI has answered in the conversation."""
    await account.execute(
        "INSERT INTO automatic_conversations (account_id, conversation_id, category, answers, last_seq) "
        "VALUES (%(account)s, %(conversation)s, 'billing', 1, 1) ON CONFLICT DO NOTHING",
        conversation=account.conversation,
    )


POLICY = Policy(mode="round_robin", capacity=1, skills_wait_seconds=0, answer_seconds=0, offline_seconds=0)
SNAPSHOT = json.dumps(record.packed(Snapshot(now=0, number=1, policies={None: POLICY})))
DECISION = """
    WITH record AS (
        INSERT INTO routing_records (account_id, number, snapshot, choices)
        SELECT %(account)s, count(*) + 1, %(snapshot)s, '[]' FROM routing_records WHERE account_id = %(account)s
        RETURNING account_id, number
    )
    INSERT INTO routing_decisions (account_id, number, record_number, conversation_id, agent_id, rule, event_id)
    SELECT account_id, number, number, %(conversation)s, %(agent)s, 'routing', %(id)s
    FROM record
"""

PREPARED: dict[str, Callable[[Account], Awaitable[None]]] = {
    "unassign_conversation": assign,
    "release_conversation": assign,
    "claim_conversation": take_away,
    "rate_conversation": close,
    "judge_answer": answer_by_machine,
    "get_decision": decide,
    "request_assist": choose_model,
}
"""What makes the conversation of the account one that allows a request."""


def a_message(account: Account, *, private: bool = False) -> Message:
    return Message(
        id=new_id(),
        conversation_id=account.conversation,
        seq=1,
        sender_id=account.people["admin"].id,
        sender_type="agent",
        sender_name="Admin",
        content="Hello",
        content_type="text",
        attachments=[],
        metadata={},
        private=private,
        client_message_id=None,
        created_at=datetime.now(UTC),
    )


def a_conversation(account: Account) -> Conversation:
    moment = datetime.now(UTC)
    return Conversation(
        id=account.conversation,
        account_id=account.id,
        contact_id=account.people["customer"].id,
        contact_name="Customer",
        contact_email="customer@example.com",
        contact_avatar=None,
        status="open",
        priority="medium",
        assigned_to=None,
        assigned_team=None,
        subject=None,
        metadata={},
        last_seq=0,
        revision=0,
        unread_count=0,
        created_at=moment,
        updated_at=moment,
        last_message=None,
        label_ids=[new_id()],
        snoozed_until=moment,
    )


def parts(account: Account) -> dict[str, Any]:
    """Fields of an event about a message."""
    return {"account_id": account.id, "conversation_id": account.conversation, "message_id": new_id()}


def of_conversation(account: Account) -> dict[str, Any]:
    return {"account_id": account.id, "conversation_id": account.conversation}


def of_run(account: Account) -> dict[str, Any]:
    return parts(account) | {"processing_type": "draft", "run_id": new_id()}


EXAMPLES: dict[type[Event], Callable[[Account], Event]] = {
    NewMessage: lambda a: NewMessage(account_id=a.id, message=a_message(a)),
    MessageUpdated: lambda a: MessageUpdated.of(a.id, replace(a_message(a), revision=1, erased=True)),
    MessageRead: lambda a: MessageRead(**parts(a), seq=1, read_by=a.people["admin"].id, read_by_type="agent"),
    Mentioned: lambda a: Mentioned(
        **parts(a),
        agent_id=a.people["agent"].id,
        seq=1,
        mentioned_by=a.people["admin"].id,
        mentioned_by_name="Admin",
    ),
    UnreadChanged: lambda a: UnreadChanged(
        **of_conversation(a), agent_id=a.people["agent"].id, unread_count=1, last_seq=1
    ),
    TypingStart: lambda a: TypingStart.of(a.people["admin"], a.conversation),
    TypingStop: lambda a: TypingStop.of(a.people["admin"], a.conversation),
    AgentOnline: lambda a: AgentOnline.of(a.people["admin"], "online"),
    AgentOffline: lambda a: AgentOffline.of(a.people["admin"], "offline"),
    AgentStatusChanged: lambda a: AgentStatusChanged.of(a.people["admin"], old="online", new="busy"),
    ConversationViewers: lambda a: ConversationViewers.of(
        Viewers(a.id, a.conversation, {a.people["agent"].id: "Agent"}, changed=True)
    ),
    ConversationCreated: lambda a: ConversationCreated.of(a_conversation(a)),
    ConversationUpdated: lambda a: ConversationUpdated.of(a_conversation(a)),
    DirectoryChanged: lambda a: DirectoryChanged(account_id=a.id, part="teams"),
    LabelChanged: lambda a: LabelChanged(
        account_id=a.id, label_id=new_id(), name="secret", color="#0b5f59", active=True
    ),
    SavedViewChanged: lambda a: SavedViewChanged(
        account_id=a.id,
        shared_with=a.id,
        owner_id=None,
        view_id=new_id(),
        name="secret",
        shared=True,
        deleted=False,
        filter={"search": "secret"},
    ),
    ConversationRated: lambda a: ConversationRated(**of_conversation(a), rating=1, comment="secret"),
    ConversationStatusChanged: lambda a: ConversationStatusChanged(
        **of_conversation(a),
        old_status="open",
        new_status="closed",
        changed_by=a.people["admin"].id,
        reason="secret",
        snoozed_until=datetime.now(UTC),
    ),
    ConversationAssigned: lambda a: ConversationAssigned(
        **of_conversation(a),
        assigned_to=a.people["agent"].id,
        assigned_team=a.team,
        assigned_by=a.people["admin"].id,
        reason={"rule": "transfer", "mode": "least_loaded", "candidates": 2, "note": str(new_id())},
    ),
    ConversationContinued: lambda a: ConversationContinued(
        **of_conversation(a), continued_in=new_id(), event_id=new_id()
    ),
    ConversationUnassigned: lambda a: ConversationUnassigned(
        **of_conversation(a),
        unassigned_from=a.people["agent"].id,
        unassigned_by=a.people["admin"].id,
        reason="secret",
        rule="release",
        team_id=a.team,
    ),
    AvailabilityChanged: lambda a: AvailabilityChanged(
        account_id=a.id, is_open=False, opens_at=datetime.now(UTC), message={"de": "Bis morgen!"}
    ),
    ConversationQueued: lambda a: ConversationQueued(
        **of_conversation(a), team_id=a.team, position=3, expected_wait_seconds=240, entry_id=new_id()
    ),
    ConversationActivity: lambda a: ConversationActivity(
        **of_conversation(a),
        activity_id=new_id(),
        kind="assigned",
        assigned_to=a.people["agent"].id,
        assigned_to_name="Agent",
        rule="transfer",
        team_id=a.team,
        team_name="Team",
        actor_id=a.people["admin"].id,
        actor_name="Admin",
        from_agent_id=a.people["colleague"].id,
        from_agent_name="Colleague",
        from_team_id=a.team,
        from_team_name="Team",
        note_id=new_id(),
    ),
    AIProcessingStarted: lambda a: AIProcessingStarted(**of_run(a)),
    AIProcessingCompleted: lambda a: AIProcessingCompleted(**of_run(a), outcome="done", processing_time=1),
    AIClassification: lambda a: AIClassification(
        **parts(a), classification=CLASSIFICATION, confidence=1.0, processing_time=1, provider="embedded"
    ),
    AIDraftDelta: lambda a: AIDraftDelta(
        **of_conversation(a), assigned_to=a.people["agent"].id, run_id=new_id(), attempt=1, index=0, chunk="Hi."
    ),
    AISummary: lambda a: AISummary(
        **parts(a),
        run_id=new_id(),
        assigned_to=a.people["agent"].id,
        summary="The customer waits.",
        based_on_seq=1,
        provider="embedded",
    ),
    AIDraft: lambda a: AIDraft(
        **parts(a),
        run_id=new_id(),
        assigned_to=a.people["agent"].id,
        draft=DRAFT,
        confidence=1.0,
        sources=[],
        citations=[],
        based_on_seq=1,
        provider="embedded",
    ),
    AIAssist: lambda a: AIAssist(
        **parts(a),
        requested_by=a.people["agent"].id,
        run_id=new_id(),
        text="The parcel is on its way.",
        cost={"tokens": 100, "dollars": 0.01},
        provider="openai",
    ),
    AIError: lambda a: AIError(**of_run(a), error="It failed", code="INTERNAL_ERROR"),
    ClassificationCorrected: lambda a: ClassificationCorrected(
        **parts(a), corrected_by=a.people["agent"].id, category="sales"
    ),
}


def test_every_event_that_is_published_has_an_example() -> None:
    assert set(EXAMPLES) == {event for event in EVENTS.values() if issubclass(event, Event)}


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.event_name)
async def test_published_event_reaches_each_recipient_once(audience: Audience, event: type[Event]) -> None:
    await audience.begin()
    await audience.node.context.publisher.publish(EXAMPLES[event](audience.account))
    await audience.settled()
    for person, client in audience.here.items():
        assert client.names() == ([event.event_name] if event.recipients & PEOPLE[person] else []), person
        assert person not in ("customer", "stranger") or not STAFF_ONLY_FIELDS & keys_in(
            [payload for _, payload in client.received]
        )
    assert not any(client.received for client in audience.there.values())


async def test_private_message_reaches_staff_only(audience: Audience) -> None:
    await audience.begin()
    note = a_message(audience.account, private=True)
    await audience.node.context.publisher.publish(NewMessage(account_id=audience.account.id, message=note))
    await audience.settled()
    assert [person for person, client in audience.here.items() if client.received] == ["viewer", "colleague", "agent"]


async def test_typing_of_a_note_reaches_joined_staff_only(audience: Audience) -> None:
    await audience.begin()
    agent = await audience.account.connect("agent", joins=True)
    await audience.settled()
    audience.forget()
    conversation = {"conversationId": str(audience.account.conversation)}
    await agent.do("typing_start", conversation | {"private": True})
    await agent.do("typing_stop", conversation)
    await audience.settled()
    received = {person: client.names() for person, client in audience.here.items() if client.received}
    assert received == {"colleague": ["typing_start", "typing_stop"]}
    assert all(payload["private"] for _, payload in audience.here["colleague"].received)
    await agent.close()


async def test_typing_of_a_note_by_a_customer_is_forbidden(audience: Audience) -> None:
    await audience.begin()
    note = {"conversationId": str(audience.account.conversation), "private": True}
    assert await audience.here["customer"].refused("typing_start", note) == "FORBIDDEN"


async def test_recovery_of_a_customer_replays_nothing_of_the_ai_and_no_note(
    audience: Audience, clients: ReconnectingClient
) -> None:
    await audience.begin()
    account, node = audience.account, audience.node
    connection = await clients.connect(account.url, account.token("customer"))
    await connection.receives("authenticated")
    await connection.do("join_conversation", str(account.conversation))
    connection.cut()
    for make in EXAMPLES.values():
        await node.context.publisher.publish(make(account))
    note = replace(a_message(account, private=True), seq=2)
    await node.context.publisher.publish(NewMessage(account_id=account.id, message=note))
    await audience.settled()
    again = await clients.reconnect(account.url, account.token("customer"), connection)
    assert again.sid == connection.sid
    assert again.missed
    for event, payload in [one for one in again.missed if one[0] != "marker"]:
        assert EVENTS[event].recipients & PEOPLE["customer"]
        assert not STAFF_ONLY_FIELDS & keys_in(payload), event
    assert str(note.id) not in str(again.missed)


async def test_change_of_private_message_reaches_staff_only(audience: Audience) -> None:
    await audience.begin()
    changed = replace(a_message(audience.account, private=True), revision=1)
    await audience.node.context.publisher.publish(MessageUpdated.of(audience.account.id, changed))
    await audience.settled()
    assert [person for person, client in audience.here.items() if client.received] == ["viewer", "colleague", "agent"]
