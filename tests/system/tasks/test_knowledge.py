"""The knowledge of an account: search by meaning, reindexing, and isolation of accounts."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from hummdesk.ai import knowledge_base
from hummdesk.ai.embedded import retrieval
from hummdesk.ai.embedded.embedding import MODEL
from hummdesk.ai.embedded.encoder import Vectors, encode
from hummdesk.ai.embedded.source_ranking import source_of
from hummdesk.ai.embedded.stored_encodings import unpack
from hummdesk.ai.protocol import Context, IncomingMessage
from hummdesk.ai.providers import local_provider
from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError, Invalid, NotFound
from hummdesk.dev import demo
from hummdesk.operator import articles as knowledge
from hummdesk.operator.skills import set_skills
from hummdesk.storage import conversations, people, teams
from hummdesk.storage.database import Database
from hummdesk.storage.knowledge import outdated
from hummdesk.storage.messages import NewMessage, send
from tests.system.tasks.conftest import EVENT_SECONDS, Pipeline

pytestmark = pytest.mark.timeout(240)

ZIP = "My jacket's zip broke. Do you repair it?"


@pytest.fixture
async def shops(settings: Settings, fresh_database_url: str) -> tuple[Settings, list[UUID]]:
    """Two accounts with different knowledge, in a separate database."""
    own = replace(settings, database_url=fresh_database_url)
    loaded = await demo.load(own, accounts=2, agents=1, customers=1)
    return own, [UUID(one["id"]) for one in loaded["accounts"]]


@pytest.fixture
async def database(shops: tuple[Settings, list[UUID]]) -> AsyncIterator[Database]:
    made = Database(shops[0].postgres, role="hummdesk_worker", size=1, timeout=30)
    await made.open()
    yield made
    await made.close()


async def indexed(database: Database, account_id: UUID) -> None:
    while await knowledge_base.learn(database, account_id):
        pass
    while await knowledge_base.index(database, account_id):
        pass


async def titles(database: Database, account_id: UUID, asked: str) -> list[str]:
    found = await knowledge_base.find(database, account_id, [asked])
    return [article.title for article in found.articles]


async def test_find_returns_sources_of_the_account_only(shops: tuple[Settings, list[UUID]], database: Database) -> None:
    settings, (outdoor, invoicing) = shops
    for account in (outdoor, invoicing):
        await indexed(database, account)
    own = {one["title"] for one in await knowledge.listed(settings, outdoor)}
    other = {one["title"] for one in await knowledge.listed(settings, invoicing)}
    assert set(await titles(database, outdoor, ZIP)) <= own
    assert set(await titles(database, invoicing, ZIP)) <= other
    assert "repair" in (await titles(database, outdoor, ZIP))[0].lower()
    assert len(await titles(database, outdoor, ZIP)) <= knowledge_base.MAX_SOURCES


async def test_changed_source_is_reindexed_and_removed_source_is_not_found(
    shops: tuple[Settings, list[UUID]], database: Database, tmp_path: Path
) -> None:
    settings, (account, _) = shops
    file = tmp_path / "articles.jsonl"
    asked = "Do you sell tickets for the zoo?"
    file.write_text(json.dumps({"id": "zoo", "title": "Zoo tickets", "body": "We sell tickets for the zoo."}))
    assert (await knowledge.put(settings, account, file)).startswith("1 of 1")
    assert (await titles(database, account, asked))[0] == "Zoo tickets"
    assert (await knowledge.put(settings, account, file)).startswith("0 of 1"), "it is there as it is"
    file.write_text(json.dumps({"id": "zoo", "title": "Ferry times", "body": "The ferry leaves at nine."}))
    assert (await knowledge.put(settings, account, file)).startswith("1 of 1")
    assert (await titles(database, account, "When does the ferry leave?"))[0] == "Ferry times"
    assert "Zoo tickets" not in await titles(database, account, asked)
    await knowledge.remove(settings, account, "zoo")
    assert "Ferry times" not in await titles(database, account, "When does the ferry leave?")
    with pytest.raises(CommandError, match="no article 'zoo'"):
        await knowledge.remove(settings, account, "zoo")
    with pytest.raises(NotFound, match="No account has this id"):
        await knowledge.put(settings, UUID(int=7), file)


async def test_draft_uses_what_was_encoded_when_the_article_was_indexed(
    shops: tuple[Settings, list[UUID]], database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, (account, _) = shops
    await indexed(database, account)
    file = tmp_path / "articles.jsonl"
    sentences = [f"Ferry {number} leaves on pier {number} at {number} past nine." for number in range(1, 12)]
    for body in (" ".join(sentences), " ".join(reversed(sentences))):
        file.write_text(json.dumps({"id": "ferry", "title": "Ferry times", "body": body}))
        await knowledge.put(settings, account, file)
        found = await knowledge_base.find(database, account, ["Where does ferry 7 leave?"])
        (source,) = [source_of(one) for one in found.articles if one.title == "Ferry times"]
        stored = unpack(source.passages, source.encoded)
        assert stored is not None
        assert stored == pytest.approx(encode(source.passages), abs=1e-3)
    retrieval.forget_passages()
    encoded: list[str] = []

    def recorded(texts: Sequence[str]) -> Vectors:
        encoded.extend(texts)
        return encode(texts)

    monkeypatch.setattr(retrieval, "encode", recorded)
    await local_provider("embedded").draft(IncomingMessage(content="Where does ferry 7 leave?"), Context(), found)
    assert encoded
    assert not any(text in body for text in encoded)


async def test_article_without_encodings_is_indexed_again(
    shops: tuple[Settings, list[UUID]], database: Database
) -> None:
    settings, (account, _) = shops
    await indexed(database, account)
    async with await psycopg.AsyncConnection.connect(settings.postgres, autocommit=True) as connection:
        await connection.execute("UPDATE knowledge_articles SET encoded = NULL WHERE account_id = %s", (account,))
    await indexed(database, account)
    found = await knowledge_base.find(database, account, [ZIP])
    assert all(unpack(source_of(one).passages, one.encoded) is not None for one in found.articles)


async def test_batch_of_long_articles_is_indexed_in_several_transactions(
    shops: tuple[Settings, list[UUID]], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, (account, _) = shops
    monkeypatch.setattr(knowledge_base, "BATCH_PASSAGES", 10)
    await indexed(database, account)
    assert "repair" in (await titles(database, account, ZIP))[0].lower()
    async with database.account(account) as tx:
        assert await outdated(tx, model=MODEL, limit=100) == []


async def test_article_is_as_new_as_the_last_change_of_its_text(
    shops: tuple[Settings, list[UUID]], database: Database, tmp_path: Path
) -> None:
    settings, (account, _) = shops
    file = tmp_path / "articles.jsonl"
    times = []
    for body, language in (("It leaves at eight.", "en"), ("It leaves at eight.", None), ("It leaves at nine.", None)):
        file.write_text(json.dumps({"id": "ferry", "title": "Ferry times", "body": body, "language": language}))
        await knowledge.put(settings, account, file)
        found = await knowledge_base.find(database, account, ["When does the ferry leave?"])
        (ferry,) = [one for one in found.articles if one.title == "Ferry times"]
        assert ferry.changed_at is not None
        times.append(ferry.changed_at)
    assert times[0] == times[1] < times[2]


async def test_canned_replies_can_be_added_listed_and_removed(
    shops: tuple[Settings, list[UUID]], database: Database, tmp_path: Path
) -> None:
    settings, (account, other) = shops
    file = tmp_path / "replies.jsonl"
    reply = {"id": "sorry", "title": "Sorry for the wait", "body": "Sorry that it took so long."}
    file.write_text(json.dumps(reply))
    assert await knowledge.put(settings, account, file, "canned_reply") == (
        "1 of 1 canned replies added or changed, all indexed"
    )
    shown = await knowledge.listed(settings, account, "canned_reply")
    assert {name: value for name, value in shown[-1].items() if name != "id"} == {
        "title": reply["title"],
        "body": reply["body"],
    }
    found = await knowledge_base.find(database, account, ["sorry for the wait"])
    assert reply["body"] in [one.content for one in found.canned_replies]
    with pytest.raises(CommandError, match="no canned reply 'sorry'"):
        await knowledge.remove(settings, other, "sorry", "canned_reply")
    await knowledge.remove(settings, account, "sorry", "canned_reply")
    found = await knowledge_base.find(database, account, ["sorry for the wait"])
    assert reply["body"] not in [one.content for one in found.canned_replies]
    file.write_text(json.dumps(reply | {"questions": ["Why?"]}))
    with pytest.raises(CommandError, match="has questions"):
        await knowledge.put(settings, account, file, "canned_reply")


async def test_skills_are_set_in_one_account_only(shops: tuple[Settings, list[UUID]], database: Database) -> None:
    settings, accounts = shops
    async with database.account(accounts[0]) as tx:
        agent, *_ = await people.colleagues(tx, limit=100)
    known = ["billing", "de"]
    assert await set_skills(settings, account_id=accounts[0], email=agent.email.upper(), skills=known) == agent.name
    async with database.accounts(accounts) as tx:
        assert await teams.skills(tx, accounts) == {accounts[0]: {agent.id: frozenset(known)}}
    with pytest.raises(Invalid, match="'yodelling' is not a skill"):
        await set_skills(settings, account_id=accounts[0], email=agent.email, skills=["yodelling"])
    with pytest.raises(CommandError, match="no user"):
        await set_skills(settings, account_id=accounts[1], email="nobody@example.com", skills=[])


async def test_vectors_of_another_model_are_ignored_and_replaced(
    shops: tuple[Settings, list[UUID]], database: Database
) -> None:
    settings, (account, _) = shops
    await indexed(database, account)
    async with await psycopg.AsyncConnection.connect(settings.postgres, autocommit=True) as connection:
        await connection.execute("UPDATE knowledge_passages SET model = 'old', embedding = '[1,2,3]'")
        await connection.execute("UPDATE knowledge_articles SET indexed_as = 'old'")
    assert await titles(database, account, ZIP) == []
    await indexed(database, account)
    assert "repair" in (await titles(database, account, ZIP))[0].lower()


async def test_find_returns_newest_past_answers_of_the_account_only(
    shops: tuple[Settings, list[UUID]], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, accounts = shops
    questions = ("Do you rent out snow shoes?", "Do you rent out kayaks?", "Do you rent out climbing ropes?")
    for question in questions:
        await answered(settings, accounts[0], question, "We rent them by the week, in our shop.")
    monkeypatch.setattr(knowledge_base, "SEARCHED_PAST_ANSWERS", 2)
    for account in accounts:
        await indexed(database, account)
    own, other = [await knowledge_base.find(database, account, list(questions)) for account in accounts]
    assert {one.question for one in own.past_answers} == set(questions[1:])
    assert {one.answer for one in own.past_answers} == {"We rent them by the week, in our shop."}
    assert other.past_answers == ()
    assert other.articles


async def answered(settings: Settings, account_id: UUID, question: str, reply: str) -> None:
    """A reply by the account's agent, in a new conversation."""
    database = Database(settings.postgres, role="hummdesk_app", size=1, timeout=30)
    await database.open()
    async with database.account(account_id) as tx:
        ids = await (await tx.execute("SELECT id FROM contacts")).fetchone()
        agent, *_ = await people.colleagues(tx, limit=100)
        assert ids is not None
        customer = await people.find_person(tx, person_id=ids["id"], customer=True)
        sender = await people.find_person(tx, person_id=agent.id, customer=False)
        assert customer is not None
        assert sender is not None
        talk, _ = await conversations.start(tx, contact=customer, subject=None, metadata={}, client_message_id=None)
        for person, text in ((customer, question), (sender, reply)):
            await send(tx, sender=person, message=NewMessage(conversation_id=talk, content=text))
    await database.close()


async def test_many_changed_articles_are_indexed_by_bulk_tasks(pipeline: Pipeline) -> None:
    account = pipeline.customer.account_id
    async with await psycopg.AsyncConnection.connect(pipeline.settings.postgres, autocommit=True) as connection:
        await connection.execute(
            "INSERT INTO knowledge_articles (account_id, id, title, body) "
            "SELECT %s, gen_random_uuid(), 'Article ' || n, 'Text ' || n FROM generate_series(1, 70) AS n",
            (account,),
        )

        async def outdated() -> int:
            cursor = await connection.execute(
                "SELECT count(*) FROM knowledge_articles WHERE account_id = %s AND indexed_as IS NULL", (account,)
            )
            row = await cursor.fetchone()
            assert row is not None
            return int(row[0])

        assert await outdated() > 70
        async with pipeline.relay(), pipeline.worker():
            message = await pipeline.ask(ZIP)
            await pipeline.ended(message, "classification", "draft")
            async with asyncio.timeout(EVENT_SECONDS):
                while await outdated():
                    await asyncio.sleep(0.1)
