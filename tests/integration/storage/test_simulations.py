"""Simulations: their questions, steps, figures and limits, with a scripted provider."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import pytest

from hummdesk.ai.protocol import Knowledge
from hummdesk.core.errors import NotFound
from hummdesk.storage import simulations
from hummdesk.storage.database import Database
from hummdesk.storage.simulations import SimulatedDraft
from tasks import simulation as steps
from tasks.simulated_draft import BUDGET_EXHAUSTED, BUDGET_REACHED
from tests.integration.storage.conftest import Account
from tests.integration.storage.simulator import ARTICLE, QUESTION, Simulator, close, talk


@pytest.fixture(scope="module")
async def relay(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url, role="hummdesk_relay", size=1, timeout=20)
    await made.open()
    yield made
    await made.close()


@pytest.fixture(scope="module")
async def worker(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url, role="hummdesk_worker", size=2, timeout=20, pipelined=True)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def simulator(account: Account, relay: Database, worker: Database, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Its steps do not end early on a machine that stands still."""
    monkeypatch.setattr(steps, "STEP_SECONDS", 60.0)
    monkeypatch.setattr(steps, "LIVE_PAUSE_SECONDS", 60.0)
    return Simulator(account, relay, worker)


async def test_questions_are_drafted_as_they_were_before_each_answer(simulator: Simulator, account: Account) -> None:
    await talk(account)
    found = await simulator.run(await simulator.start())
    assert (found.status, found.conversations, found.questions, found.completed) == ("done", 2, 2, 2)
    (first, before), (second, later) = simulator.providers.asked
    assert first.content == f"Hello\n\n{QUESTION}"
    assert before.history == ()
    assert second.content == "And abroad?"
    assert [turn.sender for turn in later.history] == ["customer", "customer", "agent", "agent"]
    figures = await simulator.figures(found.id)
    assert [(one["isFirst"], one["drafted"], one["keptFacts"]) for one in figures["answers"]] == [
        (False, 1, 0),
        (True, 1, 1),
    ]
    [category] = figures["categories"]
    assert (category["category"], category["questions"], category["facts"]) == ("unclassified", 2, 2)
    assert [source["id"] for source in figures["sources"]] == [str(ARTICLE)]
    newest, oldest = await simulator.drafts(found.id)
    assert (newest["question"], newest["reply"]) == ("And abroad?", "Abroad it costs 5 EUR.")
    assert (oldest["draft"], oldest["keptFacts"], oldest["otherFacts"]) == ("You have 14 days.", 1, 0)


async def test_curve_has_fewer_drafts_above_their_confidence(simulator: Simulator, account: Account) -> None:
    await talk(account)
    found = await simulator.run(await simulator.start())
    curve = (await simulator.figures(found.id))["curve"]
    drafted = {point["minConfidence"]: point["drafted"] for point in curve}
    assert (len(curve), drafted[0.0], drafted[0.8], drafted[0.85]) == (21, 2, 2, 0)
    assert {point["questions"] for point in curve} == {2}
    async with account.tx() as tx:
        assert {point["questions"] for point in await simulations.curve(tx, found.id, "billing")} == {0}


async def test_abstention_and_failure_are_counted_without_a_draft(simulator: Simulator, account: Account) -> None:
    await talk(account)
    simulator.providers.reply = None
    abstained = await simulator.run(await simulator.start())
    simulator.providers.error = RuntimeError("no")
    failed = await simulator.run(await simulator.start())
    totals = [(await simulator.figures(one.id))["total"] for one in (abstained, failed)]
    assert [(one["questions"], one["drafted"], one["failed"]) for one in totals] == [(2, 0, 0), (2, 0, 2)]


async def test_draft_of_the_fallback_counts_as_failed_with_its_cost(simulator: Simulator, account: Account) -> None:
    await talk(account)
    simulator.providers.fallback, simulator.providers.cost = "failed", "0.1"
    found = await simulator.run(await simulator.start())
    total = (await simulator.figures(found.id))["total"]
    assert (total["drafted"], total["failed"], found.cost_usd) == (0, 2, Decimal("0.2"))


async def test_machine_replies_are_no_answers_of_agents(simulator: Simulator, account: Account) -> None:
    await account.send(account.customer, QUESTION)
    await account.send(account.agent, "14 days", metadata={"automatic": True}, based_on_seq=1)
    await close(account)
    found = await simulator.run(await simulator.start())
    assert (found.status, found.questions) == ("done", 0)


async def test_answer_that_was_learned_from_the_same_conversation_is_not_used(
    simulator: Simulator, account: Account, worker: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = await talk(account)
    found: list[Any] = []

    async def find(_database: object, _account: UUID, _queries: list[str], *, without: frozenset[UUID]) -> Knowledge:
        found.append(without)
        return Knowledge()

    monkeypatch.setattr("hummdesk.ai.knowledge_base.find", find)
    await simulator.run(await simulator.start())
    own = await account.execute(
        "SELECT id FROM messages WHERE conversation_id = %(own)s AND sender_type = 'agent' AND NOT private",
        own=conversation,
    )
    assert found == [frozenset(row[0] for row in own)] * 2


async def test_simulation_makes_no_progress_while_live_runs_wait(simulator: Simulator, account: Account) -> None:
    await talk(account)
    simulation = await simulator.start()
    simulator.queues.waiting = 1
    [step] = await simulator.due()
    await steps.run_step(simulator.context, *step)
    assert (await simulator.get(simulation)).completed == 0
    assert simulator.providers.asked == []
    assert await simulator.due() == [], "it is postponed"


async def test_step_that_is_delivered_twice_runs_once(simulator: Simulator, account: Account) -> None:
    await talk(account)
    await simulator.start()
    [step] = await simulator.due()
    await asyncio.gather(*(steps.run_step(simulator.context, *step) for _ in range(3)))
    assert len(simulator.providers.asked) == 2


async def test_question_that_ends_its_worker_is_given_up(simulator: Simulator, account: Account) -> None:
    await talk(account)
    simulation = await simulator.start()
    [step] = await simulator.due()
    simulator.providers.error = cast(Exception, asyncio.CancelledError())
    for _ in range(2 * simulations.MAX_ATTEMPTS):
        with pytest.raises(asyncio.CancelledError):
            await steps.run_step(simulator.context, *step)
        await account.execute("UPDATE ai_simulations SET due_at = now() WHERE account_id = %(account)s")
        [step] = await simulator.due()
    await steps.run_step(simulator.context, *step)
    assert (await simulator.get(simulation)).status == "done"
    assert (await simulator.figures(simulation))["total"]["failed"] == 2


async def test_simulation_whose_step_never_ends_fails(
    simulator: Simulator, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talk(account)
    simulation = await simulator.start()

    async def time_out(*_: object) -> bool:
        raise TimeoutError

    monkeypatch.setattr("hummdesk.ai.knowledge_base.index", time_out)
    for _ in range(simulations.MAX_STEP_ATTEMPTS):
        [step] = await simulator.due()
        with pytest.raises(TimeoutError):
            await steps.run_step(simulator.context, *step)
        assert (await simulator.get(simulation)).finished_at is None
        await account.execute("UPDATE ai_simulations SET due_at = now() WHERE account_id = %(account)s")
    found = await simulator.run(simulation)
    assert (found.status, found.error) == ("failed", steps.STEP_FAILED)


async def test_step_that_ends_renews_the_attempts(simulator: Simulator, account: Account) -> None:
    await talk(account)
    simulation = await simulator.start()
    await account.execute(
        "UPDATE ai_simulations SET step_attempts = %(most)s WHERE account_id = %(account)s",
        most=simulations.MAX_STEP_ATTEMPTS - 1,
    )
    simulator.queues.waiting = 1
    [step] = await simulator.due()
    await steps.run_step(simulator.context, *step)
    await account.execute("UPDATE ai_simulations SET due_at = now() WHERE account_id = %(account)s")
    simulator.queues.waiting = 0
    assert (await simulator.run(simulation)).status == "done"


async def test_simulation_ends_at_its_maximum_cost_and_when_the_daily_budget_is_used_up(
    simulator: Simulator, account: Account
) -> None:
    await talk(account)
    simulator.providers.cost = "0.5"
    ended = await simulator.run(await simulator.start(max_dollars=Decimal("0.5")))
    assert (ended.status, ended.completed, ended.cost_usd) == ("failed", 1, Decimal("0.5"))
    assert ended.error == BUDGET_REACHED
    simulator.providers.fallback = "budget_exhausted"
    exhausted = await simulator.run(await simulator.start())
    assert (exhausted.status, exhausted.completed, exhausted.error) == ("failed", 0, BUDGET_EXHAUSTED)


async def test_cancelled_simulation_keeps_its_results_and_does_not_go_on(
    simulator: Simulator, account: Account
) -> None:
    await talk(account)
    simulation = await simulator.start()
    [step] = await simulator.due()
    async with account.tx() as tx:
        assert (await simulations.cancel(tx, account.admin, simulation)).status == "cancelled"
        assert (await simulations.cancel(tx, account.admin, simulation)).status == "cancelled"
    await steps.run_step(simulator.context, *step)
    assert simulator.providers.asked == []
    assert await simulator.due() == []


async def test_start_cancels_the_simulation_in_progress_of_the_account_only(
    simulator: Simulator, account: Account, foreign: Account
) -> None:
    other = Simulator(foreign, simulator.relay, simulator.worker)
    first, elsewhere = await simulator.start(), await other.start()
    second = await simulator.start()
    states = [await simulator.get(first), await simulator.get(second), await other.get(elsewhere)]
    assert [one.status for one in states] == ["cancelled", "pending", "pending"]


async def test_simulation_is_seen_and_removed_by_its_account_only(
    simulator: Simulator, account: Account, foreign: Account
) -> None:
    simulation = await simulator.start()
    async with foreign.tx() as tx:
        with pytest.raises(NotFound):
            await simulations.get(tx, simulation)
        with pytest.raises(NotFound):
            await simulations.remove(tx, foreign.admin, simulation)
    await simulator.run(simulation)
    async with account.tx() as tx:
        await simulations.remove(tx, account.admin, simulation)
        assert await simulations.newest(tx) == []


async def test_simulation_that_is_removed_meanwhile_does_not_block_its_step(
    simulator: Simulator, account: Account
) -> None:
    """The step waits for the simulation before it locks the draft, which is deleted after the simulation."""
    await talk(account)
    simulation = await simulator.start(max_conversations=1)
    [step] = await simulator.due()
    async with simulator.worker.account(account.id) as tx:
        claimed = await simulations.claim(tx, id=simulation, step=step[2], lease_seconds=60)
        assert claimed is not None
        await simulations.plan(tx, claimed)
        question = await simulations.take_question(tx, simulation, history_limit=1)
        assert question is not None
    draft = SimulatedDraft(message_id=question.message_id, outcome="abstained")
    patient = Database(account.url, role="hummdesk_worker", size=1, timeout=60)
    await patient.open()

    async def store() -> Decimal | None:
        async with patient.account(account.id) as tx:
            return await simulations.store(tx, simulation, draft)

    async with account.tx() as tx:
        await tx.execute("SELECT FROM ai_simulations WHERE id = %s FOR UPDATE", (simulation,))
        storing = asyncio.create_task(store())
        waits = "SELECT FROM pg_stat_activity WHERE %(holder)s = ANY (pg_blocking_pids(pid))"
        while not await account.execute(waits, holder=tx.info.backend_pid):
            await asyncio.sleep(0.01)
        await simulations.remove(tx, account.admin, simulation)
    assert await storing is None
    await patient.close()


async def test_only_the_newest_simulations_are_kept(simulator: Simulator, account: Account) -> None:
    for _ in range(simulations.KEPT + 2):
        await simulator.run(await simulator.start())
    async with account.tx() as tx:
        assert len(await simulations.newest(tx)) == simulations.KEPT
