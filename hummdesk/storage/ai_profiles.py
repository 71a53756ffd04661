"""What an account wants external models to know when they draft."""

from dataclasses import dataclass
from typing import Any

from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("ai_profiles")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProfile:
    company: str
    voice: str
    policies: str
    replies: tuple[str, ...]
    """The newest replies that agents have sent from drafts. They change once a day, so that a prompt can be cached."""


async def profile(tx: Transaction, *, replies: int, longest: int) -> StoredProfile | None:
    """The profile of the transaction's account, with so many replies of at most `longest` characters."""
    row: dict[str, Any] | None = await queries.profile(tx, replies=replies, longest=longest)
    return None if row is None else StoredProfile(**row | {"replies": tuple(row["replies"])})
