"""The categories of messages that accounts have named themselves."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from psycopg.types.json import Jsonb

from hummdesk.core.categories import BUILT_IN, OwnCategory, keys_of
from hummdesk.core.errors import Invalid
from hummdesk.core.models import Person
from hummdesk.storage import accounts, audit
from hummdesk.storage.changes import changed_fields
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("categories")

LANGUAGE = re.compile("[a-z]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Categories:
    is_enabled: bool = False
    """False: the built-in categories are used."""
    own: tuple[OwnCategory, ...] = ()

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """The categories that a valid body of the contract describes."""
        return cls(is_enabled=body["enabled"], own=_categories(body["categories"]))

    @property
    def used(self) -> tuple[OwnCategory, ...]:
        """The categories that messages may have; empty if the built-in ones are used."""
        return self.own if self.is_enabled else ()

    def wire(self) -> dict[str, Any]:
        return {"enabled": self.is_enabled, "categories": [_wire(one) for one in self.own]}


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedCategories:
    """The own categories of an account that uses them; `version` changes with them."""

    version: datetime
    own: tuple[OwnCategory, ...]


async def get(tx: Transaction) -> Categories:
    """The categories of the transaction's account."""
    row = await queries.get(tx)
    return Categories() if row is None else Categories(is_enabled=row["is_enabled"], own=_categories(row["categories"]))


async def locked(tx: Transaction) -> Categories:
    """As `get`, under a lock of the account until the transaction ends. Raises NotFound for an unknown account."""
    await accounts.locked(tx)
    return await get(tx)


async def put(tx: Transaction, actor: Person | None, account_id: UUID, categories: Categories) -> Categories:
    """Set the categories of the transaction's account; nothing is written if nothing changes. Raises NotFound."""
    old = await locked(tx)
    fields = changed_fields(old, categories)
    if fields:
        await queries.put(
            tx, is_enabled=categories.is_enabled, categories=Jsonb([_wire(one) for one in categories.own])
        )
        await audit.record(tx, actor, "categories.updated", account_id, {"fields": fields})
    return categories


async def enabled(tx: Transaction, account_ids: Iterable[UUID]) -> dict[UUID, UsedCategories]:
    """The own categories by account, without accounts that use the built-in ones."""
    return {
        row["account_id"]: UsedCategories(version=row["version"], own=_categories(row["categories"]))
        async for row in queries.enabled(tx, account_ids=list(account_ids))
    }


async def require_category(tx: Transaction, key: str) -> None:
    """Raises Invalid unless the key is that of a category of the transaction's account."""
    if key not in (known := keys_of((await get(tx)).used)):
        raise Invalid(details={"category": [f"Must be one of: {', '.join(known)}."]})


async def require_skills(tx: Transaction, skills: Iterable[str], *, kept: Collection[str] = ()) -> None:
    """Raises Invalid for a skill that is neither a language nor a category of the transaction's account.

    `kept`: skills that the user has already; their category may have been removed since.
    """
    added = [(number, one) for number, one in enumerate(skills) if one not in kept]
    others = [(number, one) for number, one in added if one not in BUILT_IN and not LANGUAGE.fullmatch(one)]
    if not others:
        return
    known = {one.key for one in (await get(tx)).own}
    if wrong := [(number, one) for number, one in others if one not in known]:
        details = {f"skills.{number}": ["Must be a category of the account, or a language."] for number, _ in wrong}
        raise Invalid(f"{wrong[0][1]!r} is not a skill: give a category of the account or a language", details=details)


def _categories(stored: Iterable[Mapping[str, Any]]) -> tuple[OwnCategory, ...]:
    return tuple(
        OwnCategory(key=one["key"], name=one["name"], description=one["description"], examples=tuple(one["examples"]))
        for one in stored
    )


def _wire(category: OwnCategory) -> dict[str, Any]:
    return {
        "key": category.key,
        "name": category.name,
        "description": category.description,
        "examples": list(category.examples),
    }
