"""The draft of a question of a simulation: the request to its provider, and the result that is stored."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from uuid import UUID

from hummdesk.ai import comparison
from hummdesk.ai.protocol import Draft
from hummdesk.core.models import ModelCall
from hummdesk.storage.simulations import ClaimedStep, SimulatedDraft

BUDGET_REACHED = "The cost has reached the maximum of the simulation"
BUDGET_EXHAUSTED = "The daily budget of the account is used up"


class Ended(Exception):
    """The simulation cannot go on; the text is shown to admins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRequest:
    """A question of a simulation, asked once: no retries, within the time limit of an attempt."""

    step: ClaimedStep
    attempts: int
    deadline: float

    @property
    def run_id(self) -> None:
        return None

    @property
    def account_id(self) -> UUID:
        return self.step.account_id

    @property
    def provider(self) -> str | None:
        return self.step.provider

    @property
    def daily_tokens(self) -> int | None:
        return self.step.daily_tokens

    @property
    def daily_dollars(self) -> Decimal | None:
        return self.step.daily_dollars


def failed(message_id: UUID, provider: str, calls: Sequence[ModelCall]) -> SimulatedDraft:
    """A question that the provider has not answered, with its cost."""
    known = [call.cost for call in calls if call.cost is not None]
    return SimulatedDraft(
        message_id=message_id,
        outcome="failed",
        provider=provider,
        cost_usd=sum(known, Decimal(0)),
        unpriced=sum(call.cost is None and call.usage.total > 0 for call in calls),
    )


def compared(
    message_id: UUID, provider: str, calls: Sequence[ModelCall], draft: Draft, *, question: str, reply: str
) -> SimulatedDraft:
    """A draft compared with what agents have replied to the question, or an abstention."""
    abstained = replace(failed(message_id, provider, calls), outcome="abstained", confidence=draft.confidence)
    if draft.content is None or draft.is_question:  # which answers nothing, and cannot be compared
        return abstained
    first = draft.citations[0] if draft.citations else None
    return replace(
        abstained,
        outcome="drafted",
        source_kind=first.kind if first else None,
        source_id=UUID(first.id) if first and first.id else None,
        draft=draft.content,
        **asdict(comparison.compare(draft.content, reply, question)),
    )
