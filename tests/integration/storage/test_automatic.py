"""Automatic answers: sent once, never after a person's, and handed over."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from hummdesk.core.errors import Conflict, Invalid, NotFound, Unavailable
from hummdesk.core.ids import new_id
from hummdesk.core.models import Message
from hummdesk.storage import automatic, messages
from hummdesk.storage.automatic import Answer, AutomaticAnswers, Threshold
from hummdesk.storage.messages import Sent
from tests.integration.storage.conftest import Account, WriterHarness

RACES, CONVERSATIONS = 10_000 if os.environ.get("CHAOS") == "full" else 120, 20
CATEGORY = "billing"
CLASSIFIED = """
WITH run AS (
    SELECT id FROM ai_runs WHERE conversation_id = %(conversation)s AND kind = 'classification'
    ORDER BY seq OFFSET %(number)s LIMIT 1
), ended AS (
    UPDATE ai_runs SET status = 'done', outcome = 'done', started_at = now(), finished_at = now(), published_at = now()
    FROM run WHERE ai_runs.id = run.id
)
INSERT INTO ai_results (account_id, run_id, kind, payload)
SELECT %(account)s, id, 'classification',
    jsonb_build_object('classification', jsonb_build_object('language', %(language)s::text, 'category', 'billing'))
FROM run
"""


async def allow(account: Account, *, is_enabled: bool = True) -> UUID:
    """A simulation with ten drafts of the category, and the threshold chosen from it."""
    simulation = new_id()
    conversation = await account.start(account.stranger)
    for _ in range(automatic.LEAST_DRAFTS):
        await account.send(account.stranger, conversation_id=conversation)
    await account.execute(
        "INSERT INTO ai_simulations (account_id, id, since, max_conversations, max_dollars, status, finished_at, "
        "due_at) VALUES (%(account)s, %(id)s, now(), 1, 1, 'done', now(), NULL)",
        id=simulation,
    )
    await account.execute(
        "INSERT INTO ai_simulated_drafts (account_id, simulation_id, message_id, conversation_id, reply_seq, is_first, "
        "provider, category, outcome, confidence, draft, facts, kept_facts, other_facts, edit_distance) "
        "SELECT account_id, %(id)s, id, conversation_id, 2, true, 'embedded', 'billing', 'drafted', 0.9, '', 0, 0, 0, "
        "0 FROM messages WHERE conversation_id = %(own)s",
        id=simulation,
        own=conversation,
    )
    await put(account, simulation, is_enabled=is_enabled)
    return simulation


async def put(account: Account, simulation: UUID, *, is_enabled: bool = True, confidence: float = 0.9) -> None:
    threshold = Threshold(min_confidence=confidence, simulation_id=simulation)
    new = AutomaticAnswers(is_enabled=is_enabled, categories={CATEGORY: threshold})
    async with account.tx() as tx:
        await automatic.put(tx, account.admin, account.id, new)


def answer_to(message: Message, **changes: Any) -> Answer:
    values: dict[str, Any] = {"category": CATEGORY, "confidence": 0.95, "failures": 0, "content": "14 days"} | changes
    about: dict[str, Any] = {"conversation_id": message.conversation_id, "seq": message.seq}
    values |= {"run_id": new_id(), "sources": ("1",), "sender_name": "Shop"} | about
    return Answer(**values)


async def send(account: Account, answer: Answer) -> bool:
    async with account.tx() as tx:
        return await automatic.answer(tx, account.id, answer)


async def send_and_die(account: Account, answer: Answer) -> None:
    async with account.tx() as tx:
        assert await automatic.answer(tx, account.id, answer)
        raise RuntimeError("killed")


async def judge(account: Account, verdict: automatic.Verdict, conversation: UUID | None = None) -> bool:
    async with account.tx() as tx:
        return await automatic.judge(tx, account.customer, conversation or account.conversation, verdict)


async def rows(account: Account) -> list[tuple[Any, ...]]:
    return await account.execute(
        "SELECT sender_type, private, content, metadata FROM messages "
        "WHERE account_id = %(account)s AND conversation_id = %(conversation)s ORDER BY seq"
    )


async def report(account: Account) -> dict[str, Any]:
    now = datetime.now(UTC)
    async with account.tx() as tx:
        return await automatic.report(tx, since=now - timedelta(days=30), until=now + timedelta(days=1))


async def test_threshold_keeps_the_provider_whose_drafts_have_proven_it(account: Account) -> None:
    simulation = await allow(account)
    await account.execute(
        "UPDATE ai_simulated_drafts SET provider = 'openai' WHERE simulation_id = %(id)s", id=simulation
    )
    for confidence, provider in ((0.9, "embedded"), (0.8, "openai")):  # the first one is set already
        await put(account, simulation, confidence=confidence)
        async with account.tx() as tx:
            found = await automatic.settings(tx)
        assert found.categories[CATEGORY].provider == provider


async def test_answer_is_sent_once_as_the_system_and_marked(account: Account) -> None:
    await allow(account)
    asked = (await account.send(account.customer)).message
    answer = answer_to(asked)
    assert [await send(account, answer), await send(account, answer)] == [True, False]
    [_, (sender, private, content, metadata)] = await rows(account)
    assert (sender, private, content) == ("system", False, "14 days")
    assert metadata == {"automatic": True, "runId": str(answer.run_id), "sources": ["1"]}
    assert (await account.see(account.admin)).status == "pending"
    [*_, (kind, actor, details)] = await account.log()
    assert (kind, actor, details["to"]) == ("status_changed", "system", "pending")


@pytest.mark.parametrize("obstacle", ["off", "below", "other category", "newer", "person", "closed", "handed over"])
async def test_answer_is_not_sent_when_something_speaks_against_it(account: Account, obstacle: str) -> None:
    simulation = await allow(account, is_enabled=obstacle != "off")
    asked = (await account.send(account.customer)).message
    answer = answer_to(asked)
    match obstacle:
        case "below":
            answer = answer_to(asked, confidence=0.89)
        case "other category":
            answer = answer_to(asked, category="sales")
        case "newer":
            await account.send(account.customer, "And abroad?")
        case "person":
            await account.send(account.agent, "Welcome")
            answer = answer_to((await account.send(account.customer, "Thanks, and abroad?")).message)
        case "closed":
            await account.execute("UPDATE conversations SET status = 'closed' WHERE id = %(conversation)s")
        case "handed over":
            assert await send(account, answer)
            assert await judge(account, "person")
            answer = answer_to((await account.send(account.customer, "Hello?")).message)
    before = await rows(account)
    assert not await send(account, answer)
    assert await rows(account) == before
    await put(account, simulation)


async def test_threshold_needs_a_simulation_with_ten_drafts_above_it(account: Account, foreign: Account) -> None:
    simulation = await allow(account)
    with pytest.raises(Invalid) as refused:
        await put(account, simulation, confidence=0.91)
    assert list(refused.value.details or ()) == ["categories.0.simulationId"]
    with pytest.raises(Invalid):
        await put(foreign, simulation)
    await put(account, simulation, is_enabled=False)


async def test_no_twice_hands_over_with_note_summary_and_queue(account: Account) -> None:
    await allow(account)
    first = (await account.send(account.customer)).message
    await send(account, answer_to(first))
    assert not await judge(account, "no")
    assert not await judge(account, "no"), "a repetition is no second failure"
    second = (await account.send(account.customer, "It does not work")).message
    await send(account, answer_to(second, failures=1))
    assert await judge(account, "no")
    [*_, (sender, private, _, metadata)] = await rows(account)
    assert (sender, private, metadata) == ("system", True, {"handedOver": "second_failure"})
    now = await account.see(account.admin)
    assert (now.status, now.assigned_to) == ("open", None)
    [[waiting, runs]] = await account.execute(
        "SELECT waiting_since, (SELECT count(*) FROM ai_runs WHERE kind = 'summary' "
        "AND conversation_id = %(conversation)s) FROM conversations WHERE id = %(conversation)s"
    )
    assert (waiting, runs) == (first.created_at, 1)
    assert await judge(account, "person"), "it is handed over already"
    assert (await report(account))["total"]["secondFailure"] == 1


@pytest.mark.parametrize(
    ("languages", "note"),
    [
        (("de",), "An einen Menschen übergeben: es wurde um einen Menschen gebeten."),
        (("de", "und"), "An einen Menschen übergeben: es wurde um einen Menschen gebeten."),
        (("de", "en"), "Handed over to a person: the customer asked for a person."),
        (("fi",), "Handed over to a person: the customer asked for a person."),
        ((), "Handed over to a person: the customer asked for a person."),
    ],
)
async def test_note_is_in_the_language_of_the_conversation(
    account: Account, languages: tuple[str, ...], note: str
) -> None:
    await allow(account)
    first = (await account.send(account.customer, needs_ai=True)).message
    await send(account, answer_to(first))
    for _ in languages[1:]:
        await account.send(account.customer, needs_ai=True)
    for number, language in enumerate(languages):
        await account.execute(CLASSIFIED, number=number, language=language)
    assert await judge(account, "person")
    [[content]] = await account.execute(
        "SELECT content FROM messages WHERE conversation_id = %(conversation)s AND private"
    )
    assert content == note


async def test_verdict_needs_an_automatic_answer_and_its_customer(account: Account) -> None:
    await account.send(account.customer)
    with pytest.raises(Conflict):
        await judge(account, "yes")
    async with account.tx() as tx:
        with pytest.raises(NotFound):
            await automatic.judge(tx, account.stranger, account.conversation, "person")


async def test_conversation_that_a_person_has_answered_is_not_handed_over(account: Account) -> None:
    await allow(account)
    await send(account, answer_to((await account.send(account.customer)).message))
    await account.send(account.agent, "Let me help")
    async with account.tx() as tx:
        assert not await automatic.hand_over(tx, account.id, account.conversation, "low_score")


async def test_conversation_that_is_continued_in_another_one_stays_closed(account: Account) -> None:
    await allow(account)
    await send(account, answer_to((await account.send(account.customer)).message))
    target = await account.start(account.customer)
    await account.execute(
        "UPDATE conversations SET status = 'closed', continued_in = %(target)s WHERE id = %(conversation)s",
        target=target,
    )
    assert not await judge(account, "person")
    rows = await account.execute("SELECT status, continued_in FROM conversations WHERE id = %(conversation)s")
    assert rows == [("closed", target)]


async def test_resolved_are_only_those_with_72_hours_of_silence(account: Account) -> None:
    await allow(account)
    old: list[UUID] = []
    for _ in range(4):
        conversation = await account.start(account.customer)
        await send(account, answer_to((await account.send(account.customer, conversation_id=conversation)).message))
        old.append(conversation)
    await account.send(account.customer, "And?", conversation_id=old[1])
    await account.send(account.agent, "Hello", conversation_id=old[2])
    assert (await report(account))["total"]["resolved"] == 0
    assert not await judge(account, "yes", old[0])
    await account.execute(
        "UPDATE automatic_conversations SET last_at = last_at - interval '73 hours' WHERE conversation_id <> %(last)s",
        last=old[3],
    )
    await account.execute(
        "UPDATE messages SET created_at = created_at - interval '72 hours' WHERE account_id = %(account)s"
    )
    total = (await report(account))["total"]
    assert (total["conversations"], total["answers"], total["resolved"]) == (4, 4, 1)
    assert (total["waiting"], total["answeredByPerson"], total["yes"], total["no"]) == (1, 1, 1, 0)
    [category] = (await report(account))["categories"]
    assert category == total | {"category": CATEGORY}


@pytest.mark.timeout(600)
async def test_automatic_answer_never_follows_a_person_in_concurrent_races(
    account: Account, harness: WriterHarness
) -> None:
    """A person and two workers answer each question at once."""
    await allow(account)
    sent = [0, 0]
    for _ in range(RACES // CONVERSATIONS):
        places = [await account.start(account.customer) for _ in range(CONVERSATIONS)]
        asked = [(await account.send(account.customer, conversation_id=one)).message for one in places]
        for number, one in enumerate(asked):
            person = harness.send(account, "agent", conversation_id=one.conversation_id)
            answer = answer_to(one)
            racers: list[Any] = [send(account, answer), send(account, answer)]
            racers.insert(number % 3, person)
            results = await asyncio.gather(*racers, return_exceptions=True)
            assert {type(result) for result in results} <= {bool, Sent, Unavailable}
            sent[0] += results.count(True)
            sent[1] += any(isinstance(result, Sent) for result in results)
    assert min(sent) > 0, "one side lost all races"
    bad = await account.execute(
        "SELECT machine.seq FROM messages AS machine JOIN messages AS person USING (account_id, conversation_id) "
        "WHERE account_id = %(account)s AND machine.sender_type = 'system' AND NOT machine.private "
        "AND person.sender_type = 'agent' AND person.seq < machine.seq"
    )
    assert bad == []
    twice = await account.execute(
        "SELECT conversation_id FROM messages WHERE account_id = %(account)s AND sender_type = 'system' "
        "GROUP BY conversation_id HAVING count(*) > 1"
    )
    assert twice == []


async def test_answer_that_was_cut_before_the_commit_is_sent_by_the_next_attempt(account: Account) -> None:
    await allow(account)
    answer = answer_to((await account.send(account.customer)).message)
    with pytest.raises(RuntimeError):
        await send_and_die(account, answer)
    assert await send(account, answer)
    assert [row[0] for row in await rows(account)] == ["customer", "system"]
    async with account.tx() as tx:
        page, _ = await messages.page(tx, viewer=account.customer, conversation_id=account.conversation)
    assert page[-1].metadata["automatic"] is True
