"""Look-up of active users and contacts over all accounts, for the operator's commands and never for a client.

The persons found have no teams; `people.find_person` reads them.
"""

from uuid import UUID

from hummdesk.core.models import Person
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("directory")


async def find_users(tx: Transaction, *, email: str) -> list[Person]:
    """The users with this email address, at most one for each account."""
    return [Person.from_row(row) async for row in queries.find_users(tx, email=email)]


async def find_contacts(tx: Transaction, *, email_or_id: str) -> list[Person]:
    """The contacts with this email address, at most one for each account, or the contact with this id."""
    try:
        rows = queries.find_contact(tx, contact_id=UUID(email_or_id))
    except ValueError:
        rows = queries.find_contacts(tx, email=email_or_id)
    return [Person.from_row(row) async for row in rows]
