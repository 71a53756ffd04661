"""Contacts that come with a token, which a company has signed for one of its customers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hummdesk.core.errors import Conflict, Unauthorized
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage import accounts, contacts
from hummdesk.storage.contacts import Contact, ContactChanges
from hummdesk.storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """The claims about a customer; None: not claimed."""

    external_id: str
    email: str | None = None
    is_verified: bool = False
    """The company has verified that the e-mail address is the customer's."""
    name: str | None = None
    avatar_url: str | None = None
    attributes: Mapping[str, Any] | None = None


async def contact_of(tx: Transaction, account_id: UUID, customer: Customer, *, known_id: UUID | None = None) -> UUID:
    """The contact of a customer, created or changed by the claims; nothing is written if nothing differs.

    Concurrent calls make one contact. `known_id` is that of a contact that the token names, too: one without an
    external id gets it. Raises Unauthorized if that is another contact, or for a disabled account; Conflict if another
    transaction takes the e-mail address or the contact meanwhile: repeat it.
    """
    while True:
        contact = await contacts.by_external(tx, customer.external_id) or await _linked(tx, customer, known_id)
        if contact is not None:
            if known_id not in (None, contact.id) and await contacts.exists(tx, known_id):
                raise Unauthorized("`userId` and `externalId` of the token are of different contacts")
            return await _changed(tx, account_id, contact, customer)
        if (await accounts.get(tx)).disabled_at is not None:
            raise Unauthorized("The account of this token is disabled")
        contact_id = new_id()
        given = _given(customer, email=await _free(tx, customer.email))
        if await contacts.add(tx, _self(account_id, contact_id), given, contact_id=contact_id) is not None:
            return contact_id


async def _linked(tx: Transaction, customer: Customer, known_id: UUID | None) -> Contact | None:
    """A contact without an external id that the token names by `userId`, or by a verified e-mail address."""
    found = None
    if known_id is not None and await contacts.exists(tx, known_id):
        found = await contacts.get(tx, known_id)
    elif customer.email is not None and customer.is_verified:
        found = await contacts.find(tx, email=customer.email)
    if found is not None and found.external_id is not None and known_id == found.id:
        raise Unauthorized("`userId` and `externalId` of the token are of different contacts")
    return found if found is not None and found.external_id is None else None


async def _changed(tx: Transaction, account_id: UUID, contact: Contact, customer: Customer) -> UUID:
    differs = customer.email is not None and customer.email.lower() != contact.email.lower()
    given = _given(customer, email=await _free(tx, customer.email) if differs else None)
    if contact.active and any(getattr(contact, name) != value for name, value in given.given().items()):
        if (await contacts.locked(tx, contact.id)).external_id not in (None, customer.external_id):
            raise Conflict("Another customer was linked to this contact")
        await contacts.update(tx, _self(account_id, contact.id), contact.id, given)
    return contact.id


def _given(customer: Customer, *, email: str | None) -> ContactChanges:
    return ContactChanges(
        external_id=customer.external_id,
        email=email,
        name=customer.name,
        avatar_url=customer.avatar_url,
        attributes=customer.attributes,
    )


async def _free(tx: Transaction, email: str | None) -> str | None:
    """The e-mail address unless it is another contact's, who keeps it."""
    return None if email is None or await contacts.find(tx, email=email) is not None else email


def _self(account_id: UUID, contact_id: UUID) -> Person:
    """The customer as the actor of the audit log."""
    return Person(account_id=account_id, id=contact_id, email="", name="", role="customer")
