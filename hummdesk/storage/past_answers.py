"""Replies of agents from which the AI learns: how drafts were used, and answers that may serve other customers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self
from uuid import UUID

from hummdesk.core.ids import new_id
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("past_answers")

DraftUse = Literal["as_it_was", "edited", "ignored"]

TURNS = 20
"""Maximum number of earlier public messages with a reply, each cut to TURN_LENGTH characters."""
TURN_LENGTH = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    sender: Literal["customer", "agent", "system"]
    name: str
    seq: int
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A public reply of an agent with its context."""

    message_id: UUID
    content: str
    agent_name: str
    customer_name: str
    customer_email: str
    draft_run_id: UUID | None
    draft_seq: int | None
    draft: str | None
    """The last draft before the reply, perhaps for an earlier question."""
    before: tuple[Turn, ...]
    """Earlier public messages, newest first."""

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        own = {name: row[name] for name in cls.__dataclass_fields__ if name != "before"}
        return cls(**own, before=tuple(Turn(**turn) for turn in row["before"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedReply:
    """What was learned from a reply. `draft_*` is None without a draft, the rest if the reply cannot serve others."""

    message_id: UUID
    draft_run_id: UUID | None
    draft_use: DraftUse | None
    question: str | None
    answer: str | None


async def unlearned(tx: Transaction, *, limit: int) -> list[Reply]:
    """Unprocessed replies of the account, oldest first, locked; those locked by another transaction are left out."""
    return [Reply.from_row(row) async for row in queries.unlearned(tx, limit=limit, turns=TURNS, length=TURN_LENGTH)]


async def store_lessons(tx: Transaction, learned: Sequence[LearnedReply], *, newest: int) -> None:
    """Store what was learned from replies that `unlearned` has locked; only the `newest` answers stay searchable."""
    await _drain(queries.store_lessons(tx, lessons=json.dumps([_record(one) for one in learned])))
    old = [row["message_id"] async for row in queries.beyond_newest(tx, newest=newest)]
    if old:
        await _drain(queries.remove_answers(tx, message_ids=old))


async def unlearned_accounts(tx: Transaction, *, limit: int) -> list[UUID]:
    """The accounts with unprocessed replies, those with the oldest first; for the relay."""
    return [row["account_id"] async for row in queries.unlearned_accounts(tx, limit=limit)]


def _record(learned: LearnedReply) -> dict[str, Any]:
    return {
        "message_id": str(learned.message_id),
        "run_id": None if learned.draft_run_id is None else str(learned.draft_run_id),
        "use": learned.draft_use,
        "question": learned.question,
        "answer": learned.answer,
        "event_id": str(new_id()),
    }


async def _drain(rows: Any) -> None:
    async for _ in rows:
        pass
