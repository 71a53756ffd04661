"""Messages: storing them in order and exactly once, and reading them."""

import re
from collections.abc import AsyncIterator, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

import orjson

from hummdesk.core.errors import Conflict, Forbidden, Invalid, NotFound, PayloadTooLarge, Unavailable
from hummdesk.core.ids import new_id
from hummdesk.core.models import Message, Person
from hummdesk.storage import continuations, conversations, files
from hummdesk.storage.continuations import Target
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("messages")

ONLY_OF_OTHERS = r"\), (?:mark|answer) AS \(\n.*?\n(?=\), )|    UNION ALL\n.*?key_id IS NOT NULL\n"
"""The steps of `write` that store nothing for messages that customers have sent themselves."""
WRITE_OF_CUSTOMERS = re.sub(ONLY_OF_OTHERS, "", queries.write.sql, flags=re.DOTALL)

MISSED_LIMIT = 500
"""Maximum number of messages of one conversation in a `sync` response or a CONFLICT."""

MAX_MESSAGE_BYTES = 65_536
"""Limit of content, attachments and metadata of a message together, as JSON."""

FETCHED_BYTES = 1_000_000
"""Limit of the messages that the event stream fetches at a time, as JSON."""

CONFLICT_BYTES = 262_144
"""Limit of the missed messages in a CONFLICT, as JSON."""

RECENT = timedelta(seconds=5)

MAX_REPEATS_IN = 50
"""Conversations in which a batch looks for a repeated message, at an index probe each; beyond it, it is sent alone."""
MAX_SEQ = 2**62
"""Higher than every seq."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    conversation_id: UUID
    content: str
    content_type: Literal["text", "html"] = "text"
    attachments: list[dict[str, Any]] = field(default_factory=list)
    file_ids: Sequence[UUID] = ()
    """The uploaded files among the attachments, which go with the message to another conversation."""
    metadata: dict[str, Any] = field(default_factory=dict)
    client_message_id: str | None = None
    private: bool = False
    mentions: list[UUID] = field(default_factory=list)
    """Agents of the account; of a private message only."""
    based_on_seq: int | None = None
    force: bool = False
    """Store the reply even if another agent has replied after `based_on_seq`; not for a machine."""
    follow_up_seconds: float | None = None
    """A customer's message to a conversation that was closed for so long opens a follow-up; None: it is reopened."""
    needs_ai: bool = True
    """False: no AI run is created for it, even if it is a customer's."""
    sent_by_key: UUID | None = None
    """The API key that sends it, in its own name or for an agent or a contact; it is logged."""
    id: UUID = field(default_factory=new_id)
    """Made before the first attempt, so that a message whose acknowledgement was lost can be found by it."""

    def is_of_machine(self, sender: Person) -> bool:
        """Whether it is public and no person decides to send it: of the system, or with the metadata `automatic`."""
        is_automatic = sender.is_key or (sender.is_staff and self.metadata.get("automatic") is True)
        return is_automatic and not self.private

    def check_basis(self, sender: Person) -> None:
        """Raise Invalid for a public message of a machine that could follow a person's reply unnoticed.

        One of the system without a basis is based on the customer's last message.
        """
        if self.based_on_seq is None and not sender.is_key:
            raise Invalid(details={"basedOnSeq": ["Required in an automatic message."]})
        if self.force:
            raise Invalid(details={"force": ["Not for an automatic message."]})

    def check_weight(self) -> None:
        """Raise PayloadTooLarge for a message over MAX_MESSAGE_BYTES."""
        weight = sum(len(orjson.dumps(part)) for part in (self.content, self.attachments, self.metadata))
        if weight > MAX_MESSAGE_BYTES:
            raise PayloadTooLarge(
                f"Content, attachments and metadata of a message have at most {MAX_MESSAGE_BYTES:,} bytes as JSON",
                details={"bytes": weight, "maxBytes": MAX_MESSAGE_BYTES},
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The result of a send."""

    message: Message
    created: bool
    """False for a repeated send: `message` is then that of the first one."""
    reopened_from: conversations.Status | None = None
    """The status of the conversation before a customer's message reopened it."""
    assigned_to: UUID | None = None
    """The agent of the conversation, and its team; of a message that was created."""
    assigned_team: UUID | None = None
    has_read: bool = False
    """The message is a reply that has marked those before it as read by its sender."""
    target: Target | None = None
    """Where the message is, if its conversation is continued in another one."""
    has_pending_predecessor: bool = False
    """The message before it is less than five seconds old or in the outbox: it may be unpublished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message to be stored; `item` is its JSON in the recordset of `write`."""

    sender: Person
    message: NewMessage
    item: bytes

    @classmethod
    def of(cls, sender: Person, message: NewMessage, *, is_first: bool = False) -> "Outgoing":
        """`is_first`: it is no repeat of a message in another conversation.

        Raises Invalid for values that JSON cannot hold: half of a surrogate pair, a number beyond 64 bits.

        Raises Invalid for an automatic reply without `based_on_seq`, and PayloadTooLarge for a message over
        MAX_MESSAGE_BYTES.
        """
        is_machine = message.is_of_machine(sender)
        if is_machine:
            message.check_basis(sender)
        item = {
            "account_id": sender.account_id,
            "id": message.id,
            "conversation_id": message.conversation_id,
            "sender_id": sender.id,
            "sender_type": sender.sender_type,
            "sender_name": sender.name,
            "content": message.content,
            "content_type": message.content_type,
            "attachments": message.attachments,
            "metadata": message.metadata,
            "private": message.private,
            "client_message_id": message.client_message_id,
            "mentions": message.mentions or None,
            "based_on_seq": message.based_on_seq if sender.is_staff and not message.force else None,
            "is_machine": is_machine,
            "event_id": new_id(),
            "run_id": new_id() if message.needs_ai else None,
            "follow_up_seconds": message.follow_up_seconds,
        }
        if is_first:
            item["is_first"] = True
        if message.sent_by_key is not None:
            item |= {"key_id": message.sent_by_key, "key_event_id": new_id()}
        try:
            packed = orjson.dumps(item)
        except TypeError as fault:
            raise Invalid("The payload contains a value that cannot be stored") from fault
        if len(packed) > MAX_MESSAGE_BYTES:  # only then is it weighed without the other columns
            message.check_weight()
        return cls(sender=sender, message=message, item=packed)

    def stored(self, row: dict[str, Any]) -> Sent:
        """The result from the row that `write` has returned."""
        message = Message(
            id=self.message.id,
            conversation_id=self.message.conversation_id,
            seq=row["seq"],
            sender_id=self.sender.id,
            sender_type=self.sender.sender_type,
            sender_name=self.sender.name,
            content=self.message.content,
            content_type=self.message.content_type,
            attachments=self.message.attachments,
            metadata=self.message.metadata,
            private=self.message.private,
            client_message_id=self.message.client_message_id,
            mentions=self.message.mentions or None,
            created_at=row["created_at"],
        )
        return Sent(
            message=message,
            created=True,
            reopened_from=row["reopened_from"],
            assigned_to=row["assigned_to"],
            assigned_team=row["assigned_team"],
            has_read=row["reads"],
            has_pending_predecessor=row["has_pending_predecessor"],
        )


def write(outgoing: list[Outgoing]) -> tuple[str, dict[str, Any]]:
    """The statement that stores a batch, and its parameters.

    PostgreSQL starts each step of a statement, whether it has rows or not: without those of staff and API keys, a
    message of a customer that is stored alone takes a sixth less of its CPU time.
    """
    of_customers = all(one.sender.sender_type == "customer" and one.message.sent_by_key is None for one in outgoing)
    return WRITE_OF_CUSTOMERS if of_customers else queries.write.sql, {"items": recordset(outgoing)}


def recordset(outgoing: list[Outgoing]) -> str:
    """The parameter `items` of `write`: a JSON recordset."""
    return (b"[" + b",".join([one.item for one in outgoing]) + b"]").decode()


async def send(tx: Transaction, *, sender: Person, message: NewMessage) -> Sent:
    """Store a message, with an AI run if it is a customer's, or return the first one of a repeated send.

    Raises NotFound, and Conflict with the missed messages if another agent has replied after `based_on_seq`; if the
    message is of a machine, any agent.
    """
    return await send_locked(tx, Outgoing.of(sender, message))


async def send_waiting(tx: Transaction, outgoing: Outgoing, outcome: str, *, seconds: float) -> Sent:
    """Store a message as `send` does if `write` has found its conversation "busy" or "continued".

    `seconds` limit each wait for a lock. A customer's messages to one conversation are stored one after another: what
    an earlier transaction has stored in another conversation is seen, also if this one was reopened meanwhile.
    """
    is_customers = outgoing.sender.sender_type == "customer"
    await queries.lock_sends(
        tx,
        milliseconds=str(int(seconds * 1000)),
        conversation_id=outgoing.message.conversation_id if is_customers else None,
    )
    return await (unstored_result(tx, outgoing, outcome) if outcome == "continued" else send_locked(tx, outgoing))


async def send_locked(tx: Transaction, outgoing: Outgoing) -> Sent:
    """Store a message as `send` does, after waiting for the lock of its conversation."""
    conversation_id = outgoing.message.conversation_id
    await conversations.lock(tx, viewer=outgoing.sender, conversation_id=conversation_id)
    [row] = [row async for row in queries.write(tx, items=recordset([outgoing]))]
    return outgoing.stored(row) if row["outcome"] == "stored" else await unstored_result(tx, outgoing, row["outcome"])


async def unstored_result(tx: Transaction, outgoing: Outgoing, outcome: str) -> Sent:
    """Return the first message of a repeated send, or raise the error of a message that `write` has not stored."""
    match outcome:
        case "repeat":
            return await _first_sent(tx, outgoing)
        case "overtaken":
            raise await _conflict(tx, outgoing)
        case "missing":
            raise NotFound
        case "erased":
            raise Forbidden("The conversation was erased")
        case "continued":
            return await _send_to_target(tx, outgoing)
        case _:
            raise Unavailable


async def page(
    tx: Transaction,
    *,
    viewer: Person,
    conversation_id: UUID,
    before_seq: int | None = None,
    after_seq: int | None = None,
    limit: int = 50,
    max_bytes: int = FETCHED_BYTES,
) -> tuple[list[Message], bool]:
    """A page of messages by ascending seq, and whether there are more. Raises NotFound.

    With `after_seq` the first messages after it, else the last messages; both before `before_seq`, if given. The page
    ends before it exceeds `max_bytes` as JSON; it has at least one message.
    """
    await conversations.check(tx, viewer=viewer, conversation_id=conversation_id)
    before = MAX_SEQ if before_seq is None else before_seq
    position: dict[str, Any] = {
        "conversation_id": conversation_id,
        "with_private": viewer.is_staff,
        "limit": limit + 1,
        "max_bytes": max_bytes,
    }
    if after_seq is not None:
        return await _page(queries.page_after(tx, after_seq=after_seq, before_seq=before, **position), limit)
    return await _page_before(tx, before_seq=before, **position)


async def newest(
    tx: Transaction, *, viewer: Person, conversation_id: UUID, limit: int, max_bytes: int
) -> tuple[list[Message], bool]:
    """The last page of messages, as `page` returns it. The caller must have checked that the viewer may see it."""
    return await _page_before(
        tx,
        before_seq=MAX_SEQ,
        conversation_id=conversation_id,
        with_private=viewer.is_staff,
        limit=limit + 1,
        max_bytes=max_bytes,
    )


async def missed(
    tx: Transaction,
    *,
    viewer: Person,
    conversation_id: UUID,
    after_seq: int,
    limit: int = MISSED_LIMIT,
    max_bytes: int = FETCHED_BYTES,
) -> tuple[list[Message] | None, conversations.Position]:
    """All messages after a seq, and the last position. Raises NotFound.

    None in place of messages that are more than `limit` or exceed `max_bytes` as JSON, and after a seq that was lost.
    """
    last = await conversations.position(tx, viewer=viewer, conversation_id=conversation_id)
    if after_seq >= last.last_seq:
        return ([] if after_seq == last.last_seq else None), last
    rows = queries.missed(
        tx,
        conversation_id=conversation_id,
        after_seq=after_seq,
        before_seq=last.last_seq + 1,
        with_private=viewer.is_staff,
        limit=limit,
        max_bytes=max_bytes,
    )
    return [Message.from_row(row) async for row in rows] or None, last


async def updates(
    tx: Transaction,
    *,
    viewer: Person,
    conversation_id: UUID,
    after_revision: int,
    up_to_seq: int,
    max_bytes: int = FETCHED_BYTES,
) -> list[Message] | None:
    """The messages up to a seq that were changed after a revision, in the order of their changes.

    None if they are more than MISSED_LIMIT or exceed `max_bytes` as JSON. The caller has checked that the viewer may
    see the conversation.
    """
    rows = queries.changed_after(
        tx,
        conversation_id=conversation_id,
        revision=after_revision,
        up_to_seq=up_to_seq,
        with_private=viewer.is_staff,
        limit=MISSED_LIMIT + 1,
        max_bytes=max_bytes,
    )
    found = [row async for row in rows]
    if found and (found[0]["found"] > min(len(found), MISSED_LIMIT) or found[-1]["total"] > max_bytes):
        return None
    return [Message.from_row(row) for row in found]


def is_pending(predecessor: Message, message: Message, *, unpublished: Set[UUID]) -> bool:
    """Whether the predecessor may be unpublished, as in `write`. `unpublished` are the messages in the outbox."""
    return predecessor.id in unpublished or predecessor.created_at > message.created_at - RECENT


async def between(tx: Transaction, *, conversation_id: UUID, after_seq: int, before_seq: int) -> list[Message]:
    """The first messages between two seqs including notes; the caller must filter them for each recipient."""
    rows = queries.page_after(
        tx,
        conversation_id=conversation_id,
        after_seq=after_seq,
        before_seq=before_seq,
        with_private=True,
        limit=MISSED_LIMIT,
        max_bytes=FETCHED_BYTES,
    )
    return [Message.from_row(row) async for row in rows]


async def _page_before(tx: Transaction, *, limit: int, **position: Any) -> tuple[list[Message], bool]:
    """The last page before a seq; `limit` is one more than the messages of a page."""
    found, has_more = await _page(queries.page_before(tx, limit=limit, **position), limit - 1)
    return found[::-1], has_more


async def _page(rows: AsyncIterator[dict[str, Any]], limit: int) -> tuple[list[Message], bool]:
    """The messages of a page, and whether there are more: beyond `limit`, or because of their size."""
    found = [row async for row in rows]
    shown = [Message.from_row(row) for row in found[:limit]]
    return shown, bool(found) and found[0]["found"] > len(shown)


async def _conflict(tx: Transaction, outgoing: Outgoing) -> Conflict:
    """A Conflict with the first messages that the sender has not seen.

    For one of the system without a basis, they are those after the customer's last message.
    """
    viewer, conversation_id = outgoing.sender, outgoing.message.conversation_id
    last_seq = await conversations.last_seq(tx, viewer=viewer, conversation_id=conversation_id)
    basis = outgoing.message.based_on_seq
    if basis is None:
        row = await queries.last_of_customer(tx, conversation_id=conversation_id)
        basis = row["seq"]
    found, has_more = await page(
        tx,
        viewer=viewer,
        conversation_id=conversation_id,
        after_seq=min(basis, last_seq),
        before_seq=last_seq + 1,
        limit=MISSED_LIMIT,
        max_bytes=CONFLICT_BYTES,
    )
    missed = [one.wire() for one in found]
    return Conflict(
        "An agent has replied in the meantime; reload the conversation",
        details={"missed": missed, "lastSeq": last_seq, "hasMore": has_more},
    )


async def _send_to_target(tx: Transaction, outgoing: Outgoing) -> Sent:
    """Store the message of a customer in the conversation that continues the one it was sent to, or did before.

    A repeated send is found in all conversations on the way: the first one may have gone less far, or elsewhere. The
    lock of sends to the conversation is held.
    """
    message, contact = outgoing.message, outgoing.sender
    followed = await continuations.follow(
        tx, contact=contact, conversation_id=message.conversation_id, seconds=message.follow_up_seconds
    )
    reached = await continuations.reached(tx, contact=contact, conversation_id=message.conversation_id)
    is_short = len(reached) <= MAX_REPEATS_IN
    if followed.conversation_id == message.conversation_id and not followed.is_over and is_short:
        await continuations.settle(tx, conversation_id=message.conversation_id, reached=reached)
    first = await _sent_before(tx, outgoing, reached)
    if first is not None:
        return first
    target = Target(conversation_id=followed.conversation_id)
    if followed.is_over:
        target = await continuations.start(tx, contact=contact, conversation_id=target.conversation_id)
    there = Outgoing.of(contact, replace(message, conversation_id=target.conversation_id), is_first=True)
    sent = replace(await send_locked(tx, there), target=target)
    if message.file_ids:
        await files.move(tx, message.file_ids, target.conversation_id)
    return sent


async def _first_sent(tx: Transaction, outgoing: Outgoing) -> Sent:
    first = await _sent_before(tx, outgoing, [outgoing.message.conversation_id])
    if first is None:  # erased meanwhile, or deleted
        raise NotFound
    return first


async def _sent_before(tx: Transaction, outgoing: Outgoing, conversation_ids: list[UUID]) -> Sent | None:
    row = await queries.sent_before(
        tx,
        conversation_ids=conversation_ids,
        sender_id=outgoing.sender.id,
        client_message_id=outgoing.message.client_message_id,
        id=outgoing.message.id,
    )
    return None if row is None else Sent(message=Message.from_row(row), created=False)
