"""The protocol of AI providers: what a provider receives and what it returns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Protocol, Self
from uuid import UUID

from hummdesk.core.assist import Assist
from hummdesk.core.categories import OwnCategory, OwnTag

Priority = Literal["low", "medium", "high", "urgent"]
Sentiment = Literal["positive", "neutral", "negative"]
Tone = Literal["formal", "friendly", "empathetic", "professional"]


MAX_QUOTE = 1_000
"""Characters of what is shown of one source."""

UNKNOWN_LANGUAGE = "und"
"""Of ISO 639-2: undetermined."""
UNKNOWN_BELOW = 0.3
"""Least confidence of a category that is more than a guess: of those below it, two thirds are wrong."""


class ProviderError(Exception):
    """A transient failure: the provider gave no usable answer. The text is for the log, never for a client.

    `code` names the failure in the records of model calls; `retry_after` is the delay in seconds that the provider
    asks for.
    """

    def __init__(self, message: str, *, code: str = "unusable", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class ProviderRefused(ProviderError):
    """A permanent failure: a retry with the same message would fail in the same way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMessage:
    """Text by a customer: untrusted, of any length."""

    content: str
    """For a classification one message; for a draft all messages since the last reply, the oldest first, separated by
    blank lines."""
    customer_name: str | None = None
    is_new_text: bool = False
    """Whether the content is already without quoted mails and signatures. Messages are read before they are joined: as
    one mail, the closing of one would remove those after it."""
    language: str | None = None
    """ISO 639 code of the customer's language if it is known; None: it is detected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    id: UUID
    name: str
    agent_ids: tuple[UUID, ...] = ()
    """Its active agents and admins."""
    description: str = ""
    examples: tuple[str, ...] = ()
    """Messages that it answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A public message of the conversation, cut if it is long; untrusted if a customer wrote it."""

    sender: Literal["customer", "agent", "system"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """An agent's correction of the classification of an earlier message of the account."""

    content: str
    """Of the earlier message, cut if it is long."""
    similarity: float
    """Cosine of the embeddings of both messages: 1 for the same words."""
    category: str | None = None
    """A key of the account's categories. None, here and for `priority`: not corrected."""
    priority: Priority | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What an account wants external models to know when they draft. No facts: those are in its knowledge."""

    company: str = ""
    voice: str = ""
    policies: str = ""
    categories: tuple[OwnCategory, ...] = ()
    """What its customers write about, in its own words; none: it uses the built-in categories."""
    replies: tuple[str, ...] = ()
    """Examples of replies that its agents have sent from drafts, free of their customers' data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Facts about the conversation and its account."""

    teams: tuple[Team, ...] = ()
    online: frozenset[UUID] = frozenset()
    """Ids of the agents that are online, neither away nor busy."""
    skills: Mapping[UUID, frozenset[str]] = field(default_factory=dict)
    """Skills of each agent that has some: categories and languages."""
    history: tuple[Turn, ...] = ()
    """The last public messages before the incoming one, the oldest first."""
    corrections: tuple[Correction, ...] = ()
    """Corrections of similar messages, the most similar first; only for a classification."""
    categories: tuple[OwnCategory, ...] = ()
    """The account's own categories; none: the built-in ones. Only for a classification."""
    tags: tuple[OwnTag, ...] = ()
    """The account's own tags; none: the built-in ones. Only for a classification."""
    profile: Profile = Profile()
    """Only for a draft of an external model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    id: str
    title: str
    body: str
    questions: tuple[str, ...] = ()
    language: str | None = None
    changed_at: datetime | None = None
    """Of articles that contradict each other, the newest counts. None: older than all others."""
    encoded: bytes = field(default=b"", compare=False, repr=False)
    """The stored encodings of its passages, which the embedded provider needs; empty if there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CannedReply:
    title: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAnswer:
    """An agent's answer to another customer of the account, free of that customer's data (see `answer_extraction`)."""

    id: str
    """Of the message."""
    question: str
    answer: str
    instead_of_draft: bool = False
    """A draft existed, and the agent edited or ignored it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """The sources from which a draft may be made: one account's own."""

    articles: tuple[Article, ...] = ()
    canned_replies: tuple[CannedReply, ...] = ()
    past_answers: tuple[PastAnswer, ...] = ()


SourceKind = Literal["article", "canned_reply", "past_answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A source of a draft."""

    kind: SourceKind
    title: str
    """Of a past answer, the question."""
    id: str | None = None
    """None for a canned reply."""

    def wire(self) -> dict[str, str]:
        fields = {"kind": self.kind, "title": self.title}
        return fields if self.id is None else fields | {"id": self.id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a source of a draft says, word for word."""

    source: str
    """Id of the article or past answer."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    category: str
    """The key of a built-in category, or of one of the account's own."""
    priority: Priority
    urgency: int
    """0 to 10."""
    sentiment: Sentiment
    language: str
    """ISO 639 code, or `und` if the language is unknown."""
    tags: tuple[str, ...]
    """Keys of built-in tags, or of the account's own, at most five."""
    confidence: float
    """0 to 1, of the category."""
    priority_confidence: float
    """0 to 1; for `high` and `urgent`, that it is one of the two. It is not sent to clients."""
    suggested_team: UUID | None = None
    suggested_agent: UUID | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether the category is only a guess."""
        return self.confidence < UNKNOWN_BELOW

    def wire(self) -> dict[str, Any]:
        """`classification` in the payload of the event `ai_classification`."""
        suggested = {"suggestedTeam": self.suggested_team, "suggestedAgent": self.suggested_agent}
        return {
            "category": self.category,
            "unknown": self.is_unknown,
            "priority": self.priority,
            "urgency": self.urgency,
            "sentiment": self.sentiment,
            "language": self.language,
            "tags": list(self.tags),
        } | {name: str(value) for name, value in suggested.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A reply for an agent to send or edit. Without `content` the provider abstains, and `reasoning` says why."""

    content: str | None
    confidence: float
    reasoning: str
    citations: tuple[Citation, ...] = ()
    """Its sources, the best first, at most three."""
    quotes: tuple[Quote, ...] = ()
    """What `content` is made of: of the embedded provider its sentences, of external models one quote of a source."""
    nearest: tuple[str, ...] = ()
    """If the provider abstains, ids of the articles that are nearest to the question, at most three."""
    is_question: bool = False
    """`content` asks the customer for what is missing, and answers nothing; it has no sources."""
    is_contradicted: bool = False
    """An older article contradicts a source: an agent has to read the draft."""
    tone: Tone = "friendly"
    suggested_actions: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """Ids of the cited articles and past answers."""
        return tuple(one.id for one in self.citations if one.id is not None)

    def above(self, minimum: float | None) -> Self:
        """This draft, or an abstention if its confidence is below the minimum of the account."""
        if minimum is None or self.content is None or self.confidence >= minimum:
            return self
        reason = f"The confidence of {self.confidence:g} is below the account's minimum of {minimum:g}"
        return replace(self, content=None, reasoning=reason, citations=(), quotes=(), suggested_actions=())

    def cited(self) -> list[dict[str, str]]:
        """`citations` in the payload of the event `ai_draft`, each with its quotes."""
        return [one.wire() | self._quoted(one) for one in self.citations]

    def _quoted(self, citation: Citation) -> dict[str, str]:
        texts = [quote.text for quote in self.quotes if quote.source == citation.id]
        return {"quote": " … ".join(texts)[:MAX_QUOTE]} if texts else {}

    @property
    def outcome(self) -> Literal["done", "abstained"]:
        return "abstained" if self.content is None else "done"

    def wire(self) -> dict[str, Any]:
        """`draft` in the payload of the event `ai_draft`."""
        shown = {"content": self.content, "tone": self.tone, "suggestedActions": list(self.suggested_actions)}
        return shown | ({"question": True} if self.is_question else {})


Show = Callable[[str], None]
"""Receives the reply as far as it is generated, checked and may be shown; each text begins with the one before."""


def show_nothing(_text: str) -> None:
    """Ignore the reply until it is whole."""


class Provider(Protocol):
    name: str

    async def classify(self, message: IncomingMessage, context: Context) -> Classification:
        """Raise ProviderError on failure."""

    async def draft(
        self, message: IncomingMessage, context: Context, knowledge: Knowledge, *, show: Show = show_nothing
    ) -> Draft:
        """Raise ProviderError on failure. `show` is called by providers that can show a part of the reply."""

    async def summarize(self, conversation: Sequence[Turn]) -> str:
        """Summarize a conversation, the oldest message first, for an agent who takes it over.

        Raise ProviderError on failure.
        """

    async def assist(self, wanted: Assist) -> str:
        """Translate or rewrite a text for an agent. Raise ProviderError on failure, or if the provider cannot."""
