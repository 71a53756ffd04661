"""What an account knows: articles, replies kept ready, past answers, and the vectors by which they are found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args
from uuid import UUID

from hummdesk.core.ids import new_id
from hummdesk.storage.database import Transaction
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


Kind = Literal["article", "canned_reply", "past_answer"]
KINDS: tuple[Kind, ...] = get_args(Kind)
QUERIED: dict[Kind, str] = {"article": "articles", "canned_reply": "canned_replies", "past_answer": "past_answers"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An article, a canned reply, which has no questions, or a past answer, whose title is the question."""

    kind: Kind
    id: UUID
    title: str
    body: str
    questions: tuple[str, ...] = ()
    instead_of_draft: bool = False
    """A past answer that an agent has sent in place of a draft, or made of one."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What it is found by, a passage each."""
        if self.kind == "past_answer":
            return (self.title,)
        return (self.title, f"{self.title}. {self.body}", *self.questions)


async def alone(tx: Transaction) -> None:
    """Wait for whoever brings the account's knowledge up to date: a draft made meanwhile would not find what is new."""
    async for _ in queries.alone(tx):
        pass


async def nearest(
    tx: Transaction, vectors: Sequence[Vector], *, model: str, limit: int, past_answers: int
) -> list[Source]:
    """The account's sources that are nearest to any of the vectors, `limit` of them and so many past answers.

    Exactly, since one account has few: its articles, and the newest of its answers.
    """
    written = [_written(vector) for vector in vectors]
    rows = queries.nearest(tx, vectors=written, model=model, limit=limit, answers=past_answers)
    return [
        Source(
            kind=kind,
            id=row[f"{kind}_id"],
            title=row["title"],
            body=row["body"],
            questions=tuple(row["questions"]),
            instead_of_draft=row["instead_of_draft"],
        )
        async for row in rows
        for kind in KINDS
        if row[f"{kind}_id"]
    ]


async def outdated(tx: Transaction, *, model: str, limit: int) -> list[Source]:
    """Sources of the account that have no vectors of their present text by this model, locked; at most `limit` a kind.

    One that another transaction has locked is left out: it is being changed or indexed.
    """
    articles = [
        Source(kind="article", id=row["id"], title=row["title"], body=row["body"], questions=tuple(row["questions"]))
        async for row in queries.outdated_articles(tx, model=model, limit=limit)
    ]
    canned = [
        Source(kind="canned_reply", id=row["id"], title=row["title"], body=row["content"])
        async for row in queries.outdated_canned_replies(tx, model=model, limit=limit)
    ]
    past = [
        Source(kind="past_answer", id=row["message_id"], title=row["question"], body=row["answer"])
        async for row in queries.outdated_past_answers(tx, model=model, limit=limit)
    ]
    return articles + canned + past


async def replace_passages(
    tx: Transaction, sources: Sequence[Source], vectors: Sequence[Sequence[Vector]], *, model: str
) -> None:
    """Give sources that `outdated` has locked their vectors, those of each in the order of its texts."""
    pairs = [(source, vector) for source, own in zip(sources, vectors, strict=True) for vector in own]
    by_kind: dict[str, list[UUID]] = {
        QUERIED[kind]: [source.id for source in sources if source.kind == kind] for kind in KINDS
    }
    of_kind = {
        f"of_{QUERIED[kind]}": [source.id if source.kind == kind else None for source, _ in pairs] for kind in KINDS
    }
    await queries.replace_passages(
        tx,
        ids=[new_id() for _ in pairs],
        vectors=[_written(vector) for _, vector in pairs],
        model=model,
        **by_kind,
        **of_kind,
    )


Managed = Literal["article", "canned_reply"]
"""What operators add and remove; a canned reply is an article without questions to them."""


async def put(tx: Transaction, account_id: UUID, kind: Managed, article: Article) -> bool:
    """Operator: add it, or change it; False if it is there as it is."""
    texts: dict[str, Any] = {"id": article.id, "title": article.title, "body": article.body}
    rows: int
    if kind == "article":
        rows = await queries.put_article(tx, account_id=account_id, questions=article.questions, **texts)
    else:
        rows = await queries.put_canned_reply(tx, account_id=account_id, **texts)
    return rows == 1


async def listed(tx: Transaction, account_id: UUID, kind: Managed) -> list[Article]:
    """Operator: all of an account, oldest first."""
    query = queries.articles_of if kind == "article" else queries.canned_replies_of
    return [Article.from_row(row) async for row in query(tx, account_id=account_id)]


async def remove(tx: Transaction, account_id: UUID, kind: Managed, article_id: UUID) -> bool:
    """Operator: False if the account has none of this id."""
    query = queries.remove_article if kind == "article" else queries.remove_canned_reply
    rows: int = await query(tx, account_id=account_id, id=article_id)
    return rows == 1


def _written(vector: Vector) -> str:
    """As pgvector reads it."""
    return f"[{','.join(map(repr, map(float, vector)))}]"
