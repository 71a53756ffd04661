"""An account's knowledge in the database: search by meaning, indexing of changes, extraction of past answers.

The only module that connects the AI with storage.
"""

import asyncio
from collections.abc import Collection
from dataclasses import asdict
from itertools import takewhile
from uuid import UUID

from hummdesk.ai import answer_extraction
from hummdesk.ai.answer_extraction import AgentReply
from hummdesk.ai.embedded.embedding import MODEL, embed
from hummdesk.ai.protocol import Article, CannedReply, Knowledge, PastAnswer, Profile
from hummdesk.core import metrics
from hummdesk.storage import ai_profiles, categories, knowledge, past_answers
from hummdesk.storage.database import Database
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
"""Sources of each kind that are indexed, and replies that are read, in one transaction: about 0.2 s."""


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
            Article(id=str(one.id), title=one.title, body=one.body, questions=one.questions, changed_at=one.changed_at)
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
        outdated = await knowledge.outdated(tx, model=MODEL, limit=BATCH)
        if outdated:
            texts = [text for source in outdated for text in source.texts]
            vectors = iter((await asyncio.to_thread(embed, texts)).tolist())
            by_source = [[next(vectors) for _ in source.texts] for source in outdated]
            await knowledge.replace_passages(tx, outdated, by_source, model=MODEL)
    return len(outdated) >= BATCH


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
