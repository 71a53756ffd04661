"""Simulations: what the AI would have drafted on closed conversations, compared with what agents have sent.

Status: `pending` → `running` (its questions are known) → `done`, `cancelled` or `failed`. The relay sends the steps of
a simulation to the workers, one at a time. `step` identifies a step: a task that is delivered twice does nothing.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, Self
from uuid import UUID

from psycopg.types.json import Jsonb

from hummdesk.core.clock import wire_time
from hummdesk.core.errors import Conflict, NotFound
from hummdesk.core.models import Person
from hummdesk.storage import accounts, audit
from hummdesk.storage.database import Transaction
from hummdesk.storage.page_cursor import encode, id_of
from hummdesk.storage.queries import load
from hummdesk.storage.runs import HISTORY_CHARACTERS, EarlierMessage

queries = load("simulations")

Status = Literal["pending", "running", "done", "cancelled", "failed"]
Outcome = Literal["drafted", "abstained", "failed"]

KEPT = 20
"""Simulations that are kept of an account; older ones are deleted when another one is started."""
MAX_CONVERSATIONS = 1_000
MAX_ANSWERS = 10
"""Questions of one conversation."""
MAX_MESSAGES = 200
"""Public messages of a conversation that are read."""
MAX_REPLIES = 5
"""Replies to one question that are compared as one."""
MAX_ATTEMPTS = 3
"""Attempts of a question: one that ends its worker process must not do so without end."""
MAX_STEP_ATTEMPTS = 10
"""Attempts of a step until one ends: with the lease of 47 s, for eight minutes."""
SHOWN_CHARACTERS = 2_000
SHOWN_TOPICS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    id: UUID
    status: Status
    since: datetime
    max_conversations: int
    max_dollars: Decimal
    provider: str | None
    """None: that of the account."""
    conversations: int
    questions: int
    completed: int
    cost_usd: Decimal
    unpriced: int
    """Requests with an unknown price, which `cost_usd` does not include."""
    error: str | None
    created_at: datetime
    finished_at: datetime | None
    batch_at: datetime | None
    """When the batch of the provider was submitted that is in progress."""

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    def wire(self) -> dict[str, Any]:
        shown = {
            "id": str(self.id),
            "status": self.status,
            "since": wire_time(self.since),
            "maxConversations": self.max_conversations,
            "maxDollars": float(self.max_dollars),
            "conversations": self.conversations,
            "questions": self.questions,
            "completed": self.completed,
            "costUsd": float(self.cost_usd),
            "unpriced": self.unpriced,
            "createdAt": wire_time(self.created_at),
        }
        optional = {
            "provider": self.provider,
            "error": self.error,
            "finishedAt": self.finished_at and wire_time(self.finished_at),
            "batchAt": self.batch_at and wire_time(self.batch_at),
        }
        return shown | {name: value for name, value in optional.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch of a provider; its `id` is empty while it is submitted."""

    id: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedStep:
    """A step of a simulation that this worker has begun."""

    account_id: UUID
    id: UUID
    status: Status
    since: datetime
    max_conversations: int
    max_dollars: Decimal
    cost_usd: Decimal
    step_attempts: int
    """This one, and those before it that did not end."""
    batch_id: str | None
    """The batch of the provider that is in progress, empty while its submission is. Then the simulation may have ended
    already."""
    batch_seconds: float | None
    """Since the batch was submitted, or its submission began."""
    batch_day: date | None
    """The day of the budget on which the batch is reserved."""
    provider: str | None
    daily_tokens: int | None
    daily_dollars: Decimal | None

    @property
    def is_finished(self) -> bool:
        return self.status not in ("pending", "running")

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question as it was before an agent answered it, and the answer."""

    message_id: UUID
    content: str
    sender_name: str
    history: tuple[EarlierMessage, ...]
    """Oldest first."""
    reply: str
    own_replies: frozenset[UUID]
    """All replies of agents in its conversation, from which the draft must not learn."""

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(
            message_id=row["message_id"],
            content=row["content"],
            sender_name=row["sender_name"],
            history=tuple(EarlierMessage(**turn) for turn in reversed(row["history"])),
            reply="\n\n".join(row["replies"]),
            own_replies=frozenset(row["own_replies"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedDraft:
    """The result for a question. The comparison is None unless it was `drafted`."""

    message_id: UUID
    outcome: Outcome
    provider: str | None = None
    confidence: float | None = None
    source_kind: str | None = None
    source_id: UUID | None = None
    draft: str | None = None
    facts: int | None = None
    kept_facts: int | None = None
    other_facts: int | None = None
    edit_distance: float | None = None
    draft_words: int | None = None
    reply_words: int | None = None
    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0


async def start(
    tx: Transaction,
    actor: Person | None,
    *,
    id: UUID,
    since: datetime,
    max_conversations: int,
    max_dollars: Decimal,
    provider: str | None,
) -> Simulation:
    """Add a simulation of the transaction's account, which the relay starts; one that has not finished is cancelled.

    Nothing happens if it exists already. Raises NotFound for an unknown account.
    """
    await accounts.locked(tx)
    await queries.cancel_others(tx, id=id)
    added = await queries.add(
        tx,
        id=id,
        since=since,
        max_conversations=max_conversations,
        max_dollars=max_dollars,
        provider=provider,
        created_by=actor and actor.id,
    )
    if added is not None:
        await audit.record(tx, actor, "simulation.started", id)
        async for _ in queries.beyond_newest(tx, newest=KEPT):
            pass
    return await get(tx, id)


async def get(tx: Transaction, id: UUID) -> Simulation:
    """Raises NotFound."""
    row = await queries.get(tx, id=id)
    if row is None:
        raise NotFound("No simulation has this id")
    return Simulation.from_row(row)


async def newest(tx: Transaction) -> list[Simulation]:
    """The simulations of the account, newest first."""
    return [Simulation.from_row(row) async for row in queries.newest(tx, limit=KEPT)]


async def cancel(tx: Transaction, actor: Person | None, id: UUID) -> Simulation:
    """End a simulation; what it has found stays. Nothing happens if it has ended. Raises NotFound."""
    if await queries.finish(tx, id=id, status="cancelled", error=None) is not None:
        await audit.record(tx, actor, "simulation.cancelled", id)
    return await get(tx, id)


async def end_all(tx: Transaction) -> dict[UUID, int]:
    """End the simulations of an account; return the steps of those whose batch is in progress, which are due."""
    return {row["id"]: row["step"] async for row in queries.end_all(tx) if row["batch_id"] is not None}


async def without_step(tx: Transaction, since: Mapping[UUID, int]) -> list[Batch]:
    """The batches in progress of simulations that have ended no step that began after these, or have begun since."""
    return [
        Batch(id=row["batch_id"], provider=row["batch_provider"])
        async for row in queries.batches(tx)
        if row["id"] not in since or row["step"] < since[row["id"]] + 2 or row["step_attempts"] > 0
    ]


async def remove(tx: Transaction, actor: Person | None, id: UUID) -> None:
    """Delete a simulation with its drafts. Raises NotFound, and Conflict while its batch is in progress."""
    if await queries.remove(tx, id=id) is None:
        await get(tx, id)
        raise Conflict("The provider still answers a batch of this simulation; cancel it, and delete it later")
    await audit.record(tx, actor, "simulation.removed", id)


async def figures(tx: Transaction, id: UUID) -> dict[str, Any]:
    """The figures of a simulation by category, source and answer, and its curve, as JSON."""
    rows = [row async for row in queries.figures(tx, id=id)]
    return {
        "total": next((_figures(row) for row in rows if row["kind"] == "all"), _NOTHING),
        "categories": [{"category": row["category"]} | _figures(row) for row in rows if row["kind"] == "category"],
        "sources": [
            _source(row) | _figures(row) for row in rows if row["kind"] == "source" and row["source_kind"] is not None
        ],
        "answers": [{"isFirst": row["is_first"]} | _figures(row) for row in rows if row["kind"] == "answer"],
        "curve": await curve(tx, id),
        "topics": await topics(tx, id),
    }


async def topics(tx: Transaction, id: UUID) -> list[dict[str, Any]]:
    """The largest topics of the questions that nothing answers, with examples, as JSON."""
    rows = queries.topics(tx, id=id, limit=SHOWN_TOPICS, length=SHOWN_CHARACTERS)
    return [{"questions": row["questions"], "examples": row["examples"]} async for row in rows]


async def abstained(tx: Transaction, id: UUID, *, limit: int) -> list[tuple[UUID, str]]:
    """The newest questions of a simulation that nothing answers, as message and text."""
    rows = queries.abstained(tx, id=id, limit=limit, length=SHOWN_CHARACTERS)
    return [(row["message_id"], row["content"]) async for row in rows]


async def store_topics(tx: Transaction, id: UUID, found: Sequence[tuple[int, Sequence[UUID]]]) -> None:
    """Store the topics of a simulation as their number of questions and examples, the largest first."""
    records = [
        {"number": number, "questions": size, "message_ids": list(map(str, examples))}
        for number, (size, examples) in enumerate(found)
    ]
    await queries.store_topics(tx, id=id, topics=json.dumps(records))


async def curve(tx: Transaction, id: UUID, category: str | None = None) -> list[dict[str, Any]]:
    """For each least confidence, coverage and kept facts, as JSON."""
    return [
        {
            "minConfidence": row["min_confidence"],
            "questions": row["questions"],
            "drafted": row["drafted"],
            "facts": row["facts"],
            "keptFacts": row["kept_facts"],
            "withFacts": row["with_facts"],
            "withAllFacts": row["with_all_facts"],
        }
        | _present(editDistance=row["edit_distance"])
        async for row in queries.curve(tx, id=id, category=category)
    ]


async def drafts(
    tx: Transaction, id: UUID, *, category: str | None, limit: int, cursor: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of the drafts of a simulation as JSON, and the cursor of the next one. Raises NotFound, Invalid."""
    simulation = await get(tx, id)
    found = queries.drafts(
        tx, id=id, before_id=id_of(cursor), category=category, limit=limit + 1, length=SHOWN_CHARACTERS
    )
    rows = [row async for row in found]
    more = encode(simulation.created_at, rows[limit - 1]["message_id"]) if len(rows) > limit else None
    return [_draft(row) for row in rows[:limit]], more


async def take_due(tx: Transaction, *, limit: int, lease_seconds: float) -> list[tuple[UUID, UUID, int]]:
    """Account, simulation and step of what is due, for the relay. A step that is lost is due again after the lease."""
    rows = queries.take_due(tx, limit=limit, lease_seconds=lease_seconds)
    return [(row["account_id"], row["id"], row["step"]) async for row in rows]


async def claim(tx: Transaction, *, id: UUID, step: int, lease_seconds: float) -> ClaimedStep | None:
    """Begin a step; None if another process has begun it or the simulation has ended."""
    row = await queries.claim(tx, id=id, step=step, lease_seconds=lease_seconds)
    return row and ClaimedStep.from_row(row)


async def plan(tx: Transaction, step: ClaimedStep) -> None:
    """Find and store the questions of a simulation."""
    await queries.plan(
        tx,
        id=step.id,
        since=step.since,
        max_conversations=step.max_conversations,
        max_messages=MAX_MESSAGES,
        max_answers=MAX_ANSWERS,
    )


async def take_question(tx: Transaction, id: UUID, *, history_limit: int) -> Question | None:
    """Begin an attempt of the next question; None if none is left."""
    row = await queries.take_question(
        tx,
        id=id,
        max_attempts=MAX_ATTEMPTS,
        history_limit=history_limit,
        history_characters=HISTORY_CHARACTERS,
        max_replies=MAX_REPLIES,
        max_messages=MAX_MESSAGES,
    )
    return row and Question.from_row(row)


async def store(tx: Transaction, id: UUID, draft: SimulatedDraft) -> Decimal | None:
    """Store the draft of a question; return the cost of the simulation so far, None if it had a draft."""
    record = {name: getattr(draft, name) for name in SimulatedDraft.__dataclass_fields__}
    row = await queries.store(tx, id=id, draft=json.dumps(record, default=str))
    cost: Decimal | None = row and row["cost_usd"]
    return cost


async def store_request(tx: Transaction, id: UUID, message_id: UUID, request: Mapping[str, Any]) -> None:
    """Store what a batch will ask about a question, unless the simulation has ended."""
    await queries.store_request(tx, id=id, message_id=message_id, request=Jsonb(request))


async def count_requests(tx: Transaction, id: UUID) -> int:
    count: int = (await queries.count_requests(tx, id=id))["requests"]
    return count


async def requests(tx: Transaction, id: UUID, *, limit: int) -> dict[UUID, dict[str, Any]]:
    """The requests that are prepared, or in the batch, by message."""
    return {row["message_id"]: row["request"] async for row in queries.requests(tx, id=id, limit=limit)}


async def begin_batch(
    tx: Transaction,
    id: UUID,
    *,
    provider: str,
    day: date | None,
    message_ids: Collection[UUID],
) -> bool:
    """Store, before a batch is submitted, that it will be; return False if the simulation has ended.

    Until its id is stored, no other step submits a batch, and the simulation cannot be deleted.
    """
    row = await queries.begin_batch(tx, id=id, provider=provider, day=day, message_ids=list(message_ids))
    return row is not None


async def name_batch(tx: Transaction, id: UUID, batch_id: str) -> bool:
    """Store the id of the batch that was submitted; return False if the simulation does not exist any more."""
    return await queries.name_batch(tx, id=id, batch_id=batch_id) is not None


async def withdraw_batch(tx: Transaction, id: UUID) -> None:
    """Store that the provider has not accepted the batch; it is submitted again after the lease."""
    await queries.withdraw_batch(tx, id=id)


async def remaining(tx: Transaction, id: UUID, message_ids: Collection[UUID]) -> set[UUID]:
    """Those of the messages whose questions the simulation still has: of others, the customers were erased."""
    return {row["message_id"] async for row in queries.remaining(tx, id=id, message_ids=list(message_ids))}


async def end_batch(tx: Transaction, id: UUID, *, cost: Decimal = Decimal(0)) -> None:
    """Go on without the batch: its answers are stored, or will never be. `cost`: of questions that were erased."""
    await queries.end_batch(tx, id=id, cost=cost)


async def release(tx: Transaction, id: UUID, *, seconds: float) -> None:
    """End a step; the next one is due after a delay."""
    await queries.release(tx, id=id, seconds=seconds)


async def finish(tx: Transaction, id: UUID, *, error: str | None = None) -> None:
    """End a simulation, unless it was cancelled. With an error, the rest of its questions has no result."""
    ended = await queries.finish(tx, id=id, status="done" if error is None else "failed", error=error)
    if ended is not None and error is None:
        async for _ in queries.fail_open(tx, id=id):
            pass


_NOTHING: dict[str, Any] = dict.fromkeys(
    ("questions", "drafted", "failed", "facts", "keptFacts", "otherFacts", "withFacts", "withAllFacts"), 0
) | {"costUsd": 0.0}


def _figures(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "questions": row["questions"],
        "drafted": row["drafted"],
        "failed": row["failed"],
        "facts": row["facts"],
        "keptFacts": row["kept_facts"],
        "otherFacts": row["other_facts"],
        "withFacts": row["with_facts"],
        "withAllFacts": row["with_all_facts"],
        "costUsd": float(row["cost_usd"]),
    } | _present(editDistance=row["edit_distance"], draftWords=row["draft_words"], replyWords=row["reply_words"])


def _source(row: dict[str, Any]) -> dict[str, Any]:
    source = row["source_id"]
    return {"kind": row["source_kind"]} | _present(id=source and str(source), title=row["title"])


def _draft(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "messageId": str(row["message_id"]),
        "conversationId": str(row["conversation_id"]),
        "category": row["category"],
        "isFirst": row["is_first"],
        "outcome": row["outcome"],
        "question": row["question"],
        "reply": row["reply"] or "",
    } | _present(
        provider=row["provider"],
        confidence=row["confidence"],
        sourceKind=row["source_kind"],
        sourceId=row["source_id"] and str(row["source_id"]),
        sourceTitle=row["source_title"],
        draft=row["draft"],
        facts=row["facts"],
        keptFacts=row["kept_facts"],
        otherFacts=row["other_facts"],
        editDistance=row["edit_distance"],
    )


def _present(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
