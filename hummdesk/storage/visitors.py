"""Who comes by the widget without a name, and from which pages."""

from uuid import UUID

from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("visitors")

NAME = "Visitor"


async def may_come_from(tx: Transaction, *, origins: list[str]) -> bool:
    """False also for an account that does not exist."""
    account = await queries.may_come_from(tx, origins=origins)
    return account is not None and bool(account["allowed"])


async def add(tx: Transaction, *, account_id: UUID) -> Person:
    """A new contact; its address is one that can never receive anything (RFC 2606)."""
    visitor_id = new_id()
    email = f"visitor-{visitor_id}@visitors.invalid"
    await queries.add_visitor(tx, visitor_id=visitor_id, email=email, name=NAME)
    return Person(account_id=account_id, id=visitor_id, email=email, name=NAME, role="customer")
