"""What the operator's commands look up and set: the person of a token, the pages of a widget."""

from uuid import UUID

from hummdesk.config import Settings
from hummdesk.faults import Fault
from hummdesk.models import Person
from hummdesk.storage import accounts, directory
from hummdesk.storage.database import operator


async def find(settings: Settings, *, email: str | None, contact: str | None, account_id: UUID | None) -> Person:
    """The user with this e-mail, or the contact with this e-mail or id; a Fault for none or several."""
    async with operator(settings) as database, database.everywhere() as tx:
        if contact is not None:
            found = await directory.find_contacts(tx, email_or_id=contact)
        else:
            found = await directory.find_users(tx, email=email or "")
    return _the_one([person for person in found if account_id in (None, person.account_id)], email, contact)


async def set_widget_origins(settings: Settings, *, account_id: UUID, origins: list[str]) -> str:
    """Gives the account's name; NotFound for none."""
    async with operator(settings) as database, database.everywhere() as tx:
        return await accounts.set_widget_origins(tx, account_id=account_id, origins=origins)


def _the_one(found: list[Person], email: str | None, contact: str | None) -> Person:
    if not found and contact is not None:
        raise Fault(f"no active contact is called {contact!r}; for a user give --email; `demo` prints who there is")
    if not found:
        raise Fault(
            f"no active user has the e-mail {email!r}; for a customer give --contact; `demo` prints who there is"
        )
    if len(found) > 1:
        known_in = ", ".join(str(person.account_id) for person in found)
        raise Fault(f"{found[0].email} is known in {len(found)} accounts, give one with --account: {known_in}")
    return found[0]
