"""Finds active people whose account is not known, and sets skills: for the operator's commands, never for a client.

It does not look up their teams: `people.find_person` does.
"""

from uuid import UUID

from hummdesk.core.models import Person
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("directory")


async def find_users(tx: Transaction, *, email: str) -> list[Person]:
    """One for each account that knows this address."""
    return [Person.from_row(row) async for row in queries.find_users(tx, email=email)]


async def find_contacts(tx: Transaction, *, email_or_id: str) -> list[Person]:
    """One for each account that knows this address, or the one with this id."""
    try:
        rows = queries.find_contact(tx, contact_id=UUID(email_or_id))
    except ValueError:
        rows = queries.find_contacts(tx, email=email_or_id)
    return [Person.from_row(row) async for row in rows]


async def set_skills(tx: Transaction, *, account_id: UUID, email: str, skills: list[str]) -> str | None:
    """Operator: say what a user can do; the user's name, None if there is no such user."""
    row = await queries.set_skills(tx, account_id=account_id, email=email, skills=skills)
    return row and str(row["name"])
