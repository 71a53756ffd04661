"""The accounts, which provider answers for each, and which pages may show its widget."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from hummdesk.core.errors import NotFound
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("accounts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    account_id: UUID
    name: str
    ai_provider: str | None
    """None: AI_PROVIDER's."""

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(account_id=row["account_id"], name=row["name"], ai_provider=row["ai_provider"])


async def accounts(tx: Transaction) -> list[Account]:
    """Operator: all of them, by name."""
    return [Account.from_row(row) async for row in queries.accounts(tx)]


async def providers(tx: Transaction, account_ids: Iterable[UUID]) -> dict[UUID, str]:
    """What those of these accounts have chosen that have chosen."""
    rows = queries.providers(tx, account_ids=list(account_ids))
    return {row["account_id"]: row["ai_provider"] async for row in rows}


async def choose_provider(tx: Transaction, account_id: UUID, provider: str | None) -> bool:
    """Operator: have it answer for the account from its next run on; False if there is no such account."""
    rows: int = await queries.choose_provider(tx, account_id=account_id, provider=provider)
    return rows == 1


async def set_widget_origins(tx: Transaction, *, account_id: UUID, origins: list[str]) -> str:
    """Operator: say which pages may show an account's widget; its name. Raises NotFound."""
    found = await queries.set_widget_origins(tx, account_id=account_id, origins=origins)
    if found is None:
        raise NotFound("There is no such account")
    return str(found["name"])
