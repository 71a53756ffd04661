"""Several messages of a customer in a row get one draft, and answered messages get none."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from hummdesk.bus.envelope import Event
from hummdesk.core.config import Settings
from hummdesk.core.models import Message
from tests.conftest import Servers
from tests.system.tasks.conftest import PATIENT, Pipeline, fast_failing, pipeline_of, private_redis

pytestmark = pytest.mark.timeout(240)

BURST = ("Hello!", "I have a question", "about my jacket", "the zip broke after two years", "Do you repair it?")


@pytest.fixture(scope="module")
async def running(
    settings: Settings, servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pipeline]:
    """With the quiet time of two seconds before a draft, as in production."""
    name = await servers.clone(template)
    quick = fast_failing(settings, servers.cluster.url(name), await private_redis(settings))
    quick = replace(quick, ai_quiet_seconds=2.0, **PATIENT)
    async with pipeline_of(quick, tmp_path_factory.mktemp("marks")) as desk, desk.relay(), desk.worker():
        yield desk
    await servers.drop(name)


def drafts(pipeline: Pipeline, messages: list[Message]) -> list[Event]:
    return [event for message in messages for event in pipeline.events_of(message) if event.event == "ai_draft"]


def outcome(pipeline: Pipeline, message: Message) -> str | None:
    """The outcome of the draft run; None without one."""
    ends = [event.data for event in pipeline.events_of(message) if event.event == "ai_processing_completed"]
    found = [end["outcome"] for end in ends if end["processingType"] == "draft"]
    assert len(found) <= 1
    return found[0] if found else None


async def draft_delay(pipeline: Pipeline, message: Message) -> timedelta:
    """The time from a message to the start of its draft run."""
    async with pipeline.database.account(pipeline.customer.account_id) as tx:
        found = await tx.execute(
            """SELECT ai_runs.started_at - messages.created_at AS delay
            FROM ai_runs JOIN messages ON messages.id = ai_runs.message_id
            WHERE ai_runs.message_id = %s AND ai_runs.kind = 'draft'""",
            (message.id,),
        )
        row = await found.fetchone()
    assert row is not None
    delay: timedelta = row["delay"]
    return delay


async def test_five_messages_in_a_row_get_one_draft_for_all(running: Pipeline) -> None:
    await running.say(running.agent, "Welcome.")
    async with running.suspended_worker("draft"):
        burst = [await running.say(running.customer, text) for text in BURST]
        for message in burst:
            await running.ended(message, "classification")
    await running.ended(burst[-1], "draft")
    assert await draft_delay(running, burst[-1]) >= timedelta(seconds=running.settings.ai_quiet_seconds)
    [draft] = drafts(running, burst)
    assert draft.data["messageId"] == str(burst[-1].id)
    assert draft.data["basedOnSeq"] == burst[-1].seq
    *earlier, last = (outcome(running, message) for message in burst)
    assert last == "done"
    assert set(earlier) <= {"superseded", None}
    assert running.calls_of("draft", "\n\n".join(BURST)) == 1
    assert len(list(running.marks.glob("draft-*"))) == 1, "nothing was asked of the provider for the others"


async def test_message_during_a_draft_run_supersedes_it(running: Pipeline) -> None:
    with running.lingering():
        first = await running.ask("Where is my parcel?\ndraft lingers 1")
        await running.until(lambda: ("ai_processing_started", "draft") in running.names(first))
        second = await running.say(running.customer, "It should have come on Monday.")
    await running.ended(first, "draft")
    await running.ended(second, "draft")
    assert outcome(running, first) == "superseded"
    ended = [event.data for event in running.events if event.event == "ai_processing_completed"]
    drafted = [end["messageId"] for end in ended if end["processingType"] == "draft"]
    assert drafted[-2:] == [str(first.id), str(second.id)]
    [draft] = drafts(running, [first, second])
    assert (draft.data["messageId"], draft.data["basedOnSeq"]) == (str(second.id), second.seq)


async def test_message_after_which_an_agent_replied_gets_no_draft(running: Pipeline) -> None:
    async with running.suspended_worker("draft"):
        waiting = await running.ask("Where is my parcel?")
        await running.ended(waiting, "classification")
        await running.say(running.agent, "It is on its way.")
    await running.ended(waiting, "draft")
    with running.lingering():
        made = await running.ask("And my refund?\ndraft lingers 1")
        await running.until(lambda: ("ai_processing_started", "draft") in running.names(made))
        await running.say(running.agent, "It was paid yesterday.")
    await running.ended(made, "draft")
    assert [outcome(running, message) for message in (waiting, made)] == ["superseded", "superseded"]
    assert drafts(running, [waiting, made]) == []
    assert ("ai_processing_started", "draft") not in running.names(waiting)
    assert running.calls("draft", waiting) == 0
