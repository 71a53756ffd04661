"""Checks of the values that commands are given; the REST API checks them by its schemas."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hummdesk.core.categories import KEY
from hummdesk.core.errors import CommandError

if TYPE_CHECKING:
    from hummdesk.storage.contacts import ContactChanges

LONGEST_EMAIL = 254
LONGEST_NAME = 100
LONGEST_EXTERNAL_ID = 128
EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


def checked_email(email: str) -> str:
    """The e-mail address without spaces around it. Raises CommandError."""
    email = email.strip()
    if len(email) > LONGEST_EMAIL or not EMAIL.fullmatch(email) or not email.isprintable():
        raise CommandError(f"{email!r} is not an e-mail address")
    return email


def checked_name(name: str) -> str:
    """The name without spaces around it. Raises CommandError."""
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise CommandError(f"{name!r} is not a name of 1 to {LONGEST_NAME} printable characters")
    return name


def checked_skills(skills: Iterable[str]) -> list[str]:
    """The skills, each once. Raises CommandError for one that can be neither a category nor a language.

    Whether the account has the category is checked when they are stored.
    """
    for skill in skills:
        if not re.fullmatch(f"[a-z]{{2}}|{KEY}", skill):
            raise CommandError(f"{skill!r} is not a skill: give a two-letter language, or the key of a category")
    return list(dict.fromkeys(skills))


def contact_changes(
    *,
    external_id: str | None = None,
    email: str | None = None,
    name: str | None = None,
    attributes: Sequence[str] = (),
    active: bool | None = None,
) -> "ContactChanges":
    """What is given of a contact. Raises CommandError."""
    from hummdesk.storage.contacts import ContactChanges

    if external_id is not None and not (0 < len(external_id) <= LONGEST_EXTERNAL_ID and external_id.isprintable()):
        raise CommandError(f"{external_id!r} is not an id of 1 to {LONGEST_EXTERNAL_ID} printable characters")
    if wrong := next((one for one in attributes if "=" not in one), None):
        raise CommandError(f"{wrong!r} is not an attribute like plan=gold")
    return ContactChanges(
        external_id=external_id,
        email=email and checked_email(email),
        name=name and checked_name(name),
        attributes=dict(one.split("=", 1) for one in attributes) or None,
        active=active,
    )
