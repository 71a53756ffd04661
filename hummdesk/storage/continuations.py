"""Conversations that are continued in another one of the same customer: follow-ups, and merges.

The messages of a customer to a conversation that has `continued_in` go to that one, until the conversation is reopened;
then it is in `continued_before`, so that a message that is sent again is found there. The first message after that adds
`repeats_in`, in which `write` finds them. No message is moved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from hummdesk.core.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("continuations")

PASSED = 1_000
"""Conversations of a chain that are found at a time."""

ATTEMPTS = 20
"""Attempts to lock the last conversation of a chain, which may be continued meanwhile."""

KINDS = ("continued", "merged")
"""Of the entries in the log of a conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a customer's message goes. `event_id`: of the log of the conversation before it, if this one was opened."""

    conversation_id: UUID
    previous_id: UUID | None = None
    event_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The conversation that receives a customer's message."""

    conversation_id: UUID
    is_over: bool
    """It was closed for so long that the message opens a follow-up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The ids of what was logged, which are those of the outbox entries, by conversation."""

    events: list[tuple[UUID, UUID]]


async def follow(tx: Transaction, *, contact: Person, conversation_id: UUID, seconds: float | None) -> Followed:
    """Find where the messages of a contact to a conversation go, and lock it until the transaction ends.

    Raises NotFound.
    """
    for _ in range(ATTEMPTS):
        rows = queries.passed(tx, conversation_id=conversation_id, contact_id=contact.id, limit=PASSED)
        passed: list[UUID] = [row["id"] async for row in rows]
        if not passed:
            raise NotFound
        # The others are not locked: a merge in the opposite order could wait for one of them.
        row = await queries.lock(tx, conversation_id=passed[-1], contact_id=contact.id, seconds=seconds)
        if row is None:
            raise NotFound
        if row["continued_in"] is None:
            return Followed(conversation_id=passed[-1], is_over=row["is_over"])
        conversation_id = row["continued_in"]
    raise Unavailable


async def reached(tx: Transaction, *, contact: Person, conversation_id: UUID) -> list[UUID]:
    """The conversations of a contact that receive the messages to one of them, or did before one was reopened."""
    rows = queries.reached(tx, conversation_id=conversation_id, contact_id=contact.id)
    return [row["id"] async for row in rows]


async def settle(tx: Transaction, *, conversation_id: UUID, reached: Sequence[UUID]) -> None:
    """Store in a locked conversation that was reopened which conversations were `reached` from it.

    From then on, `write` finds repeated messages in them. The caller must hold the lock of sends to the conversation:
    what earlier ones have stored elsewhere is then committed, and later ones are stored in this conversation.
    """
    await queries.settle(tx, conversation_id=conversation_id, ids=[one for one in reached if one != conversation_id])


async def start(tx: Transaction, *, contact: Person, conversation_id: UUID) -> Target:
    """Open a follow-up of a locked conversation."""
    opened, event_id = new_id(), new_id()
    await queries.start(
        tx,
        conversation_id=conversation_id,
        id=opened,
        actor_id=contact.id,
        actor_type=contact.actor_type,
        created_event_id=new_id(),
        event_id=event_id,
    )
    return Target(conversation_id=opened, previous_id=conversation_id, event_id=event_id)


async def merge(tx: Transaction, *, actor: Person, conversation_id: UUID, target_id: UUID) -> Merged:
    """Close a conversation, whose customer's messages go to another one of the same customer from now on.

    Repeated, it changes nothing. Raises NotFound, Forbidden for an erased conversation, Invalid for the same one or one
    of another customer, and Conflict for one that is continued elsewhere already.
    """
    if conversation_id == target_id:
        raise Invalid(details={"intoConversationId": ["Must be another conversation."]})
    ids = sorted((conversation_id, target_id))  # a merge in the opposite direction locks in the same order
    found = {one: await queries.lock_for_merge(tx, conversation_id=one) for one in ids}
    source, target = found[conversation_id], found[target_id]
    if source is None or target is None:
        raise NotFound
    if source["contact_id"] != target["contact_id"]:
        raise Invalid(details={"intoConversationId": ["Must be a conversation of the same customer."]})
    if source["erased"] or target["erased"]:
        raise Forbidden("The conversation was erased")
    if source["continued_in"] == target_id:
        return Merged(events=[])
    if source["continued_in"] is not None or target["continued_in"] is not None:
        raise Conflict("The conversation is continued in another one; reopen it first")
    status_event_id, event_id, target_event_id = new_id(), new_id(), new_id()
    await queries.merge(
        tx,
        conversation_id=conversation_id,
        target_id=target_id,
        old_status=source["status"],
        actor_id=actor.id,
        actor_type=actor.actor_type,
        event_id=event_id,
        status_event_id=status_event_id,
        target_event_id=target_event_id,
    )
    return Merged(
        events=[(conversation_id, status_event_id), (conversation_id, event_id), (target_id, target_event_id)]
    )
