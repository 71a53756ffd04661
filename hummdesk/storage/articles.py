"""The articles and canned replies of an account as its admins manage them. Workers index them when they change."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID, uuid5

from hummdesk.core.clock import wire_time
from hummdesk.core.errors import NotFound
from hummdesk.core.models import Person
from hummdesk.storage import audit, page_cursor
from hummdesk.storage.changes import changed_fields, first_page
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("articles")

Kind = Literal["article", "canned_reply"]

SEARCHED_RESULTS = 5_000
"""The newest results of AI runs among which the drafts of an article are found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """An article, or a canned reply, which has no questions."""

    id: UUID
    title: str
    body: str
    questions: tuple[str, ...]
    language: str | None
    created_at: datetime

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        return cls(**values | {"questions": tuple(row["questions"])})

    def wire(self, kind: Kind) -> dict[str, Any]:
        shown: dict[str, Any] = {"id": str(self.id), "title": self.title, "body": self.body}
        if kind == "article":
            shown["questions"] = list(self.questions)
        if self.language is not None:
            shown["language"] = self.language
        return shown | {"createdAt": wire_time(self.created_at)}


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftOf:
    """A draft that was made from an article."""

    run_id: UUID
    conversation_id: UUID
    message_id: UUID
    created_at: datetime

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    def wire(self) -> dict[str, Any]:
        return {
            "runId": str(self.run_id),
            "conversationId": str(self.conversation_id),
            "messageId": str(self.message_id),
            "createdAt": wire_time(self.created_at),
        }


def id_of(account_id: UUID, given: str) -> UUID:
    """The id of an imported article. One that is not a UUID always maps to the same id."""
    try:
        return UUID(given)
    except ValueError:
        return uuid5(account_id, given)


async def put(
    tx: Transaction,
    actor: Person | None,
    kind: Kind,
    article_id: UUID,
    *,
    title: str,
    body: str,
    questions: Sequence[str] = (),
    language: str | None = None,
) -> bool:
    """Add or change an article or canned reply; return False if nothing has changed."""
    values: dict[str, Any] = {"id": article_id, "title": title, "body": body, "language": language}
    if kind == "article":
        row = await queries.put_article(tx, questions=list(questions), **values)
    else:
        row = await queries.put_canned_reply(tx, **values)
    if row is not None:
        await audit.record(tx, actor, f"{kind}.{'created' if row['is_new'] else 'updated'}", article_id)
    return row is not None


async def update(
    tx: Transaction,
    actor: Person | None,
    kind: Kind,
    article_id: UUID,
    **changes: Any,
) -> Article:
    """Change fields of an article or canned reply. Raises NotFound."""
    old = await locked(tx, kind, article_id)
    new = replace(old, **changes)
    if changed_fields(old, new):
        await put(
            tx,
            actor,
            kind,
            article_id,
            title=new.title,
            body=new.body,
            questions=new.questions,
            language=new.language,
        )
    return new


async def get(tx: Transaction, kind: Kind, article_id: UUID) -> Article:
    """Raises NotFound."""
    query = queries.get_article if kind == "article" else queries.get_canned_reply
    row = await query(tx, id=article_id)
    if row is None:
        raise NotFound
    return Article.from_row(row)


async def locked(tx: Transaction, kind: Kind, article_id: UUID) -> Article:
    """The article or canned reply, locked until the transaction ends. Raises NotFound."""
    await (queries.lock_article if kind == "article" else queries.lock_canned_reply)(tx, id=article_id)
    return await get(tx, kind, article_id)


async def page(
    tx: Transaction, kind: Kind, *, limit: int, cursor: str | None = None
) -> tuple[list[Article], str | None]:
    """A page of the articles or canned replies, newest first, and the cursor of the next one.

    Raises Invalid for a bad cursor.
    """
    before_at, before_id = page_cursor.NEWEST if cursor is None else page_cursor.decode(cursor)
    query = queries.page_of_articles if kind == "article" else queries.page_of_canned_replies
    rows = query(tx, before_at=before_at, before_id=before_id, limit=limit + 1)
    return first_page([Article.from_row(row) async for row in rows], limit)


async def remove(tx: Transaction, actor: Person | None, kind: Kind, article_id: UUID) -> bool:
    """Remove an article or canned reply; return False if the account has none with this id."""
    query = queries.remove_article if kind == "article" else queries.remove_canned_reply
    if await query(tx, id=article_id) is None:
        return False
    await audit.record(tx, actor, f"{kind}.deleted", article_id)
    return True


async def drafts(tx: Transaction, article_id: UUID, *, limit: int) -> list[DraftOf]:
    """The newest drafts that were made from an article, newest first, among the SEARCHED_RESULTS newest results."""
    rows = queries.drafts(tx, article_id=article_id, newest=SEARCHED_RESULTS, limit=limit)
    return [DraftOf.from_row(row) async for row in rows]
