"""Drafts and summaries on demand by real workers: once, soon, with one terminal event."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from hummdesk.core.config import Settings
from hummdesk.core.models import Message
from hummdesk.storage import moves, run_requests
from hummdesk.storage.run_requests import RequestedKind
from tests.conftest import Servers
from tests.system.tasks.conftest import PATIENT, Pipeline, fast_failing, pipeline_of, private_redis

pytestmark = pytest.mark.timeout(240)

QUESTION = "The zip of my jacket is broken. How do I send it to you for repair?"
QUIET_SECONDS = 600.0
"""Longer than a test, so that a draft that waits for further messages would be missing."""
CLAIM_SECONDS = 3.0


@pytest.fixture(scope="module")
async def pipeline(
    settings: Settings, servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pipeline]:
    name = await servers.clone(template)
    quick = fast_failing(settings, servers.cluster.url(name), await private_redis(settings))
    limits = PATIENT | {"ai_hard_limit_seconds": 16.0}  # the lease of a killed worker ends two seconds later
    quick = replace(quick, ai_quiet_seconds=QUIET_SECONDS, **limits)
    async with pipeline_of(quick, tmp_path_factory.mktemp("marks")) as desk, desk.relay(), desk.worker():
        yield desk
    await servers.drop(name)


async def request(pipeline: Pipeline, conversation_id: UUID, kind: RequestedKind = "draft") -> UUID | None:
    async with pipeline.database.account(pipeline.agent.account_id) as tx:
        return await run_requests.request(tx, conversation_id=conversation_id, kind=kind)


async def claim(pipeline: Pipeline, conversation_id: UUID) -> None:
    async with pipeline.database.account(pipeline.agent.account_id) as tx:
        await moves.claim(tx, actor=pipeline.agent, conversation_id=conversation_id)


def named(pipeline: Pipeline, message: Message, kind: str) -> list[str]:
    """The events of the runs of a kind, and their results."""
    results = {"draft": "ai_draft", "summary": "ai_summary"}
    return [event for event, of_kind in pipeline.names(message) if of_kind == kind or event == results[kind]]


async def test_claim_of_a_waiting_conversation_leads_to_one_draft_within_seconds(pipeline: Pipeline) -> None:
    message = await pipeline.ask(QUESTION, assigned=False)
    await pipeline.ended(message, "classification")
    assert named(pipeline, message, "draft") == []
    claimed_at = time.monotonic()
    await claim(pipeline, pipeline.unassigned)
    run_ids = await asyncio.gather(*(request(pipeline, pipeline.unassigned) for _ in range(5)))
    await pipeline.ended(message, "draft")
    seconds = time.monotonic() - claimed_at
    print(f"\nfrom the claim to the end of the draft run: {seconds:.2f} s, at most {CLAIM_SECONDS} without load")
    assert named(pipeline, message, "draft") == ["ai_processing_started", "ai_draft", "ai_processing_completed"]
    [draft] = [event for event in pipeline.events_of(message) if event.event == "ai_draft"]
    assert {UUID(draft.data["runId"])} == set(run_ids)
    assert await request(pipeline, pipeline.unassigned) == run_ids[0]
    run = (await pipeline.runs(message))["draft"]
    assert (run["attempts"], run["results"]) == (1, 1)


async def test_requested_draft_survives_a_killed_worker(pipeline: Pipeline) -> None:
    message = await pipeline.ask(f"{QUESTION}\ndraft dies 1")
    await pipeline.ended(message, "classification")
    run_id = await request(pipeline, pipeline.assigned)
    await pipeline.ended(message, "draft")
    assert named(pipeline, message, "draft").count("ai_draft") == 1
    assert named(pipeline, message, "draft").count("ai_processing_completed") == 1
    assert await request(pipeline, pipeline.assigned) == run_id


async def test_summary_is_published_once_to_the_agent_and_joined_staff(pipeline: Pipeline) -> None:
    message = await pipeline.ask(QUESTION)
    run_id = await request(pipeline, pipeline.assigned, "summary")
    await pipeline.ended(message, "summary")
    [summary] = [event for event in pipeline.events_of(message) if event.event == "ai_summary"]
    assert UUID(summary.data["runId"]) == run_id
    assert "The zip of my jacket is broken." in summary.data["summary"]
    assert "The customer waits for an answer." in summary.data["summary"]
    assert summary.data["basedOnSeq"] == message.seq
    assert set(summary.rooms) == {f"agent:{pipeline.agent.id}", f"conversation:{pipeline.assigned}:staff"}
    assert await request(pipeline, pipeline.assigned, "summary") == run_id
