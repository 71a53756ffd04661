"""What an account knows: articles and replies kept ready, and the vectors by which they are found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from hummdesk.storage.database import Transaction
from hummdesk.storage.ids import new_id
from hummdesk.storage.queries import load

queries = load("knowledge")

Vector = Sequence[float]


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
class Source:
    """An article, or a canned reply, which has no questions."""

    article_id: UUID | None
    canned_reply_id: UUID | None
    title: str
    body: str
    questions: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """What it is found by, a passage each."""
        return (self.title, f"{self.title}. {self.body}", *self.questions)


async def nearest(tx: Transaction, vectors: Sequence[Vector], *, model: str, limit: int) -> list[Source]:
    """The account's sources that are nearest to any of the vectors: exactly, since one account has few."""
    rows = queries.nearest(tx, vectors=[_written(vector) for vector in vectors], model=model, limit=limit)
    return [
        Source(
            article_id=row["article_id"],
            canned_reply_id=row["canned_reply_id"],
            title=row["title"],
            body=row["body"],
            questions=tuple(row["questions"]),
        )
        async for row in rows
    ]


async def outdated(tx: Transaction, *, model: str, limit: int) -> list[Source]:
    """Sources of the account that have no vectors of their present text by this model, locked; at most twice `limit`.

    One that another transaction has locked is left out: it is being changed or indexed.
    """
    articles = [
        Source(
            article_id=row["id"],
            canned_reply_id=None,
            title=row["title"],
            body=row["body"],
            questions=tuple(row["questions"]),
        )
        async for row in queries.outdated_articles(tx, model=model, limit=limit)
    ]
    canned = [
        Source(article_id=None, canned_reply_id=row["id"], title=row["title"], body=row["content"])
        async for row in queries.outdated_canned_replies(tx, model=model, limit=limit)
    ]
    return articles + canned


async def replace_passages(
    tx: Transaction, sources: Sequence[Source], vectors: Sequence[Sequence[Vector]], *, model: str
) -> None:
    """Give sources that `outdated` has locked their vectors, those of each in the order of its texts."""
    pairs = [(source, vector) for source, own in zip(sources, vectors, strict=True) for vector in own]
    await queries.replace_passages(
        tx,
        article_ids=[source.article_id for source in sources if source.article_id],
        canned_reply_ids=[source.canned_reply_id for source in sources if source.canned_reply_id],
        ids=[new_id() for _ in pairs],
        of_articles=[source.article_id for source, _ in pairs],
        of_canned_replies=[source.canned_reply_id for source, _ in pairs],
        vectors=[_written(vector) for _, vector in pairs],
        model=model,
    )


async def put_article(tx: Transaction, account_id: UUID, article: Article) -> bool:
    """Operator: add it, or change it; False if it is there as it is."""
    rows: int = await queries.put_article(
        tx, account_id=account_id, id=article.id, title=article.title, body=article.body, questions=article.questions
    )
    return rows == 1


async def articles(tx: Transaction, account_id: UUID) -> list[Article]:
    """Operator: all articles of an account, oldest first."""
    return [Article.from_row(row) async for row in queries.articles_of(tx, account_id=account_id)]


async def remove_article(tx: Transaction, account_id: UUID, article_id: UUID) -> bool:
    """Operator: False if the account has no such article."""
    rows: int = await queries.remove_article(tx, account_id=account_id, id=article_id)
    return rows == 1


def _written(vector: Vector) -> str:
    """As pgvector reads it."""
    return f"[{','.join(map(repr, map(float, vector)))}]"
