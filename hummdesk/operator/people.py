"""What the operator's commands look up and set: the person of a token, the pages of a widget, skills."""

import re
from typing import get_args
from uuid import UUID

from hummdesk.ai.protocol import Category
from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.core.models import Person
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


async def set_skills(settings: Settings, *, account_id: UUID, email: str, skills: list[str]) -> str:
    """Gives the user's name. A Fault for an unknown user, or for what is neither a category nor like a language."""
    known = get_args(Category)
    for skill in skills:
        if skill not in known and not re.fullmatch("[a-z]{2}", skill):
            raise CommandError(f"{skill!r} is no skill: a language of two letters, or one of {', '.join(known)}")
    async with operator(settings) as database, database.everywhere() as tx:
        name = await directory.set_skills(tx, account_id=account_id, email=email, skills=skills)
    if name is None:
        raise CommandError(f"the account has no user with the e-mail {email!r}")
    return name


def _the_one(found: list[Person], email: str | None, contact: str | None) -> Person:
    if not found and contact is not None:
        raise CommandError(
            f"no active contact is called {contact!r}; for a user give --email; `demo` prints who there is"
        )
    if not found:
        raise CommandError(
            f"no active user has the e-mail {email!r}; for a customer give --contact; `demo` prints who there is"
        )
    if len(found) > 1:
        known_in = ", ".join(str(person.account_id) for person in found)
        raise CommandError(f"{found[0].email} is known in {len(found)} accounts, give one with --account: {known_in}")
    return found[0]
