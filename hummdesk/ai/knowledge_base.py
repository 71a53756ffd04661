"""An account's knowledge in the database: search by meaning, indexing of changes, extraction of past answers.

The only module that connects the AI with storage.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from itertools import accumulate, takewhile
from uuid import UUID

import numpy as np

from hummdesk.ai import answer_extraction
from hummdesk.ai.answer_extraction import AgentReply
from hummdesk.ai.embedded import stored_encodings
from hummdesk.ai.embedded.embedding import MODEL, embed, project
from hummdesk.ai.embedded.encoder import encode
from hummdesk.ai.embedded.source_ranking import source_of
from hummdesk.ai.protocol import Article, CannedReply, Knowledge, PastAnswer, Profile
from hummdesk.core import metrics
from hummdesk.storage import ai_profiles, categories, knowledge, past_answers
from hummdesk.storage.database import Database
from hummdesk.storage.knowledge import IndexedSource, Source
from hummdesk.storage.past_answers import LearnedReply, Reply

MAX_SOURCES = 12
"""Articles and canned replies that `find` returns: the nearest."""
MAX_PAST_ANSWERS = 5
"""Past answers that `find` returns in addition."""
SEARCHED_PAST_ANSWERS = 2_000
"""Newest past answers of an account that are searched: each costs a search 5 µs."""

EXAMPLE_REPLIES = 3
MAX_EXAMPLE = 600
"""Characters of a reply that is an example."""

BATCH = 20
"""Sources of each kind that are indexed, and replies that are read, in one transaction."""
BATCH_PASSAGES = 500
"""Passages that are encoded in one transaction, unless one source has more: about 0.5 s."""


async def find(
    database: Database, account_id: UUID, queries: list[str], *, without: Collection[UUID] = ()
) -> Knowledge:
    """Return the account's sources that are nearest to any of the queries, without some of the past answers."""
    vectors = await asyncio.to_thread(embed, queries)
    async with database.account(account_id) as tx:
        found = await knowledge.nearest(
            tx, vectors.tolist(), model=MODEL, limit=MAX_SOURCES, past_answers=MAX_PAST_ANSWERS + len(without)
        )
    past = [one for one in found if one.kind == "past_answer" and one.id not in without][:MAX_PAST_ANSWERS]
    return Knowledge(
        articles=tuple(
            replace(_article(one), changed_at=one.changed_at, encoded=one.encoded)
            for one in found
            if one.kind == "article"
        ),
        canned_replies=tuple(
            CannedReply(title=one.title, content=one.body) for one in found if one.kind == "canned_reply"
        ),
        past_answers=tuple(
            PastAnswer(id=str(one.id), question=one.title, answer=one.body, instead_of_draft=one.instead_of_draft)
            for one in past
        ),
    )


async def profile(database: Database, account_id: UUID) -> Profile:
    """Return what the account wants external models to know, its own categories, and replies sent from drafts."""
    async with database.account(account_id) as tx:
        stored = await ai_profiles.profile(tx, replies=EXAMPLE_REPLIES, longest=MAX_EXAMPLE)
        own = (await categories.get(tx)).used
    return Profile(categories=own) if stored is None else Profile(categories=own, **asdict(stored))


async def learn(database: Database, account_id: UUID) -> bool:
    """Extract past answers from a batch of agents' replies, for `index`; return whether more may be left."""
    async with database.account(account_id) as tx:
        await knowledge.lock_updates(tx)
        learned = [_learned(reply) for reply in await past_answers.unlearned(tx, limit=BATCH)]
        if learned:
            await past_answers.store_lessons(tx, learned, newest=SEARCHED_PAST_ANSWERS)
    for one in learned:
        if one.draft_use:
            metrics.AI_DRAFT_USES.labels(use=one.draft_use).inc()
    return len(learned) >= BATCH


async def index(database: Database, account_id: UUID) -> bool:
    """Index a batch of sources that are new, changed or indexed by another model; return whether more may be left.

    The transaction locks the rows, so that no change is missed; a concurrent call for the same account waits.
    """
    async with database.account(account_id) as tx:
        await knowledge.lock_updates(tx)
        outdated = [(source, _passages(source)) for source in await knowledge.outdated(tx, model=MODEL, limit=BATCH)]
        totals = list(accumulate(len(passages) for _, passages in outdated))
        batch = outdated[: max(1, bisect_right(totals, BATCH_PASSAGES))]
        if batch:
            await knowledge.replace_passages(tx, await asyncio.to_thread(_indexed, batch), model=MODEL)
    return len(outdated) >= BATCH or len(batch) < len(outdated)


def _indexed(batch: Sequence[tuple[Source, tuple[str, ...]]]) -> list[IndexedSource]:
    encoded = encode([text for _, passages in batch for text in passages])
    ends = list(accumulate(len(passages) for _, passages in batch))
    return [
        IndexedSource(
            source=source,
            vectors=project(own[: len(source.texts)]).tolist(),
            encoded=stored_encodings.pack(passages, own) if source.kind == "article" else None,
        )
        for (source, passages), own in zip(batch, np.split(encoded, ends[:-1]), strict=True)
    ]


def _passages(source: Source) -> tuple[str, ...]:
    """The texts of a source that drafts compare with messages; the first ones are those that a search compares."""
    return source_of(_article(source)).passages if source.kind == "article" else source.texts


def _article(source: Source) -> Article:
    return Article(id=str(source.id), title=source.title, body=source.body, questions=source.questions)


def _learned(reply: Reply) -> LearnedReply:
    """A draft counts as used only if it answered messages that were still unanswered before this reply."""
    unanswered = list(takewhile(lambda turn: turn.sender == "customer", reply.before))
    messages = [turn for turn in reply.before if turn.sender == "customer"]
    had_draft = reply.draft_seq is not None and any(turn.seq == reply.draft_seq for turn in unanswered)
    extracted = answer_extraction.extract(
        AgentReply(
            content=reply.content,
            agent_name=reply.agent_name,
            customer_names=(reply.customer_name, reply.customer_email, *{turn.name for turn in messages}),
            customer_messages=tuple(turn.content for turn in messages),
            unanswered=len(unanswered),
            draft=reply.draft if had_draft else None,
        )
    )
    return LearnedReply(
        message_id=reply.message_id,
        draft_run_id=reply.draft_run_id if had_draft else None,
        draft_use=extracted.draft_use,
        question=extracted.question,
        answer=extracted.answer,
    )
