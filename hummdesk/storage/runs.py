"""AI runs in the hands of a worker, several accounts' at a time. For how they come there see `outbox`.

`pending` → `published` (the broker has it) → `running` (a worker has claimed it) → `done` or `failed`. A lease bounds
how long `published` and `running` are believed. Whoever has `settle` end a run emits its terminal event and then calls
`announced`; the relay emits it for those who did not live to do so.
"""

import json
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from hummdesk.core.ids import new_id
from hummdesk.core.models import Message, RunKind, RunOutcome
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load, nested

queries = load("runs")

Ref = tuple[UUID, UUID]
"""Account and run."""

TURN_LENGTH = 2_000
"""Characters of each earlier message that a job brings along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A public message before that of a run."""

    sender: Literal["customer", "agent", "system"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A claimed run. `attempts` counts this try; `assigned_to` is who has the conversation now.

    `overtaken`: the customer or an agent has said something after its message. `history` has the oldest first.
    `provider` is the account's own choice, None for the default. `until` is its deadline, of time.monotonic().
    """

    id: UUID
    account_id: UUID
    kind: RunKind
    attempts: int
    message: Message
    assigned_to: UUID | None
    started_at: datetime
    overtaken: bool
    provider: str | None
    until: float
    history: tuple[Earlier, ...]

    @property
    def ref(self) -> Ref:
        return self.account_id, self.id

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        made = ("message", "history", "until")
        own = {name: row[name] for name in cls.__dataclass_fields__ if name not in made}
        history = tuple(Earlier(**turn) for turn in reversed(row["history"]))
        until = math.inf if row["seconds_left"] is None else time.monotonic() + row["seconds_left"]
        return cls(message=Message.from_row(nested(row, "message")), history=history, until=until, **own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a try: `done` with an outcome and perhaps a payload, `failed` for good, or `pending` again."""

    job: Job
    status: Literal["done", "failed", "pending"]
    outcome: RunOutcome | None = None
    error: str | None = None
    delay_seconds: float = 0.0
    """Until a pending one is due."""
    payload: dict[str, Any] | None = None
    priority: str | None = None
    """That the conversation gets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run whose terminal event is to be emitted: `outcome` is None for a failed one, which has a `last_error`."""

    id: UUID
    account_id: UUID
    conversation_id: UUID
    message_id: UUID
    kind: RunKind
    outcome: RunOutcome | None
    last_error: str | None
    started_at: datetime | None
    finished_at: datetime

    @property
    def ref(self) -> Ref:
        return self.account_id, self.id

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What came of verdicts.

    `ended` also has the drafts that became idle; a run that somebody else has ended is in none. `reprioritized` has
    accounts and conversations.
    """

    ended: list[Ended]
    again: set[UUID]
    """The runs that will be tried again."""
    reprioritized: set[tuple[UUID, UUID]]


async def claim(tx: Transaction, refs: Sequence[Ref], *, delivery: UUID, lease_seconds: float, turns: int) -> list[Job]:
    """Begin a try of each, in the order in which they were asked for.

    Left out is what another worker is at, has ended, or is past its deadline. `delivery` names the broker's message;
    `turns` is how many earlier messages each job brings along.
    """
    terms = {"delivery": delivery, "lease_seconds": lease_seconds, "turns": turns, "turn_length": TURN_LENGTH}
    return [Job.from_row(row) async for row in queries.claim(tx, **_named(refs), **terms)]


async def settle(tx: Transaction, verdicts: Sequence[Verdict], *, quiet_seconds: float) -> Settled:
    """Carry out verdicts on tries that still run.

    A classified message of an assigned conversation, if it is the last word there, has a draft asked for, which is due
    `quiet_seconds` after the message; the drafts for earlier ones are superseded.
    """
    rows = [
        row
        async for row in queries.settle(
            tx,
            **_named([verdict.job.ref for verdict in verdicts]),
            attempts=[verdict.job.attempts for verdict in verdicts],
            statuses=[verdict.status for verdict in verdicts],
            outcomes=[verdict.outcome for verdict in verdicts],
            errors=[verdict.error for verdict in verdicts],
            delays=[verdict.delay_seconds for verdict in verdicts],
            payloads=[None if verdict.payload is None else json.dumps(verdict.payload) for verdict in verdicts],
            priorities=[verdict.priority for verdict in verdicts],
            event_ids=[new_id() for _ in verdicts],
            draft_ids=[new_id() for _ in verdicts],
            quiet_seconds=quiet_seconds,
        )
    ]
    return Settled(
        ended=[Ended.from_row(row) for row in rows if row["status"] != "pending"],
        again={row["id"] for row in rows if row["status"] == "pending"},
        reprioritized={(row["account_id"], row["conversation_id"]) for row in rows if row["reprioritized"]},
    )


async def hand_back(tx: Transaction, refs: Sequence[Ref], *, delivery: UUID) -> int:
    """Give up what this delivery of the broker has claimed in a worker that is gone; how many runs that are."""
    return len([row async for row in queries.hand_back(tx, delivery=delivery, **_named(refs))])


async def announced(tx: Transaction, refs: Sequence[Ref]) -> int:
    """Note that the terminal events of ended runs are out; how many the relay was not faster with."""
    return len([row async for row in queries.announced(tx, **_named(refs))])


def _named(refs: Iterable[Ref]) -> dict[str, list[UUID]]:
    accounts, runs = zip(*refs, strict=True)
    return {"account_ids": list(accounts), "run_ids": list(runs)}
