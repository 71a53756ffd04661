"""Drafts for an account with 10,000 articles."""

import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest

from hummdesk.ai import knowledge_base
from hummdesk.ai.embedded.embedding import DIMENSIONS, MODEL, normalize
from hummdesk.ai.embedded.retrieval import queries_of
from hummdesk.ai.protocol import Context, IncomingMessage, Provider
from hummdesk.ai.providers import local_provider
from hummdesk.core.config import Settings
from hummdesk.dev import demo
from hummdesk.dev.demo_companies import company
from hummdesk.storage.database import Database

pytestmark = [pytest.mark.systems, pytest.mark.timeout(240)]

ARTICLES = 10_000
PASSAGES = 7
"""Of each article: its title, its text and five questions."""
DRAFTS = 20
ROUNDS = 3
DRAFT_MS = 150
"""Limit of the 95th percentile: it is 100 to 130 ms on two cores."""

ADD_ARTICLES = """
    INSERT INTO knowledge_articles (account_id, id, title, body, indexed_as)
    SELECT %(account)s, gen_random_uuid(), 'Article ' || number, %(body)s || ' Article ' || number, %(model)s
    FROM generate_series(1, %(articles)s) AS number
    RETURNING id
"""
ADD_PASSAGES = "COPY knowledge_passages (account_id, id, article_id, model, embedding) FROM STDIN"


@pytest.fixture
async def account(settings: Settings, fresh_database_url: str) -> AsyncIterator[tuple[Database, UUID]]:
    """A database, and one of two accounts with long articles in it, whose passages have random vectors."""
    own = replace(settings, database_url=fresh_database_url)
    accounts = [UUID(one["id"]) for one in (await demo.load(own, accounts=2, agents=1, customers=1))["accounts"]]
    async with await psycopg.AsyncConnection.connect(own.postgres, autocommit=True) as connection:
        for account_id in accounts:
            await add_articles(connection.cursor(), account_id)
        await connection.execute("VACUUM ANALYZE knowledge_passages")
    database = Database(own.postgres, role="hummdesk_worker", size=1, timeout=30)
    await database.open()
    yield database, accounts[0]
    await database.close()


async def add_articles(cursor: psycopg.AsyncCursor, account_id: UUID) -> None:
    body = max((page["body"] for page in company(0).content["articles"]), key=len)
    values = {"account": account_id, "body": body, "model": MODEL, "articles": ARTICLES}
    ids = [row[0] for row in await (await cursor.execute(ADD_ARTICLES, values)).fetchall()]
    vectors = np.random.default_rng(1).standard_normal((ARTICLES, PASSAGES, DIMENSIONS))
    async with cursor.copy(ADD_PASSAGES) as copy:
        for article_id, of_article in zip(ids, vectors, strict=True):
            for vector in normalize(of_article).round(5).tolist():
                await copy.write_row((account_id, uuid4(), article_id, MODEL, str(vector)))


async def draft_ms(provider: Provider, database: Database, account_id: UUID, text: str) -> float:
    started = time.perf_counter()
    known = await knowledge_base.find(database, account_id, [query.text for query in queries_of(text)])
    await provider.draft(IncomingMessage(content=text, customer_name="Maya"), Context(), known)
    return 1000 * (time.perf_counter() - started)


async def test_draft_for_account_with_10000_articles_takes_less_than_150_ms(account: tuple[Database, UUID]) -> None:
    """At the 95th percentile of each text's best of three rounds, since the machine of a test may stand still."""
    questions = [question for page in company(0).content["articles"] for question in page["questions"]]
    texts = [" ".join(questions[number : number + 1 + number % 3]) for number in range(DRAFTS)]
    provider = local_provider("embedded")
    rounds = [[await draft_ms(provider, *account, text) for text in texts] for _ in range(ROUNDS)]
    best = [min(taken) for taken in zip(*rounds, strict=True)]
    p95 = statistics.quantiles(best, n=20, method="inclusive")[-1]
    print(f"p95 of {DRAFTS} drafts among {ARTICLES} articles: {p95:.0f} ms of {sorted(best)}")
    assert p95 <= DRAFT_MS
