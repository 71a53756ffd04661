"""What an account knows: articles and replies kept ready."""

from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("knowledge")


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    id: UUID
    title: str
    body: str
    questions: list[str]

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(id=row["id"], title=row["title"], body=row["body"], questions=row["questions"])


@dataclass(frozen=True, slots=True, kw_only=True)
class CannedReply:
    id: UUID
    title: str
    content: str

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(id=row["id"], title=row["title"], content=row["content"])


async def articles(tx: Transaction) -> list[Article]:
    """All knowledge articles of the account, oldest first."""
    return [Article.from_row(row) async for row in queries.articles(tx)]


async def canned_replies(tx: Transaction) -> list[CannedReply]:
    """All canned replies of the account, oldest first."""
    return [CannedReply.from_row(row) async for row in queries.canned_replies(tx)]
