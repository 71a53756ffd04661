"""Accounts: their AI provider, and the pages that may show their widget."""

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
    """None: the default, AI_PROVIDER."""

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(account_id=row["account_id"], name=row["name"], ai_provider=row["ai_provider"])


async def accounts(tx: Transaction) -> list[Account]:
    """All accounts by name, for the operator."""
    return [Account.from_row(row) async for row in queries.accounts(tx)]


async def providers(tx: Transaction, account_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The providers chosen by accounts; an account without a choice is left out."""
    rows = queries.providers(tx, account_ids=list(account_ids))
    return {row["account_id"]: row["ai_provider"] async for row in rows}


async def choose_provider(tx: Transaction, account_id: UUID, provider: str | None) -> bool:
    """Set the provider for the next runs of an account, for the operator; return False for an unknown account."""
    rows: int = await queries.choose_provider(tx, account_id=account_id, provider=provider)
    return rows == 1


async def set_widget_origins(tx: Transaction, *, account_id: UUID, origins: list[str]) -> str:
    """Set the origins of the pages that may show the widget; return the account's name. Raises NotFound."""
    found = await queries.set_widget_origins(tx, account_id=account_id, origins=origins)
    if found is None:
        raise NotFound("No account has this id")
    return str(found["name"])
