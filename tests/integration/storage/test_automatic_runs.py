"""The way from a classification to an automatic answer, with the statements of a worker."""

import json
from collections.abc import AsyncIterator
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
    threshold = {"minConfidence": 0.9, "simulationId": str(new_id())}
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
    assert await consider(workflow.worker, run, DRAFT)
    assert not await consider(workflow.worker, run, DRAFT), "the next attempt of the run"
    assert await workflow.end(run, "superseded")
    assert await status(workflow) == ("pending", None)


async def test_message_of_another_category_gets_no_draft_without_an_agent(workflow: RunWorkflow) -> None:
    assert await classify(workflow, "sales") == []


async def test_angry_message_after_an_automatic_answer_hands_over(workflow: RunWorkflow) -> None:
    first = await draft_of(workflow, await classify(workflow, "billing"))
    assert await consider(workflow.worker, first, DRAFT)
    await workflow.end(first, "superseded")
    second = await draft_of(workflow, await classify(workflow, "complaint_feedback", "negative"))
    assert not await consider(workflow.worker, second, DRAFT)
    assert await status(workflow) == ("open", None)
    assert [due.kind for due in await workflow.dispatch()] == ["summary"]
    rows = await workflow.account.execute("SELECT reason FROM automatic_conversations")
    assert rows == [("anger",)]


async def test_draft_below_the_threshold_is_left_to_people(workflow: RunWorkflow) -> None:
    run = await draft_of(workflow, await classify(workflow, "billing"))
    low = Draft(content="Maybe.", confidence=0.5, reasoning="", citations=DRAFT.citations)
    assert not await consider(workflow.worker, run, low)
    assert await status(workflow) == ("open", None)
    assert await workflow.account.execute("SELECT FROM automatic_conversations") == []
