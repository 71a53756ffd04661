"""Anonymous visitors of the widget, and the pages that may show it."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from hummdesk.core.errors import NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage import audit, outbox, page_visits
from hummdesk.storage.accounts import Look
from hummdesk.storage.changes import unique
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("visitors")

NAME = "Visitor"
MAX_PAGE = 60
"""Characters of the path of a page in the name of a visitor."""
SHOWING = 10
"""Open conversations that are published again when their customer states an address."""
RECENT, WITHIN, LEAST = 40, 20, 5
"""A reply time is that of the first replies within so many messages of the newest conversations; of at least LEAST."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A conversation whose contact has changed, and its outbox entry."""

    conversation_id: UUID
    entry_id: UUID


async def look_for_origin(tx: Transaction, *, origins: list[str]) -> Look | None:
    """The look of the widget; None if no page of these origins may show it, also for an unknown account."""
    row = await queries.look_for_origin(tx, origins=origins)
    return row and cast(Look, row["widget_look"])


def name_on(page: str | None) -> str:
    """The name of a visitor who begins on a page of this path: "Visitor from /boots"."""
    path = "".join(filter(str.isprintable, re.split("[?#]", page or "", maxsplit=1)[0]))
    return f"{NAME} from {path[:MAX_PAGE]}" if path.startswith("/") and path != "/" else NAME


def is_unnamed(name: str) -> bool:
    """Whether a name is one that `name_on` gives."""
    return name == NAME or name.startswith(f"{NAME} from /")


async def add(tx: Transaction, *, account_id: UUID, name: str = NAME) -> Person:
    """Add a contact who is anonymous; its address can never receive mail (RFC 2606)."""
    visitor_id = new_id()
    email = f"visitor-{visitor_id}@visitors.invalid"
    await queries.add_visitor(tx, visitor_id=visitor_id, email=email, name=name)
    return Person(account_id=account_id, id=visitor_id, email=email, name=name, role="customer")


async def state_details(tx: Transaction, *, contact_id: UUID, email: str | None, name: str | None) -> list[Moved]:
    """Store what a customer states in the widget; return the open conversations that show it. Raises NotFound.

    Nobody has verified the address: it is shown where the company has given none, and finds no contact. The name is
    that of an anonymous visitor only.
    """
    if await queries.state_details(tx, contact_id=contact_id, email=email, name=name) is None:
        raise NotFound
    ids = [row["id"] async for row in queries.open_conversations(tx, contact_id=contact_id, limit=SHOWING)]
    return [Moved(conversation_id=one, entry_id=await outbox.add_change(tx, one)) for one in ids]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntroducedAgent:
    id: UUID
    name: str
    photo_version: str | None


async def introduction(
    tx: Transaction, *, online: Collection[UUID], limit: int
) -> tuple[list[IntroducedAgent], int | None]:
    """Agents who are online, and the median time of the first replies of late in seconds."""
    agents = [IntroducedAgent(**row) async for row in queries.introduced(tx, ids=list(online), limit=limit)]
    row = await queries.reply_time(tx, limit=RECENT, within=WITHIN, least=LEAST)
    return agents, row and round(row["seconds"])


async def credential_holder(tx: Transaction, *, visitor_id: UUID, issued_at: float) -> Person | None:
    """The visitor of a credential, by the time of its issue; None if it was revoked or the visitor is inactive."""
    row = await queries.credential_holder(tx, visitor_id=visitor_id, issued_at=issued_at)
    return row and Person.from_row(row)


async def merge(tx: Transaction, actor: Person, *, visitor_id: UUID, contact_id: UUID) -> list[Moved]:
    """Make an anonymous visitor the contact: move the conversations, delete the visitor; return what was moved.

    Return nothing for a visitor who is gone, as after a repeated call, and for a contact who is no visitor: nothing is
    moved from one real contact to another. Raises NotFound for an unknown contact, and Conflict.
    """
    both = {"visitor_id": visitor_id, "contact_id": contact_id}
    locked = {row["id"]: row["is_visitor"] async for row in queries.lock_both(tx, **both)}
    if contact_id not in locked:
        raise NotFound
    if not locked.get(visitor_id) or visitor_id == contact_id:
        return []
    with unique("Both have started a conversation under one clientMessageId"):
        ids = [row["id"] async for row in queries.move_conversations(tx, **both)]
    await queries.move_messages(tx, conversation_ids=ids, **both)
    await queries.move_reads(tx, conversation_ids=ids, **both)
    await queries.move_notes(tx, **both)
    await page_visits.move(tx, **both)
    await queries.remove_visitor(tx, visitor_id=visitor_id)
    await audit.record(tx, actor, "contact.merged", contact_id, {"visitor": str(visitor_id), "conversations": len(ids)})
    return [Moved(conversation_id=one, entry_id=await outbox.add_change(tx, one)) for one in ids]


async def revoke_credentials(tx: Transaction, *, account_id: UUID, visitor_id: UUID | None) -> bool:
    """Revoke the credentials of a visitor, or of all visitors (None), for the operator; False for an unknown one."""
    if visitor_id is None:
        return await queries.revoke_all_credentials(tx, account_id=account_id) is not None
    return await queries.revoke_credentials(tx, account_id=account_id, visitor_id=visitor_id) is not None
