"""Answers that the AI sends by itself, and the hand-over of their conversations to people.

Whether it may still answer is decided in the transaction of the message, under the lock of the conversation: never
after a person has answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID, uuid5

from psycopg.types.json import Jsonb

from hummdesk.core.errors import Conflict, Invalid
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage import accounts, audit, conversations, hand_over_texts, messages, run_requests
from hummdesk.storage.changes import changed_fields
from hummdesk.storage.database import Transaction
from hummdesk.storage.messages import NewMessage
from hummdesk.storage.queries import load
from hummdesk.storage.runs import ClaimedRun

queries = load("automatic")

Verdict = Literal["yes", "no", "person"]

LEAST_DRAFTS = 10
"""Drafts of a category in a simulation from which a threshold may be chosen."""
RESOLUTION_HOURS = 72
"""Without a message of the customer or a person after the last answer, a conversation counts as resolved."""
MAX_CONVERSATIONS = 5_000
"""The newest conversations of a range, which a report reads."""
MAX_FAILURES = 2

COUNTS = {
    "conversations": "conversations",
    "answers": "answers",
    "resolved": "resolved",
    "waiting": "waiting",
    "handedOver": "handed_over",
    "lowScore": "low_score",
    "anger": "anger",
    "secondFailure": "second_failure",
    "asked": "asked",
    "answeredByPerson": "person",
    "yes": "yes",
    "no": "no",
}
"""The column of each count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    min_confidence: float
    simulation_id: UUID
    """From which it was chosen."""
    provider: str | None = field(default=None, compare=False)
    """Whose drafts the simulation has proven; no other's are sent. Set by `put`."""

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        simulation_id = UUID(stored["simulationId"])
        return cls(min_confidence=stored["minConfidence"], simulation_id=simulation_id, provider=stored.get("provider"))

    def stored(self) -> dict[str, Any]:
        return self.wire() | {"provider": self.provider}

    def wire(self) -> dict[str, Any]:
        return {"minConfidence": self.min_confidence, "simulationId": str(self.simulation_id)}


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomaticAnswers:
    """The categories that an account allows, if it has switched them on."""

    is_enabled: bool = False
    categories: Mapping[str, Threshold] = field(default_factory=dict)

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """The settings that a valid body of the contract describes."""
        found = {
            one["category"]: Threshold(min_confidence=one["minConfidence"], simulation_id=UUID(one["simulationId"]))
            for one in body["categories"]
        }
        return cls(is_enabled=body["enabled"], categories=found)

    def wire(self) -> dict[str, Any]:
        categories = [{"category": name} | one.wire() for name, one in self.categories.items()]
        return {"enabled": self.is_enabled, "categories": categories}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of the machine to the customer's message with a seq; `failures` are those so far."""

    run_id: UUID
    conversation_id: UUID
    seq: int
    content: str
    category: str
    confidence: float
    failures: int
    sources: tuple[str, ...]
    sender_name: str


async def settings(tx: Transaction) -> AutomaticAnswers:
    row = await queries.settings(tx)
    if row is None:
        return AutomaticAnswers()
    found = {name: Threshold.of(stored) for name, stored in row["categories"].items()}
    return AutomaticAnswers(is_enabled=row["is_enabled"], categories=found)


async def put(tx: Transaction, actor: Person | None, account_id: UUID, new: AutomaticAnswers) -> AutomaticAnswers:
    """Set what the AI may answer by itself. Raises NotFound, and Invalid for a threshold without a proof."""
    await accounts.locked(tx)
    old = await settings(tx)
    if not (fields := changed_fields(old, new)):
        return new
    stored = {}
    for number, (category, threshold) in enumerate(new.categories.items()):
        proven = old.categories.get(category)
        if proven != threshold:
            proven = replace(threshold, provider=await _proven_provider(tx, number, category, threshold))
        stored[category] = proven.stored()
    await queries.put(tx, is_enabled=new.is_enabled, categories=Jsonb(stored))
    await audit.record(tx, actor, "automatic_answers.updated", account_id, {"fields": fields})
    return new


async def _proven_provider(tx: Transaction, number: int, category: str, threshold: Threshold) -> str | None:
    """The provider of the drafts that a simulation has proven. Raises Invalid for too few."""
    row = await queries.proven(
        tx,
        simulation_id=threshold.simulation_id,
        category=category,
        min_confidence=threshold.min_confidence,
    )
    if row is None or row["drafted"] < LEAST_DRAFTS:
        fault = f"Must be of a simulation that is done, with at least {LEAST_DRAFTS} drafts above the confidence."
        raise Invalid(details={f"categories.{number}.simulationId": [fault]})
    provider: str | None = row["provider"]
    return provider


async def case(tx: Transaction, run: ClaimedRun) -> dict[str, Any] | None:
    """Lock the conversation; return what decides about an answer after a draft, None if none is enabled."""
    conversation_id, message = run.message.conversation_id, run.message
    await conversations.lock(tx, viewer=_machine(run.account_id, ""), conversation_id=conversation_id)
    about = {"conversation_id": conversation_id, "message_id": message.id, "seq": message.seq}
    row: dict[str, Any] | None = await queries.case(tx, **about, run_id=run.id, attempt=run.attempts)
    return row


async def answer(tx: Transaction, account_id: UUID, answer: Answer) -> bool:
    """Send an answer, unless something has changed since the question; return whether it was sent.

    The conversation then waits for the customer. The relay publishes what has changed, from the outbox.
    """
    machine = _machine(account_id, answer.sender_name)
    conversation_id = answer.conversation_id
    await conversations.lock(tx, viewer=machine, conversation_id=conversation_id)
    about = {"conversation_id": conversation_id, "category": answer.category}
    row = await queries.may_answer(tx, **about, seq=answer.seq, confidence=answer.confidence)
    if not (row and row["may"]):
        return False
    message = NewMessage(
        id=uuid5(answer.run_id, "automatic"),
        conversation_id=conversation_id,
        content=answer.content,
        metadata={"automatic": True, "runId": str(answer.run_id), "sources": list(answer.sources)},
        client_message_id=str(answer.run_id),
        based_on_seq=answer.seq,
    )
    try:
        sent = await messages.send_locked(tx, messages.Outgoing.of(machine, message))
    except Conflict:
        return False
    if sent.created:
        await queries.answered(tx, **about, failures=answer.failures, seq=sent.message.seq)
        await _change_status(tx, conversation_id, "pending", "automatic answer")
    return sent.created


async def judge(tx: Transaction, customer: Person, conversation_id: UUID, verdict: Verdict) -> bool:
    """Record a customer's verdict about the last answer; return whether the conversation is handed over.

    Raises NotFound, and Conflict without an automatic answer.
    """
    await conversations.lock(tx, viewer=customer, conversation_id=conversation_id)
    row = await queries.judge(tx, conversation_id=conversation_id, verdict=None if verdict == "person" else verdict)
    if row is None:
        raise Conflict("The conversation has no automatic answer")
    if row["is_handed_over"]:
        return True
    if verdict == "person" or row["failures"] >= MAX_FAILURES:
        reason = "asked" if verdict == "person" else "second_failure"
        return await hand_over(tx, customer.account_id, conversation_id, reason)
    return False


async def hand_over(tx: Transaction, account_id: UUID, conversation_id: UUID, reason: str) -> bool:
    """Hand a conversation over to people, with a note and a summary, back in its queue; return whether it was.

    The note is in the language of the conversation, as the AI has found it: accounts have none.
    """
    machine = _machine(account_id, "HummDesk")
    await conversations.lock(tx, viewer=machine, conversation_id=conversation_id)
    if await queries.hand_over(tx, conversation_id=conversation_id, reason=reason) is None:
        return False
    row = await queries.language(tx, conversation_id=conversation_id)
    language: str | None = row and row["language"]
    note = NewMessage(
        conversation_id=conversation_id,
        content=hand_over_texts.note(language, reason),
        metadata={"handedOver": reason},
        private=True,
    )
    await messages.send_locked(tx, messages.Outgoing.of(machine, note))
    await _change_status(tx, conversation_id, "open", hand_over_texts.change(language, reason))
    await run_requests.request(tx, conversation_id=conversation_id, kind="summary")
    return True


async def report(tx: Transaction, *, since: datetime, until: datetime) -> dict[str, Any]:
    """What became of the conversations of a range that the machine has answered, in total and by category, as JSON."""
    found = queries.figures(tx, since=since, until=until, hours=RESOLUTION_HOURS, limit=MAX_CONVERSATIONS)
    rows = [row async for row in found]
    return {
        "total": _counts(rows[0]),
        "isPartial": rows[0]["conversations"] == MAX_CONVERSATIONS,
        "categories": [{"category": row["category"]} | _counts(row) for row in rows[1:]],
    }


def _counts(row: dict[str, Any]) -> dict[str, int]:
    return {name: int(row[column] or 0) for name, column in COUNTS.items()}


def _machine(account_id: UUID, name: str) -> Person:
    """The sender of automatic answers; its id is that of the account."""
    return Person(account_id=account_id, id=account_id, email="", name=name, role="agent", is_key=True)


async def _change_status(tx: Transaction, conversation_id: UUID, status: conversations.Status, reason: str) -> None:
    await conversations.queries.change_status(
        tx,
        conversation_id=conversation_id,
        status=status,
        reason=reason,
        actor_id=None,
        actor_type="system",
        event_id=new_id(),
    )
