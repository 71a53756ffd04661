"""Events about AI runs, for staff only.

The events of a run are deduplicated: a second worker or the relay publishes them again when it cannot know whether the
first worker has.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, NotRequired, Self, TypedDict
from uuid import UUID

from hummdesk.ai.protocol import Priority, Sentiment, SourceKind, Tone
from hummdesk.core.models import RunKind, RunOutcome
from hummdesk.core.run_errors import UNEXPLAINED, RunErrorCode, code_of
from hummdesk.publish.audience import ACCOUNT, JOINED_STAFF, agent
from hummdesk.publish.events.base import Event, OfConversation, OfMessage, Payload, event, utc_now
from hummdesk.publish.fields import MAX_INTEGER, Count, Id, Range, Routing, Share
from hummdesk.storage.runs import EndedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class AIRun(OfMessage):
    """An AI run about a message."""

    processing_type: RunKind
    run_id: UUID


@event("ai_processing_started", schema="AIRun", to=(ACCOUNT,))
class AIProcessingStarted(AIRun):
    """An AI run begins: a worker has it, or, if it is a classification, the next free one will."""

    @property
    def key(self) -> str:
        return f"started/{self.run_id}"


@event("ai_processing_completed", schema="AIRunEnd", to=(ACCOUNT,))
class AIProcessingCompleted(AIRun):
    """An AI run has ended without a failure. `processingTime` is in milliseconds."""

    outcome: RunOutcome
    processing_time: Count

    @property
    def key(self) -> str:
        return f"ended/{self.run_id}"


class Classification(TypedDict):
    """`category` is the key of a built-in category or one of the account's own. With `unknown` it is only a guess."""

    category: str
    unknown: NotRequired[bool]
    priority: Priority
    urgency: Annotated[int, Range(0, 10)]
    sentiment: Sentiment
    language: str
    tags: list[str]
    suggestedTeam: NotRequired[Id]
    suggestedAgent: NotRequired[Id]


@event("ai_classification", to=(ACCOUNT,))
class AIClassification(OfMessage):
    """The classification of a customer's message. `processingTime` is in milliseconds.

    `fallback` is the error code of the chosen provider if the embedded one answered in its place; it is
    `budget_exhausted` if the account's daily budget is used up.
    """

    classification: Classification
    confidence: Share
    processing_time: Count
    provider: str
    fallback: str | None = None

    @property
    def key(self) -> str:
        return f"classified/{self.message_id}"

    @classmethod
    def of(cls, ended: EndedRun, result: Payload, *, at: datetime) -> Self:
        return cls(
            account_id=ended.account_id,
            conversation_id=ended.conversation_id,
            timestamp=at,
            message_id=ended.message_id,
            classification=result["classification"],
            confidence=result["confidence"],
            processing_time=milliseconds(ended),
            provider=result["provider"],
            fallback=result.get("fallback"),
        )


class Draft(TypedDict):
    """With `question`, `content` asks the customer for a detail on which the answer depends, and cites nothing."""

    content: str
    tone: Tone
    suggestedActions: list[str]
    question: NotRequired[bool]


class Citation(TypedDict):
    """A source of a draft. For a past answer, `title` is the question and `id` that of the agent's message.

    `quote` is what the draft takes from the source, word for word; `…` stands between sentences from several places.
    """

    kind: SourceKind
    title: str
    id: NotRequired[str]
    quote: NotRequired[str]


class Cost(TypedDict):
    """Of the calls of an external model. `dollars` is absent if a price is unknown."""

    tokens: Count
    dollars: NotRequired[Annotated[float, Range(0, MAX_INTEGER)]]


@event("ai_draft", to=(JOINED_STAFF, agent("assigned_to")))
class AIDraft(OfMessage):
    """A suggested reply. It is stale once a message has a greater `seq` than `basedOnSeq`.

    `sources` has the ids of the `citations` that have one; `fallback` is that of `ai_classification`.
    """

    run_id: UUID
    assigned_to: Routing[UUID | None] = None
    draft: Draft
    confidence: Share
    reasoning: str | None = None
    sources: list[str]
    citations: list[Citation] | None = None
    based_on_seq: Count
    provider: str
    fallback: str | None = None

    @property
    def key(self) -> str:
        """A message has at most one draft run that is done: no further one is started after it."""
        return f"drafted/{self.message_id}"

    @classmethod
    def of(cls, ended: EndedRun, result: Payload, *, at: datetime) -> Self:
        return cls(
            account_id=ended.account_id,
            conversation_id=ended.conversation_id,
            timestamp=at,
            message_id=ended.message_id,
            run_id=ended.id,
            assigned_to=result["assigned_to"] and UUID(result["assigned_to"]),
            draft=result["draft"],
            confidence=result["confidence"],
            reasoning=result["reasoning"],
            sources=result["sources"],
            citations=result.get("citations", []),  # older results have none
            based_on_seq=result["based_on_seq"],
            provider=result["provider"],
            fallback=result.get("fallback"),
        )


@event("ai_draft_delta", to=(JOINED_STAFF, agent("assigned_to")), is_volatile=True)
class AIDraftDelta(OfConversation):
    """A part of a draft that is being generated: all its chunks so far, in the order of `index`, begin the draft.

    A new `attempt` begins at index 0. A chunk that was missed is part of `ai_draft`, which replaces the chunks and may
    differ from them, and of `ai.streaming` in the answer to `join_conversation`.
    """

    assigned_to: Routing[UUID | None] = None
    run_id: UUID
    attempt: Count
    index: Count
    chunk: str


@event("ai_summary", to=(JOINED_STAFF, agent("assigned_to")))
class AISummary(OfMessage):
    """A summary of a conversation up to the message with the `seq` `basedOnSeq`; `fallback` is that of `ai_draft`.

    `cost` is that of the external model, also if its answer was not usable.
    """

    run_id: UUID
    assigned_to: Routing[UUID | None] = None
    summary: str
    based_on_seq: Count
    cost: Cost | None = None
    provider: str
    fallback: str | None = None

    @property
    def key(self) -> str:
        """A message has at most one summary run that is done."""
        return f"summarized/{self.message_id}"

    @classmethod
    def of(cls, ended: EndedRun, result: Payload, *, at: datetime) -> Self:
        return cls(
            account_id=ended.account_id,
            conversation_id=ended.conversation_id,
            timestamp=at,
            message_id=ended.message_id,
            run_id=ended.id,
            assigned_to=result["assigned_to"] and UUID(result["assigned_to"]),
            summary=result["summary"],
            based_on_seq=result["based_on_seq"],
            cost=result.get("cost"),
            provider=result["provider"],
            fallback=result.get("fallback"),
        )


@event("ai_assist", to=(agent("requested_by"),))
class AIAssist(OfMessage):
    """A translated or rewritten text, for the agent who has requested it. It is not stored.

    `messageId` is the message that was translated, else the newest one when the run was requested.
    """

    requested_by: Routing[UUID]
    run_id: UUID
    text: str
    cost: Cost | None = None
    provider: str

    @property
    def key(self) -> str:
        return assist_key(self.run_id)

    @classmethod
    def of(cls, ended: EndedRun, result: Payload, *, at: datetime) -> Self:
        return cls(
            account_id=ended.account_id,
            conversation_id=ended.conversation_id,
            timestamp=at,
            message_id=ended.message_id,
            requested_by=UUID(result["requested_by"]),
            run_id=ended.id,
            text=result["text"],
            cost=result.get("cost"),
            provider=result["provider"],
        )


@event("ai_error", to=(ACCOUNT,))
class AIError(AIRun):
    """An AI run has failed permanently. `error` is safe to show.

    With the code `UNAVAILABLE`, another request may succeed later; with `CONFLICT`, what the run is about is gone.
    """

    error: str
    code: RunErrorCode
    retryable: bool = False

    @property
    def key(self) -> str:
        return f"ended/{self.run_id}"


@event("classification_corrected", schema="ClassificationCorrection", to=(ACCOUNT,))
class ClassificationCorrected(OfMessage):
    """An agent has corrected the category or the priority of a message; the rest stays as the AI found it."""

    corrected_by: UUID
    category: str | None = None
    priority: Priority | None = None


Finding = AIClassification | AIDraft | AISummary | AIAssist
FINDINGS: dict[RunKind, type[Finding]] = {
    "classification": AIClassification,
    "draft": AIDraft,
    "summary": AISummary,
    "assist": AIAssist,
}


def finding_of(ended: EndedRun, result: Payload, *, at: datetime) -> Finding:
    """The event with the stored result of a run."""
    return FINDINGS[ended.kind].of(ended, result, at=at)


def events_of(ended: EndedRun, result: Payload | None) -> list[Event]:
    """The events of a run's end, in order: its result, if that is for staff, and its one terminal event."""
    about: dict[str, Any] = {
        "account_id": ended.account_id,
        "conversation_id": ended.conversation_id,
        "message_id": ended.message_id,
        "processing_type": ended.kind,
        "run_id": ended.id,
    }
    if ended.outcome is None:
        error = ended.last_error or UNEXPLAINED
        return [AIError(**about, error=error, code=code_of(error))]
    completed = AIProcessingCompleted(
        **about,
        outcome=ended.outcome,
        processing_time=milliseconds(ended),
    )
    if ended.outcome != "done" or result is None:
        return [completed]
    return [finding_of(ended, result, at=utc_now()), completed]


def result_keys(message_id: UUID) -> tuple[str, ...]:
    """The deduplication keys of the events with results about a message."""
    return (f"classified/{message_id}", f"drafted/{message_id}", f"summarized/{message_id}")


def assist_key(run_id: UUID) -> str:
    """The deduplication key of the result of a run for one agent."""
    return f"assisted/{run_id}"


def milliseconds(ended: EndedRun) -> int:
    """The time from the first attempt to the end, and 0 where the clocks of two machines differ by more."""
    if ended.started_at is None:
        return 0
    return max(0, round((ended.finished_at - ended.started_at).total_seconds() * 1000))
