"""What every AI provider takes and gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from uuid import UUID

Category = Literal[
    "account_access",
    "billing",
    "refund_cancellation",
    "order_shipping",
    "technical",
    "sales",
    "complaint_feedback",
    "general",
]
Priority = Literal["low", "medium", "high", "urgent"]
Sentiment = Literal["positive", "neutral", "negative"]
Tone = Literal["formal", "friendly", "empathetic", "professional"]


class ProviderError(Exception):
    """The provider gave no usable answer; another try may. Its text is for the log, never for a client.

    `code` names the failure in the books, `retry_after` is how many seconds the provider asks to be left alone.
    """

    def __init__(self, words: str, *, code: str = "unusable", retry_after: float | None = None) -> None:
        super().__init__(words)
        self.code = code
        self.retry_after = retry_after


class ProviderRefused(ProviderError):
    """The provider will answer this message the same way each time: not retried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMessage:
    """What a customer wrote: untrusted, of any length."""

    content: str
    """To classify: one message. To answer: all since the last reply, the oldest first, with blank lines between."""
    customer_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    id: UUID
    name: str
    agent_ids: tuple[UUID, ...] = ()
    """Its active agents and admins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A public message of the conversation: untrusted where a customer wrote it, cut where it is long."""

    sender: Literal["customer", "agent", "system"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What an agent of the account has made of the classification of an earlier message."""

    content: str
    """Of that message, cut where it is long."""
    similarity: float
    """To the message in question: the cosine of their embeddings, 1 for the same words."""
    category: Category | None = None
    """None, like `priority`: was left as it was found."""
    priority: Priority | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is known about the conversation and its account."""

    teams: tuple[Team, ...] = ()
    online: frozenset[UUID] = frozenset()
    """The agents that are there to answer now."""
    skills: Mapping[UUID, frozenset[str]] = field(default_factory=dict)
    """Of agents that have some, by name: categories and languages."""
    history: tuple[Turn, ...] = ()
    """What was said before the message in question, the oldest first: the last few public messages, none of its own."""
    corrections: tuple[Correction, ...] = ()
    """Those nearest to the message in question, the nearest first; only to classify."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    id: str
    title: str
    body: str
    questions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CannedReply:
    title: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAnswer:
    """An answer by an agent of the account to another customer, free of personal data (`answer_extraction`)."""

    id: str
    """Of the message."""
    question: str
    answer: str
    instead_of_draft: bool = False
    """There was a draft, and the agent has changed it or put it aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """All that a draft may be made of: one account's own."""

    articles: tuple[Article, ...] = ()
    canned_replies: tuple[CannedReply, ...] = ()
    past_answers: tuple[PastAnswer, ...] = ()


SourceKind = Literal["article", "canned_reply", "past_answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A source of a draft."""

    kind: SourceKind
    title: str
    """Of a past answer the question."""
    id: str | None = None
    """None for a canned reply."""

    def wire(self) -> dict[str, str]:
        named = {"kind": self.kind, "title": self.title}
        return named if self.id is None else named | {"id": self.id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    category: Category
    priority: Priority
    urgency: int
    """0 to 10."""
    sentiment: Sentiment
    language: str
    """ISO 639, `und` when it cannot be told."""
    tags: tuple[str, ...]
    confidence: float
    """0 to 1, of the category."""
    suggested_team: UUID | None = None
    suggested_agent: UUID | None = None

    def wire(self) -> dict[str, Any]:
        """`classification` of the event `ai_classification`."""
        suggested = {"suggestedTeam": self.suggested_team, "suggestedAgent": self.suggested_agent}
        return {
            "category": self.category,
            "priority": self.priority,
            "urgency": self.urgency,
            "sentiment": self.sentiment,
            "language": self.language,
            "tags": list(self.tags),
        } | {name: str(value) for name, value in suggested.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A reply for an agent to send or change; without `content` the provider abstains, and `reasoning` says why."""

    content: str | None
    confidence: float
    reasoning: str
    citations: tuple[Citation, ...] = ()
    """Its sources, the best first, at most three."""
    tone: Tone = "friendly"
    suggested_actions: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """Ids of the articles and past answers among them."""
        return tuple(one.id for one in self.citations if one.id is not None)

    @property
    def outcome(self) -> Literal["done", "abstained"]:
        return "abstained" if self.content is None else "done"

    def wire(self) -> dict[str, Any]:
        """`draft` of the event `ai_draft`."""
        return {"content": self.content, "tone": self.tone, "suggestedActions": list(self.suggested_actions)}


class Provider(Protocol):
    name: str

    async def classify(self, message: IncomingMessage, context: Context) -> Classification:
        """Raises ProviderError."""

    async def draft(self, message: IncomingMessage, context: Context, knowledge: Knowledge) -> Draft:
        """Raises ProviderError."""
