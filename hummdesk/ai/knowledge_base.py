"""What an account knows, as drafts are made from it: learned, found by meaning, indexed anew when it has changed."""

import asyncio
from itertools import takewhile
from uuid import UUID

from hummdesk.ai import answer_extraction
from hummdesk.ai.embedded.embedding import MODEL, embed
from hummdesk.ai.protocol import Article, CannedReply, Knowledge, PastAnswer
from hummdesk.core import metrics
from hummdesk.storage import knowledge, past_answers
from hummdesk.storage.database import Database
from hummdesk.storage.past_answers import Learned, Reply

GIVEN = 12
"""Articles and canned replies that a draft is made from, at the most: the nearest."""
GIVEN_ANSWERS = 5
"""Past answers beside them."""
REMEMBERED = 2_000
"""Past answers of an account that can be found, the newest: each costs a search 5 µs."""

BATCH = 20
"""Of each kind of source that are indexed, and replies that are learned from, in one transaction: about 0.2 s."""


async def find(database: Database, account_id: UUID, asked: list[str]) -> Knowledge:
    """What the account knows that is nearest to any of the texts."""
    vectors = await asyncio.to_thread(embed, asked)
    async with database.account(account_id) as tx:
        found = await knowledge.nearest(tx, vectors.tolist(), model=MODEL, limit=GIVEN, past_answers=GIVEN_ANSWERS)
    return Knowledge(
        articles=tuple(
            Article(id=str(one.id), title=one.title, body=one.body, questions=one.questions)
            for one in found
            if one.kind == "article"
        ),
        canned_replies=tuple(
            CannedReply(title=one.title, content=one.body) for one in found if one.kind == "canned_reply"
        ),
        past_answers=tuple(
            PastAnswer(id=str(one.id), question=one.title, answer=one.body, instead_of_draft=one.instead_of_draft)
            for one in found
            if one.kind == "past_answer"
        ),
    )


async def learn(database: Database, account_id: UUID) -> bool:
    """Learn from a batch of what agents have answered; whether more may be left. `index` then makes it be found."""
    async with database.account(account_id) as tx:
        await knowledge.alone(tx)
        learned = [_learned(reply) for reply in await past_answers.unlearned(tx, limit=BATCH)]
        if learned:
            await past_answers.keep(tx, learned, newest=REMEMBERED)
    for one in learned:
        if one.draft_use:
            metrics.AI_DRAFT_USES.labels(use=one.draft_use).inc()
    return len(learned) >= BATCH


async def index(database: Database, account_id: UUID) -> bool:
    """Index a batch of what is new, has changed, or was indexed by another model; whether more may be left.

    The rows are locked meanwhile, so that no change is missed; who comes meanwhile for the same account waits.
    """
    async with database.account(account_id) as tx:
        await knowledge.alone(tx)
        outdated = await knowledge.outdated(tx, model=MODEL, limit=BATCH)
        if outdated:
            texts = [text for source in outdated for text in source.texts]
            vectors = iter((await asyncio.to_thread(embed, texts)).tolist())
            own = [[next(vectors) for _ in source.texts] for source in outdated]
            await knowledge.replace_passages(tx, outdated, own, model=MODEL)
    return len(outdated) >= BATCH


def _learned(reply: Reply) -> Learned:
    """A draft counts if it answered what nobody had answered before this reply."""
    turns = reply.before
    asked = list(takewhile(lambda turn: turn.sender == "customer", turns))
    told = [turn for turn in turns if turn.sender == "customer"]
    drafted = reply.draft_seq is not None and any(turn.seq == reply.draft_seq for turn in asked)
    lesson = answer_extraction.learn(
        answer_extraction.Reply(
            content=reply.content,
            agent_name=reply.agent_name,
            customer_names=(reply.customer_name, reply.customer_email, *{turn.name for turn in told}),
            told=tuple(turn.content for turn in told),
            asked=len(asked),
            draft=reply.draft if drafted else None,
        )
    )
    return Learned(
        message_id=reply.message_id,
        draft_run_id=reply.draft_run_id if drafted else None,
        draft_use=lesson.draft_use,
        question=lesson.question,
        answer=lesson.answer,
    )
