"""The domain objects as frozen dataclasses; `wire()` returns the payload fields of the contract."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, Self
from uuid import UUID

from hummdesk.core.clock import wire_time

Role = Literal["admin", "agent", "viewer", "customer"]
STAFF: frozenset[Role] = frozenset({"admin", "agent", "viewer"})
ANSWERING: frozenset[Role] = frozenset({"admin", "agent"})
"""The roles that may answer customers and be assigned conversations, and that have a presence."""
STAFF_RANKS: tuple[Role, ...] = ("viewer", "agent", "admin")
"""Each may do what those before it may."""

RunKind = Literal["classification", "draft", "summary", "assist"]
"""The kind of an AI run."""
RunOutcome = Literal["done", "abstained", "superseded"]
"""The outcome of a run that did not fail."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An active user of an account, a contact with the role `customer`, or an API key, which acts as one of staff."""

    account_id: UUID
    id: UUID
    email: str
    name: str
    role: Role
    team_ids: tuple[UUID, ...] = ()
    is_key: bool = False

    @property
    def is_staff(self) -> bool:
        return self.role in STAFF

    @property
    def side(self) -> Literal["agent", "customer"]:
        return "agent" if self.is_staff else "customer"

    @property
    def sender_type(self) -> Literal["agent", "customer", "system"]:
        return "system" if self.is_key else self.side

    @property
    def actor_type(self) -> Literal["agent", "customer", "key"]:
        """What it is in the audit log."""
        return "key" if self.is_key else self.side

    @classmethod
    def from_row(cls, row: Row) -> Self:
        return cls(
            account_id=row["account_id"],
            id=row["id"],
            email=row["email"],
            name=row["name"],
            role=row["role"],
            team_ids=tuple(row["team_ids"]),
        )

    def limited_to(self, role: Role) -> "Person | None":
        """The person with the lower of two roles; None if only one of them is that of a customer."""
        if self.role == role:
            return self
        if not {self.role, role} <= STAFF:
            return None
        return replace(self, role=min(self.role, role, key=STAFF_RANKS.index))

    def wire(self) -> Row:
        return {"userId": str(self.id), "accountId": str(self.account_id), "email": self.email, "role": self.role}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    id: UUID
    conversation_id: UUID
    seq: int
    sender_id: UUID
    sender_type: Literal["agent", "customer", "system"]
    sender_name: str
    content: str
    content_type: Literal["text", "html"]
    attachments: list[Row]
    metadata: Row
    private: bool
    client_message_id: str | None
    created_at: datetime
    revision: int = 0
    """The revision of the conversation at the last change of this message; 0: unchanged."""
    erased: bool = False
    withdrawn: bool = False
    """Erased by its sender alone."""
    mentions: list[UUID] | None = None
    """The agents whom a note names."""

    @classmethod
    def from_row(cls, row: Row) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    @property
    def is_persons_reply(self) -> bool:
        """Whether an agent has answered the customer, and no machine in the agent's name."""
        return self.sender_type == "agent" and not self.private and self.metadata.get("automatic") is not True

    def wire(self) -> Row:
        """The fields of `new_message`."""
        message: Row = {
            "messageId": str(self.id),
            "conversationId": str(self.conversation_id),
            "seq": self.seq,
            "senderId": str(self.sender_id),
            "senderType": self.sender_type,
            "senderName": self.sender_name,
            "content": self.content,
            "contentType": self.content_type,
            "attachments": self.attachments,
            "metadata": self.metadata,
            "private": self.private,
            "timestamp": wire_time(self.created_at),
        }
        if self.client_message_id is not None:
            message["clientMessageId"] = self.client_message_id
        if self.revision:
            message["revision"] = self.revision
        if self.erased:
            message["erased"] = True
        if self.withdrawn:
            message["withdrawn"] = True
        if self.mentions:
            message["mentions"] = list(map(str, self.mentions))
        return message

    def receipt(self) -> Row:
        """The fields of `message_sent`."""
        receipt: Row = {
            "messageId": str(self.id),
            "conversationId": str(self.conversation_id),
            "seq": self.seq,
            "timestamp": wire_time(self.created_at),
        }
        if self.client_message_id is not None:
            receipt["clientMessageId"] = self.client_message_id
        return receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation as staff or the customer sees it: they differ in `last_seq`, `unread_count`, `last_message`,
    `priority` and `label_ids`.
    """

    id: UUID
    account_id: UUID
    contact_id: UUID
    contact_name: str
    contact_email: str
    contact_avatar: str | None
    status: Literal["open", "pending", "closed"]
    priority: Literal["low", "medium", "high", "urgent"] | None
    """None for the customer: the AI sets it."""
    assigned_to: UUID | None
    assigned_team: UUID | None
    subject: str | None
    metadata: Row
    last_seq: int
    revision: int
    unread_count: int | None
    """Of the one who sees it: an agent's own; None in what all staff receives."""
    created_at: datetime
    updated_at: datetime
    last_message: Message | None
    rating: int | None = None
    """The customer's, of the last closing; None if it was reopened."""
    label_ids: list[UUID] | None = None
    """None for the customer."""
    snoozed_until: datetime | None = None
    """When a pending conversation is reopened; None for the customer."""
    continued_in: UUID | None = None
    """The customer's messages go there, until this one is reopened."""
    continuation_of: UUID | None = None
    """It has followed this one, which was closed for long."""

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """`row` has a column for each field; `last_message` is a row of a message or None."""
        values = {name: row[name] for name in cls.__dataclass_fields__}
        if values["last_message"] is not None:
            values["last_message"] = Message.from_row(values["last_message"])
        return cls(**values)

    @property
    def is_waiting(self) -> bool:
        """Whether it waits in a queue: that of its team, or of the account."""
        return self.status == "open" and self.assigned_to is None

    def wire(self) -> Row:
        """The fields of `conversation_updated`."""
        customer = {"id": str(self.contact_id), "name": self.contact_name, "email": self.contact_email}
        if self.contact_avatar is not None:
            customer["avatar"] = self.contact_avatar
        optional = {
            "priority": self.priority,
            "unreadCount": self.unread_count,
            "assignedTo": self.assigned_to and str(self.assigned_to),
            "assignedTeam": self.assigned_team and str(self.assigned_team),
            "subject": self.subject,
            "lastMessage": self.last_message and self.last_message.wire(),
            "rating": self.rating,
            "snoozedUntil": self.snoozed_until and wire_time(self.snoozed_until),
            "continuedIn": self.continued_in and str(self.continued_in),
            "continuationOf": self.continuation_of and str(self.continuation_of),
            "labelIds": None if self.label_ids is None else [str(one) for one in self.label_ids],
        }
        return {
            "conversationId": str(self.id),
            "accountId": str(self.account_id),
            "status": self.status,
            "customer": customer,
            "lastSeq": self.last_seq,
            "revision": self.revision,
            "createdAt": wire_time(self.created_at),
            "updatedAt": wire_time(self.updated_at),
            "metadata": self.metadata,
        } | {name: value for name, value in optional.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """Token counts without overlap: `input` leaves out tokens read from or written to a cache."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0

    @property
    def total(self) -> int:
        return self.input + self.cache_read + self.cache_write + self.output


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLimits:
    """What an account may use of external models in a day; 0: unlimited."""

    tokens: int
    dollars: Decimal

    @property
    def is_unlimited(self) -> bool:
        return not self.tokens and not self.dollars


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What is reserved of an account's daily budget while a request is in progress."""

    day: date
    tokens: int
    dollars: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """A request to an external model. `prompt` is the version of the prompt."""

    provider: str
    model: str
    prompt: str
    outcome: str
    """`ok`, or the code of the ProviderError."""
    usage: TokenUsage
    cost: Decimal | None
    """In US dollars; None if the price is unknown."""
    seconds: float
    reservation: Reservation | None = None
    """None if the account has no limit, or the request was refused."""
