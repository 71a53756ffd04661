"""What agents have answered, as it is learned from: what became of drafts, and what may serve as an answer to all."""

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
"""Public messages before a reply that come along, each cut to TURN_LENGTH characters."""
TURN_LENGTH = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    sender: Literal["customer", "agent", "system"]
    name: str
    seq: int
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A public reply of an agent, with what led to it; `before` has the newest first."""

    message_id: UUID
    content: str
    agent_name: str
    customer_name: str
    customer_email: str
    draft_run_id: UUID | None
    draft_seq: int | None
    draft: str | None
    """The last draft before it, perhaps of an earlier question."""
    before: tuple[Turn, ...]

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        own = {name: row[name] for name in cls.__dataclass_fields__ if name != "before"}
        return cls(**own, before=tuple(Turn(**turn) for turn in row["before"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """`draft_run_id` and `draft_use` are None where there was no draft, the others for what is not for others."""

    message_id: UUID
    draft_run_id: UUID | None
    draft_use: DraftUse | None
    question: str | None
    answer: str | None


async def unlearned(tx: Transaction, *, limit: int) -> list[Reply]:
    """Replies of the account that nobody has looked at, the oldest first, locked; not those that somebody else has."""
    return [Reply.from_row(row) async for row in queries.unlearned(tx, limit=limit, turns=TURNS, length=TURN_LENGTH)]


async def keep(tx: Transaction, learned: Sequence[Learned], *, newest: int) -> None:
    """Keep what has been learned of replies that `unlearned` has locked; of the account the `newest` are found."""
    rows = queries.learned(
        tx,
        message_ids=[one.message_id for one in learned],
        run_ids=[one.draft_run_id for one in learned],
        uses=[one.draft_use for one in learned],
        questions=[one.question for one in learned],
        answers=[one.answer for one in learned],
        event_ids=[new_id() for _ in learned],
    )
    await _drain(rows)
    old = [row["message_id"] async for row in queries.superfluous(tx, keep=newest)]
    if old:
        await _drain(queries.forget(tx, message_ids=old))


async def waiting(tx: Transaction, *, limit: int) -> list[UUID]:
    """Of all accounts, those with replies that nobody has looked at, the longest waiting first."""
    return [row["account_id"] async for row in queries.waiting(tx, limit=limit)]


async def _drain(rows: Any) -> None:
    async for _ in rows:
        pass
