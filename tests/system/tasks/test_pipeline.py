"""From a customer's message to the events for staff, and faults of a provider."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from celery import Celery

from hummdesk.core.broker import QUEUES, configuration
from hummdesk.core.categories import BUILT_IN, OwnCategory, OwnTag
from hummdesk.core.models import Message
from hummdesk.storage import accounts, categories, corrections, moves
from tests.system.tasks.conftest import EVENT_SECONDS, Pipeline

pytestmark = pytest.mark.timeout(240)

QUESTION = "The zip of my jacket is broken. How do I send it to you for repair?"
STARTED, CLASSIFIED, DRAFTED = "ai_processing_started", "ai_classification", "ai_draft"
COMPLETED, FAILED = "ai_processing_completed", "ai_error"


async def test_message_of_assigned_conversation_is_classified_and_drafted(running: Pipeline) -> None:
    message = await running.ask(QUESTION)
    events = await running.ended(message, "classification", "draft")
    names = running.names(message)
    assert [name for name in names if name[1] == "classification" or name[0] == CLASSIFIED] == [
        (STARTED, "classification"),
        (CLASSIFIED, ""),
        (COMPLETED, "classification"),
    ]
    assert [name for name in names if name[1] == "draft" or name[0] == DRAFTED] == [
        (STARTED, "draft"),
        (DRAFTED, ""),
        (COMPLETED, "draft"),
    ]
    assert names.index((CLASSIFIED, "")) < names.index((DRAFTED, ""))
    by_name = {event.event: event for event in events}
    classification = by_name[CLASSIFIED].data
    assert set(classification["classification"]) >= {"category", "priority", "urgency", "sentiment", "language", "tags"}
    assert classification["classification"]["category"] in ("how_to", "technical")
    assert classification["classification"]["language"] == "en"
    assert classification["provider"] == "scripted"
    assert 0 <= classification["confidence"] <= 1
    draft = by_name[DRAFTED]
    assert "free of charge" in draft.data["draft"]["content"]
    assert running.customer.name.split()[0] in draft.data["draft"]["content"]
    assert draft.data["basedOnSeq"] == message.seq
    assert 1 <= len(draft.data["sources"]) <= 3
    assert set(draft.rooms) == {f"agent:{running.agent.id}", f"conversation:{running.assigned}:staff"}
    run_ids = {event.data["runId"] for event in events if "runId" in event.data}
    assert len(run_ids) == 2
    runs = await running.runs(message)
    assert {kind: (run["outcome"], run["results"]) for kind, run in runs.items()} == {
        "classification": ("done", 1),
        "draft": ("done", 1),
    }


async def test_message_of_unassigned_conversation_gets_no_draft(running: Pipeline) -> None:
    message = await running.ask("The battery of your lamp is on fire in my living room, right now!", assigned=False)
    events = await running.ended(message, "classification")
    assert [event.event for event in events] == [STARTED, CLASSIFIED, COMPLETED]
    assert set(await running.runs(message)) == {"classification"}
    updated = [event for event in running.events if event.data.get("conversationId") == str(running.unassigned)]
    assert [event.data["priority"] for event in updated if event.event == "conversation_updated"] == ["urgent"]
    thanks = await running.ask("Thanks!", assigned=False)
    assert (await running.ended(thanks, "classification"))[1].data["classification"]["priority"] == "low"
    async with running.database.account(running.customer.account_id) as tx:
        row = await (
            await tx.execute("SELECT priority FROM conversations WHERE id = %s", (running.unassigned,))
        ).fetchone()
    assert row == {"priority": "urgent"}, "a message that says nothing leaves the priority alone"


async def test_all_processes_of_the_worker_have_its_priority(running: Pipeline) -> None:
    message = await running.ask("Thanks!", assigned=False)
    await running.ended(message, "classification")
    assert running.main_process is not None
    priorities = [one.nice() for one in (running.main_process, *running.main_process.children(recursive=True))]
    assert priorities == [running.settings.worker_nice] * len(priorities)


async def test_task_of_a_later_version_is_logged_and_discarded(running: Pipeline) -> None:
    """As while a newer relay runs beside this worker."""
    with Celery(set_as_current=False) as newer:
        newer.conf.update(configuration(running.settings))
        queue = QUEUES["classification"]
        await asyncio.to_thread(newer.send_task, "hummdesk.predict", args=([],), queue=queue)
    message = await running.ask("Thanks!", assigned=False)
    await running.ended(message, "classification")
    assert "Received unregistered task of type 'hummdesk.predict'" in running.log.read_text()


async def test_question_without_known_answer_abstains(running: Pipeline) -> None:
    message = await running.ask("What is the capital of Portugal?")
    events = await running.ended(message, "classification", "draft")
    assert DRAFTED not in [event.event for event in events]
    outcomes = {e.data["processingType"]: e.data["outcome"] for e in events if e.event == COMPLETED}
    assert outcomes == {"classification": "done", "draft": "abstained"}


async def test_draft_below_minimum_confidence_of_account_is_not_shown(running: Pipeline) -> None:
    async with running.database.account(running.customer.account_id) as tx:
        await accounts.update(tx, None, ai_min_confidence=1.0)
    message = await running.ask(QUESTION)
    events = await running.ended(message, "classification", "draft")
    async with running.database.account(running.customer.account_id) as tx:
        await accounts.update(tx, None, ai_min_confidence=None)
    assert DRAFTED not in [event.event for event in events]
    assert (await running.runs(message))["draft"]["outcome"] == "abstained"


@pytest.mark.parametrize(
    ("fault", "calls", "error_text"),
    [
        ("fails", 2, "The AI gave no usable answer"),
        ("refuses", 1, "The AI cannot process this message"),
        ("breaks", 2, "The AI run failed"),
        ("hangs", 2, "The AI did not answer in time"),
        ("dies", 2, "The AI stopped while working on this"),
    ],
)
async def test_permanent_failure_publishes_one_error(
    running: Pipeline, fault: str, calls: int, error_text: str
) -> None:
    message = await running.ask(f"Where is my parcel?\nclassify {fault}")
    events = await running.ended(message, "classification")
    assert [event.event for event in events] == [STARTED, FAILED]
    error = events[-1].data
    assert (error["error"], error["retryable"], error["processingType"]) == (error_text, False, "classification")
    assert error["runId"] == events[0].data["runId"]
    assert running.calls("classify", message) == calls
    after = await running.ask("Thanks, and how long does a refund take?")
    assert (await running.ended(after, "classification", "draft"))[-1].event == COMPLETED, "others are not affected"
    run = (await running.runs(message))["classification"]
    assert (run["status"], run["attempts"], run["results"], run["announced"]) == ("failed", calls, 0, True)


@pytest.mark.parametrize(
    ("verb", "fault"),
    [
        ("classify", "fails"),
        ("draft", "fails"),
        ("draft", "breaks"),
        ("draft", "hangs"),
        ("draft", "blocks"),
        ("draft", "freezes"),
        ("draft", "dies"),
        ("classify", "dies"),
    ],
)
async def test_transient_fault_is_retried_successfully(running: Pipeline, verb: str, fault: str) -> None:
    message = await running.ask(f"{QUESTION}\n{verb} {fault} 1")
    await running.ended(message, "classification", "draft")
    of_classification = [(STARTED, "classification"), (CLASSIFIED, ""), (COMPLETED, "classification")]
    of_draft = [(STARTED, "draft"), (DRAFTED, ""), (COMPLETED, "draft")]
    assert sorted(running.names(message)) == sorted([*of_classification, *of_draft])
    assert running.calls(verb, message) == 2
    assert {run["results"] for run in (await running.runs(message)).values()} == {1}


async def test_logs_contain_no_message_content(running: Pipeline) -> None:
    message = await running.ask("My secret is xylophone-4711\nclassify breaks 1\ndraft fails 1")
    await running.ended(message, "classification", "draft")
    log = running.log.read_text()
    assert "ai_run.attempt_failed" in log
    assert "xylophone" not in log
    assert running.settings.jwt_secret not in log


async def test_terminated_database_connections_lose_no_run(running: Pipeline) -> None:
    for number in range(5):
        message = await running.ask(f"Where is my order number {number}?")
        await running.cut_connections()
        events = await running.ended(message, "classification", "draft")
        assert len([event for event in events if event.event == COMPLETED]) == 2


async def test_correction_is_given_to_the_provider_for_similar_messages(running: Pipeline) -> None:
    corrected = await running.ask("The llama in the garden sings at night")
    await running.ended(corrected, "classification")
    async with running.database.account(running.customer.account_id) as tx:
        await corrections.correct(
            tx,
            actor=running.agent,
            conversation_id=running.assigned,
            message_id=corrected.id,
            category="sales",
            priority=None,
        )
    same = await running.ask("The llama in the garden sings at night!\nheed corrections")
    events = await running.ended(same, "classification")
    [found] = [event.data for event in events if event.event == CLASSIFIED]
    assert found["classification"]["tags"] == ["sales", "None"]
    other = await running.ask("Where is my parcel?\nheed corrections")
    events = await running.ended(other, "classification")
    [found] = [event.data for event in events if event.event == CLASSIFIED]
    assert found["classification"]["tags"] == []


async def test_own_categories_and_tags_of_the_account_are_used_from_the_next_message_on(running: Pipeline) -> None:
    account_id = running.customer.account_id
    own = tuple(
        OwnCategory(key=name, name=name.title(), examples=(f"A question about {name}",)) for name in ("llamas", "skis")
    )

    async def found() -> tuple[str, list[str]]:
        message = await running.ask("When do the llamas sing?\nheed categories")
        events = await running.ended(message, "classification")
        [classified] = [event.data["classification"] for event in events if event.event == CLASSIFIED]
        return classified["category"], classified["tags"]

    async def change(**changes: Any) -> None:
        async with running.database.account(account_id) as tx:
            await categories.put(tx, None, account_id, categories.Categories(**changes))

    await change(is_enabled=True, own=own)
    assert await found() == ("llamas", ["llamas", "skis"])
    await change(is_enabled=True, own=own[::-1])
    assert await found() == ("llamas", ["skis", "llamas"])
    await change(is_enabled=False, own=own)
    category, tags = await found()
    assert (category in BUILT_IN, tags) == (True, [])
    async with running.database.account(account_id) as tx:
        await categories.put_tags(tx, None, account_id, (OwnTag(key="birds", name="Birds"),))
    category, tags = await found()
    assert (category in BUILT_IN, tags) == (True, ["birds"]), "tags alone"


async def test_reply_of_an_agent_becomes_a_draft_for_other_customers(running: Pipeline) -> None:
    """Without data of the first customer; see tests/unit/ai/test_answer_extraction.py."""
    first, second = running.customer.name, running.other_customer.name
    asked = await running.ask(f"Do you rent out snow shoes for a weekend?\n{first}")
    assert DRAFTED not in [event.event for event in await running.ended(asked, "classification", "draft")]
    answer = "Snow shoes can be rented in our shop, at 9 pounds a weekend."
    reply = await running.say(running.agent, f"Hi {first},\n\n{answer}\n\nKind regards,\n{running.agent.name}")
    async with asyncio.timeout(EVENT_SECONDS):
        while not (learned := await answer_of(running, reply))["learned_at"]:
            await asyncio.sleep(0.05)
    assert learned["answer"] == answer
    assert learned["draft_use"] is None
    await assign(running, running.unassigned)
    similar = await running.say(running.other_customer, "Can I rent snow shoes for the weekend?", running.unassigned)
    events = await running.ended(similar, "classification", "draft")
    [draft] = [event.data for event in events if event.event == DRAFTED]
    content = draft["draft"]["content"]
    assert answer in content
    assert second.split()[0] in content
    assert not any(name in content for name in (*first.split(), *running.agent.name.split()))
    assert draft["sources"][0] == str(reply.id)
    assert draft["citations"][0].items() >= {"kind": "past_answer", "id": str(reply.id)}.items()
    assert first not in draft["citations"][0]["title"]
    sent = await running.say(running.agent, content, running.unassigned)
    async with asyncio.timeout(EVENT_SECONDS):
        while not (use := await answer_of(running, sent))["draft_use"]:
            await asyncio.sleep(0.05)
    assert use["draft_use"] == "as_it_was"
    async with running.database.account(running.customer.account_id) as tx:
        rows = await tx.execute("SELECT actor_id, details FROM conversation_events WHERE kind = 'draft_used'")
        [logged] = [row async for row in rows if row["details"]["messageId"] == str(sent.id)]
    assert (logged["actor_id"], logged["details"]["use"]) == (running.agent.id, "as_it_was")


async def answer_of(pipeline: Pipeline, reply: Message) -> dict[str, Any]:
    async with pipeline.database.account(pipeline.customer.account_id) as tx:
        row = await (await tx.execute("SELECT * FROM past_answers WHERE message_id = %s", (reply.id,))).fetchone()
    assert row is not None, "it is there with the reply"
    return dict(row)


async def assign(pipeline: Pipeline, conversation_id: UUID) -> None:
    async with pipeline.database.account(pipeline.customer.account_id) as tx:
        await moves.assign(
            tx, actor=pipeline.agent, conversation_id=conversation_id, agent_id=pipeline.agent.id, team_id=None
        )
