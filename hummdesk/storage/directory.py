"""Finds people whose account is not known: for the operator's commands, never for a client."""

from uuid import UUID

from hummdesk.models import Person
from hummdesk.storage import people
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("directory")


async def find_users(tx: Transaction, *, email: str) -> list[Person]:
    return [person for person in await people.find_by_email(tx, email=email) if person.is_staff]


async def find_contacts(tx: Transaction, *, email_or_id: str) -> list[Person]:
    try:
        contact_id = UUID(email_or_id)
    except ValueError:
        return [person for person in await people.find_by_email(tx, email=email_or_id) if not person.is_staff]
    row = await queries.find_contact(tx, contact_id=contact_id)
    return [Person.from_row(row)] if row else []
