"""The way from a classification to an automatic answer, with the statements of a worker."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from hummdesk.ai.protocol import Citation, Draft
from hummdesk.core.ids import new_id
from hummdesk.storage import runs
from tasks.automatic import consider
from tests.integration.storage.run_workflow import RunWorkflow, run_workflow

DRAFT = Draft(
    content="You have 14 days.",
    confidence=0.9,
    reasoning="",
    citations=(Citation(kind="article", title="Returns", id=str(new_id())),),
)


@pytest.fixture
async def workflow(alone: Any) -> AsyncIterator[RunWorkflow]:
    threshold = {"minConfidence": 0.9, "simulationId": str(new_id()), "provider": "embedded"}
    await alone.execute(
        "INSERT INTO automatic_answers VALUES (%(account)s, true, %(categories)s)",
        categories=json.dumps({"billing": threshold}),
    )
    async with run_workflow(alone) as workflow:
        yield workflow


async def classify(workflow: RunWorkflow, category: str, sentiment: str = "neutral") -> list[Any]:
    """Send and classify a message of the customer; return the runs that are due then."""
    classification = {"category": category, "sentiment": sentiment}
    payload = {"classification": classification, "confidence": 0.9, "provider": "embedded"}
    assert await workflow.end(await workflow.claimed(), payload=payload)
    return await workflow.dispatch()


async def draft_of(workflow: RunWorkflow, due: list[Any]) -> runs.ClaimedRun:
    [run] = await workflow.claim(due[0].id)
    assert (run.kind, run.is_automatic) == ("draft", True)
    return run


async def status(workflow: RunWorkflow) -> tuple[str, UUID | None]:
    conversation = await workflow.account.see(workflow.account.admin)
    return conversation.status, conversation.assigned_to


async def test_unassigned_message_of_an_allowed_category_is_answered(workflow: RunWorkflow) -> None:
    run = await draft_of(workflow, await classify(workflow, "billing"))
    assert await consider(workflow.worker, run, DRAFT, provider="embedded")
    assert await workflow.end(run, "superseded")
    assert await status(workflow) == ("pending", None)


async def test_attempt_after_a_killed_one_neither_answers_again_nor_hands_over(workflow: RunWorkflow) -> None:
    low = replace(DRAFT, confidence=0.5)
    for retried in (DRAFT, low):
        run = await draft_of(workflow, await classify(workflow, "billing"))
        assert await consider(workflow.worker, run, DRAFT, provider="embedded")
        assert await consider(workflow.worker, run, retried, provider="embedded"), "the answer was sent"
        await workflow.end(run, "superseded")
        assert await status(workflow) == ("pending", None)
    rows = await workflow.account.execute("SELECT answers, failures, reason FROM automatic_conversations")
    assert rows == [(2, 1, None)]


async def test_draft_of_a_run_that_has_ended_is_not_sent(workflow: RunWorkflow) -> None:
    """A message that the draft may quote was withdrawn, for instance."""
    run = await draft_of(workflow, await classify(workflow, "billing"))
    await workflow.end(run, "superseded")
    assert not await consider(workflow.worker, run, DRAFT, provider="embedded")
    assert await workflow.account.execute("SELECT FROM automatic_conversations") == []


@pytest.mark.parametrize("change", ["closed", "newer"])
async def test_conversation_that_has_changed_since_the_question_is_not_handed_over(
    workflow: RunWorkflow, change: str
) -> None:
    first = await draft_of(workflow, await classify(workflow, "billing"))
    assert await consider(workflow.worker, first, DRAFT, provider="embedded")
    await workflow.end(first, "superseded")
    second = await draft_of(workflow, await classify(workflow, "billing"))
    if change == "closed":
        await workflow.account.execute("UPDATE conversations SET status = 'closed' WHERE id = %(conversation)s")
    else:
        await workflow.account.send(workflow.account.customer, "I have found it")
    before = await status(workflow)
    assert not await consider(workflow.worker, second, replace(DRAFT, confidence=0.5), provider="embedded")
    assert await status(workflow) == before
    assert await workflow.account.execute("SELECT reason FROM automatic_conversations") == [(None,)]


async def test_draft_of_another_provider_than_the_proven_one_is_not_sent(workflow: RunWorkflow) -> None:
    run = await draft_of(workflow, await classify(workflow, "billing"))
    assert not await consider(workflow.worker, run, DRAFT, provider="openai")
    assert await workflow.account.execute("SELECT FROM automatic_conversations") == []


async def test_message_of_another_category_gets_no_draft_without_an_agent(workflow: RunWorkflow) -> None:
    assert await classify(workflow, "sales") == []


async def test_angry_message_after_an_automatic_answer_hands_over(workflow: RunWorkflow) -> None:
    first = await draft_of(workflow, await classify(workflow, "billing"))
    assert await consider(workflow.worker, first, DRAFT, provider="embedded")
    await workflow.end(first, "superseded")
    second = await draft_of(workflow, await classify(workflow, "complaint_feedback", "negative"))
    assert not await consider(workflow.worker, second, DRAFT, provider="embedded")
    assert await status(workflow) == ("open", None)
    assert [due.kind for due in await workflow.dispatch()] == ["summary"]
    rows = await workflow.account.execute("SELECT reason FROM automatic_conversations")
    assert rows == [("anger",)]


async def test_draft_below_the_threshold_is_left_to_people(workflow: RunWorkflow) -> None:
    run = await draft_of(workflow, await classify(workflow, "billing"))
    assert not await consider(workflow.worker, run, replace(DRAFT, confidence=0.5), provider="embedded")
    assert await status(workflow) == ("open", None)
    assert await workflow.account.execute("SELECT FROM automatic_conversations") == []
