"""The categories and tags of messages that accounts have named themselves."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self, TypeVar
from uuid import UUID

from psycopg.types.json import Jsonb

from hummdesk.core.categories import BUILT_IN, OwnCategory, OwnTag, OwnTerm, keys_of
from hummdesk.core.errors import Invalid
from hummdesk.core.models import Person
from hummdesk.storage import accounts, audit
from hummdesk.storage.changes import changed_fields
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("categories")

LANGUAGE = re.compile("[a-z]{2}")

Term = TypeVar("Term", bound=OwnTerm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Categories:
    is_enabled: bool = False
    """False: the built-in categories are used."""
    own: tuple[OwnCategory, ...] = ()
    tags: tuple[OwnTag, ...] = ()
    """Without any, the built-in tags are used."""

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        """The categories that a valid body of the contract describes."""
        return cls(is_enabled=body["enabled"], own=_terms(OwnCategory, body["categories"]))

    @property
    def used(self) -> tuple[OwnCategory, ...]:
        """The categories that messages may have; empty if the built-in ones are used."""
        return self.own if self.is_enabled else ()

    def wire(self) -> dict[str, Any]:
        return {"enabled": self.is_enabled, "categories": [_wire(one) for one in self.own]}

    def tags_wire(self) -> dict[str, Any]:
        return {"tags": [_wire(one) for one in self.tags]}


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionedCategories:
    """The own categories and tags of an account that uses some; `version` changes with them."""

    version: datetime
    categories: Categories


def tags_of(body: Mapping[str, Any]) -> tuple[OwnTag, ...]:
    """The tags that a valid body of the contract describes."""
    return _terms(OwnTag, body["tags"])


async def get(tx: Transaction) -> Categories:
    """The categories and tags of the transaction's account."""
    row = await queries.get(tx)
    return Categories() if row is None else _stored(row)


async def locked(tx: Transaction) -> Categories:
    """As `get`, under a lock of the account until the transaction ends. Raises NotFound for an unknown account."""
    await accounts.locked(tx)
    return await get(tx)


async def put(tx: Transaction, actor: Person | None, account_id: UUID, categories: Categories) -> Categories:
    """Set the categories of the transaction's account, not its tags; nothing is written if nothing changes.

    Raises NotFound.
    """
    old = await locked(tx)
    new = replace(categories, tags=old.tags)
    fields = changed_fields(old, new)
    if fields:
        await queries.put(tx, is_enabled=new.is_enabled, categories=Jsonb([_wire(one) for one in new.own]))
        await audit.record(tx, actor, "categories.updated", account_id, {"fields": fields})
    return new


async def put_tags(tx: Transaction, actor: Person | None, account_id: UUID, tags: tuple[OwnTag, ...]) -> Categories:
    """Set the tags of the transaction's account; nothing is written if nothing changes. Raises NotFound."""
    old = await locked(tx)
    new = replace(old, tags=tags)
    if new != old:
        await queries.put_tags(tx, tags=Jsonb([_wire(one) for one in tags]))
        await audit.record(tx, actor, "tags.updated", account_id, {"fields": ["tags"]})
    return new


async def used(tx: Transaction, account_ids: Iterable[UUID]) -> dict[UUID, VersionedCategories]:
    """The own categories and tags by account, without accounts that use the built-in ones of both."""
    return {
        row["account_id"]: VersionedCategories(version=row["version"], categories=_stored(row))
        async for row in queries.used(tx, account_ids=list(account_ids))
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


def _stored(row: Mapping[str, Any]) -> Categories:
    own, tags = _terms(OwnCategory, row["categories"]), _terms(OwnTag, row["tags"])
    return Categories(is_enabled=row["is_enabled"], own=own, tags=tags)


def _terms(kind: type[Term], stored: Iterable[Mapping[str, Any]]) -> tuple[Term, ...]:
    return tuple(
        kind(key=one["key"], name=one["name"], description=one["description"], examples=tuple(one["examples"]))
        for one in stored
    )


def _wire(term: OwnTerm) -> dict[str, Any]:
    return {
        "key": term.key,
        "name": term.name,
        "description": term.description,
        "examples": list(term.examples),
    }
