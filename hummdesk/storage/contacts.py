"""The contacts of an account: created and updated by external id or e-mail address, from whichever side they come.

A contact without an e-mail address has one that can never receive mail (RFC 2606), as anonymous visitors have.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from psycopg.types.json import Jsonb

from hummdesk.core.clock import wire_time
from hummdesk.core.errors import Conflict, Invalid, NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage import audit, page_cursor
from hummdesk.storage.changes import changed_fields, first_page, unique
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("contacts")

CONTACT_ADDRESS, VISITOR_ADDRESS = "@contacts.invalid", "@visitors.invalid"
UNNAMED = "Customer"
RECENT_CONVERSATIONS = 50
"""Open conversations that are published again when the name or the address of their contact changes."""
SHOWN = frozenset({"email", "name", "avatar_url"})
"""The fields of a contact that a conversation shows."""
TAKEN = "Another contact has this external id or e-mail address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    id: UUID
    external_id: str | None
    email: str
    name: str
    avatar_url: str | None
    attributes: Mapping[str, Any]
    notes: str | None
    active: bool
    created_at: datetime

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    @property
    def has_address(self) -> bool:
        return not self.email.endswith((CONTACT_ADDRESS, VISITOR_ADDRESS))

    def wire(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"id": str(self.id), "name": self.name, "attributes": self.attributes}
        optional = {
            "externalId": self.external_id,
            "email": self.email if self.has_address else None,
            "avatar": self.avatar_url,
            "notes": self.notes or None,
        }
        shown |= {name: value for name, value in optional.items() if value is not None}
        return shown | {"active": self.active, "createdAt": wire_time(self.created_at)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChanges:
    """What is to be set of a contact; None: nothing. `attributes` and `notes` replace the previous ones."""

    external_id: str | None = None
    email: str | None = None
    name: str | None = None
    avatar_url: str | None = None
    attributes: Mapping[str, Any] | None = None
    notes: str | None = None
    active: bool | None = None

    def given(self) -> dict[str, Any]:
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value for name, value in found.items() if value is not None}


async def upsert(tx: Transaction, actor: Person | None, given: ContactChanges) -> tuple[Contact, bool]:
    """Create or change the contact with this external id, or else with this e-mail address; return whether it is new.

    Concurrent calls make one contact. Raises Invalid without both, Conflict if external id and e-mail address are those
    of different contacts.
    """
    if given.external_id is None and given.email is None:
        raise Invalid(details={"externalId": ["Give externalId, email or both."]})
    while True:
        known = await _find(tx, given)
        if known is not None:
            if given.external_id is not None and (await locked(tx, known)).external_id not in (None, given.external_id):
                raise Conflict("The contact with this e-mail address has another external id")
            return await update(tx, actor, known, given), False
        created = await add(tx, actor, given, contact_id=new_id())
        if created is not None:
            return created, True


async def find(tx: Transaction, *, external_id: str | None = None, email: str | None = None) -> Contact | None:
    """The contact with this external id or e-mail address."""
    known = await _find(tx, ContactChanges(external_id=external_id, email=email))
    return None if known is None else await get(tx, known)


async def by_external(tx: Transaction, external_id: str) -> Contact | None:
    row = await queries.by_external(tx, external_id=external_id)
    return row and Contact.from_row(row)


async def exists(tx: Transaction, contact_id: UUID) -> bool:
    return await queries.get(tx, contact_id=contact_id) is not None


async def get(tx: Transaction, contact_id: UUID) -> Contact:
    """Raises NotFound."""
    row = await queries.get(tx, contact_id=contact_id)
    if row is None:
        raise NotFound
    return Contact.from_row(row)


async def locked(tx: Transaction, contact_id: UUID) -> Contact:
    """The contact, locked until the transaction ends. Raises NotFound."""
    await queries.lock(tx, contact_id=contact_id)
    return await get(tx, contact_id)


async def page(
    tx: Transaction, *, limit: int, cursor: str | None = None, active: bool | None = None
) -> tuple[list[Contact], str | None]:
    """A page of the contacts, newest first, and the cursor of the next one. Raises Invalid for a bad cursor."""
    rows = queries.page(tx, before_id=page_cursor.id_of(cursor), active=active, limit=limit + 1)
    return first_page([Contact.from_row(row) async for row in rows], limit)


async def update(tx: Transaction, actor: Person | None, contact_id: UUID, given: ContactChanges) -> Contact:
    """Change what is given of a contact; nothing is written if nothing changes.

    The outbox has an entry for each open conversation that shows the change. Raises NotFound, and Conflict for the
    external id or e-mail address of another contact.
    """
    old = await locked(tx, contact_id)
    if given.email is not None and given.email.lower() == old.email.lower():
        given = replace(given, email=None)  # the same address in another case
    new = replace(old, **given.given())
    if new.external_id is not None and new.email.endswith(VISITOR_ADDRESS):
        new = replace(new, email=_no_address(contact_id))  # no longer a visitor, who may be deleted
    fields = changed_fields(old, new)
    if not fields:
        return old
    with unique(TAKEN):
        await queries.change(
            tx,
            contact_id=contact_id,
            external_id=new.external_id,
            email=new.email,
            name=new.name,
            avatar_url=new.avatar_url,
            attributes=Jsonb(new.attributes),
            notes=new.notes,
            active=new.active,
        )
    action = "contact.updated" if old.active == new.active else "contact.enabled" if new.active else "contact.disabled"
    await audit.record(tx, actor, action, contact_id, {"fields": fields})
    if not SHOWN.isdisjoint(fields):
        await queries.add_changes(tx, contact_id=contact_id, limit=RECENT_CONVERSATIONS)
    return new


async def _find(tx: Transaction, given: ContactChanges) -> UUID | None:
    """The id of the contact with the external id, or else with the e-mail address."""
    row = None
    if given.external_id is not None:
        row = await queries.id_of_external(tx, external_id=given.external_id)
    if row is None and given.email is not None:
        row = await queries.id_of_email(tx, email=given.email)
    return None if row is None else row["id"]


async def add(tx: Transaction, actor: Person | None, given: ContactChanges, *, contact_id: UUID) -> Contact | None:
    """Add a contact; None if another transaction has added one that has the external id or e-mail address."""
    row = await queries.add(
        tx,
        id=contact_id,
        external_id=given.external_id,
        email=given.email or _no_address(contact_id),
        name=given.name or given.email or UNNAMED,
        avatar_url=given.avatar_url,
        attributes=Jsonb(given.attributes or {}),
    )
    if row is None:
        return None
    await audit.record(tx, actor, "contact.created", contact_id)
    return await get(tx, contact_id)


def _no_address(contact_id: UUID) -> str:
    return f"contact-{contact_id}{CONTACT_ADDRESS}"
