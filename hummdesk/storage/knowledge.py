"""The knowledge of an account: articles, canned replies, past answers, and the vectors for searching them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from hummdesk.core.ids import new_id
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("knowledge")

Vector = Sequence[float]

MAX_VECTORS = 6
"""That a search compares: of a message, of its first sentences, and of the message with what was said before."""

Kind = Literal["article", "canned_reply", "past_answer"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PLURALS: dict[Kind, str] = {"article": "articles", "canned_reply": "canned_replies", "past_answer": "past_answers"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An article, a canned reply (without questions) or a past answer (its title is the question)."""

    kind: Kind
    id: UUID
    title: str
    body: str
    questions: tuple[str, ...] = ()
    instead_of_draft: bool = False
    """A past answer that an agent has sent in place of a draft, or after editing one."""
    changed_at: datetime | None = None
    """When the text of an article, as `nearest` returns it, was last changed."""
    encoded: bytes = b""
    """What is stored with an article, as `nearest` returns it, so that its passages are not encoded for each draft."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts that are searched, a passage for each."""
        if self.kind == "past_answer":
            return (self.title,)
        return (self.title, f"{self.title}. {self.body}", *self.questions)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedSource:
    source: Source
    vectors: Sequence[Vector]
    """In the order of `Source.texts`."""
    encoded: bytes | None = None
    """Of an article."""


async def lock_updates(tx: Transaction) -> None:
    """Wait for other updates of the account's knowledge, and block them until the transaction ends.

    Without it, a draft run could miss new knowledge that another process is indexing.
    """
    async for _ in queries.lock_updates(tx):
        pass


async def nearest(
    tx: Transaction, vectors: Sequence[Vector], *, model: str, limit: int, past_answers: int
) -> list[Source]:
    """The sources nearest to any of the vectors: at most `limit` articles and canned replies, and `past_answers` more.

    There are at most MAX_VECTORS. The search is exact, and takes 0.1 s among 70,000 passages; only the newest past
    answers are searchable.
    """
    if len(vectors) > MAX_VECTORS:
        raise ValueError(f"{len(vectors)} vectors, at most {MAX_VECTORS}")
    literals = [_literal(vector) for vector in vectors]
    rows = queries.nearest(tx, vectors=literals, model=model, limit=limit, answers=past_answers)
    return [
        Source(
            kind=kind,
            id=row[f"{kind}_id"],
            title=row["title"],
            body=row["body"],
            questions=tuple(row["questions"]),
            instead_of_draft=row["instead_of_draft"],
            changed_at=row["changed_at"],
            encoded=row["encoded"] or b"",
        )
        async for row in rows
        for kind in KINDS
        if row[f"{kind}_id"]
    ]


async def outdated(tx: Transaction, *, model: str, limit: int) -> list[Source]:
    """Lock and return sources without vectors of their current text by this model, or articles without encodings.

    They are at most `limit` of each kind; articles are last, and those that lack only encodings after the others. A
    source that another transaction has locked is left out: it is being changed or indexed.
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
    return canned + past + articles


async def replace_passages(tx: Transaction, indexed: Sequence[IndexedSource], *, model: str) -> None:
    """Replace the vectors of sources that `outdated` has locked."""
    passages = [
        {"id": str(new_id()), f"{one.source.kind}_id": str(one.source.id), "vector": _literal(vector)}
        for one in indexed
        for vector in one.vectors
    ]
    ids: dict[str, list[UUID]] = {
        plural: [one.source.id for one in indexed if one.source.kind == kind] for kind, plural in PLURALS.items()
    }
    encoded = [one.encoded for one in indexed if one.source.kind == "article"]
    await queries.replace_passages(tx, passages=json.dumps(passages), model=model, encoded=encoded, **ids)


def _literal(vector: Vector) -> str:
    """A vector in the input format of pgvector."""
    return f"[{','.join(map(repr, map(float, vector)))}]"
