"""An account's knowledge as drafts are made from it: found by meaning, and indexed anew when it has changed."""

import asyncio
from uuid import UUID

from hummdesk.ai.embedding import MODEL, embed
from hummdesk.ai.protocol import Article, CannedReply, Knowledge
from hummdesk.storage import knowledge
from hummdesk.storage.database import Database

GIVEN = 12
"""Sources that a draft is made from, at the most: the nearest."""

BATCH = 20
"""Articles, and as many canned replies, that are indexed in one transaction: about 0.2 s."""


async def find(database: Database, account_id: UUID, asked: list[str]) -> Knowledge:
    """What the account knows that is nearest to any of the texts."""
    vectors = await asyncio.to_thread(embed, asked)
    async with database.account(account_id) as tx:
        found = await knowledge.nearest(tx, vectors.tolist(), model=MODEL, limit=GIVEN)
    return Knowledge(
        articles=tuple(
            Article(id=str(one.article_id), title=one.title, body=one.body, questions=one.questions)
            for one in found
            if one.article_id
        ),
        canned_replies=tuple(CannedReply(title=one.title, content=one.body) for one in found if one.canned_reply_id),
    )


async def index(database: Database, account_id: UUID) -> bool:
    """Index a batch of what has changed since, or was indexed by another model; whether more may be left.

    The rows are locked meanwhile, so that no change is missed.
    """
    async with database.account(account_id) as tx:
        outdated = await knowledge.outdated(tx, model=MODEL, limit=BATCH)
        if outdated:
            texts = [text for source in outdated for text in source.texts]
            vectors = iter((await asyncio.to_thread(embed, texts)).tolist())
            own = [[next(vectors) for _ in source.texts] for source in outdated]
            await knowledge.replace_passages(tx, outdated, own, model=MODEL)
    return len(outdated) >= BATCH
