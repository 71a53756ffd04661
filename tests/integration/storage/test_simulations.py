"""Simulations: their questions, steps, figures and limits, with a scripted provider."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import pytest

from hummdesk.ai.protocol import Citation, Context, Draft, IncomingMessage, Knowledge, Provider
from hummdesk.bus.task_queues import TaskQueues
from hummdesk.core.config import Settings
from hummdesk.core.errors import NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import ModelCall, TokenUsage
from hummdesk.storage import simulations
from hummdesk.storage.database import Database
from hummdesk.storage.simulations import SimulatedDraft, Simulation
from tasks import simulation as steps
from tasks.context import WorkerContext
from tasks.provider_choice import ProviderAnswer
from tests.integration.storage.conftest import Account

PAST = datetime.now(UTC) - timedelta(days=1)
QUESTION = "How long can I return boots?"
ARTICLE = new_id()


@dataclass
class Selector:
    """Answers from a script, in place of the providers of a worker."""

    reply: str | None = "You have 14 days."
    confidence: float = 0.8
    cost: str | None = None
    fallback: str | None = None
    error: Exception | None = None
    asked: list[tuple[IncomingMessage, Context]] = field(default_factory=list)

    name = "scripted"

    def name_for(self, request: Any) -> str:
        return self.name

    async def ask(self, request: Any, call: Callable[[Provider], Awaitable[Any]]) -> ProviderAnswer[Any]:
        value = await call(cast(Provider, self))
        calls = () if self.cost is None else (model_call(self.cost),)
        return ProviderAnswer(value=value, provider=self.name, fallback=self.fallback, calls=calls)

    async def draft(self, message: IncomingMessage, context: Context, known: Knowledge, *, show: object) -> Draft:
        self.asked.append((message, context))
        if self.error is not None:
            raise self.error
        citations = (Citation(kind="article", title="Returns", id=str(ARTICLE)),)
        return Draft(content=self.reply, confidence=self.confidence, reasoning="", citations=citations)


def model_call(cost: str) -> ModelCall:
    return ModelCall(
        provider="openai",
        model="m",
        prompt="p",
        outcome="ok",
        usage=TokenUsage(input=1, output=1),
        cost=Decimal(cost),
        seconds=0.1,
    )


@dataclass
class Queues:
    waiting: int = 0

    async def length(self, _queue: str) -> int:
        return self.waiting


@dataclass
class Simulator:
    """A worker in this process, which runs the steps that the relay would send."""

    account: Account
    relay: Database
    worker: Database
    providers: Selector = field(default_factory=Selector)
    queues: Queues = field(default_factory=Queues)

    @property
    def context(self) -> WorkerContext:
        return WorkerContext(
            settings=Settings(),
            database=self.worker,
            broadcast=cast(Any, None),
            progress=cast(Any, None),
            assists=cast(Any, None),
            queues=cast(TaskQueues, self.queues),
            providers=cast(Any, self.providers),
        )

    async def start(self, **limits: Any) -> UUID:
        given: dict[str, Any] = {"since": PAST, "max_conversations": 50, "max_dollars": Decimal(1), "provider": None}
        given |= limits
        async with self.account.tx() as tx:
            return (await simulations.start(tx, self.account.admin, id=new_id(), **given)).id

    async def due(self) -> list[tuple[UUID, UUID, int]]:
        async with self.relay.all_accounts() as tx:
            found = await simulations.take_due(tx, limit=100, lease_seconds=60)
        return [one for one in found if one[0] == self.account.id]

    async def run(self, simulation: UUID, *, most: int = 100) -> Simulation:
        for _ in range(most):
            for account_id, simulation_id, step in await self.due():
                await steps.run_step(self.context, account_id, simulation_id, step)
            if (found := await self.get(simulation)).finished_at is not None:
                break
        return found

    async def get(self, simulation: UUID) -> Simulation:
        async with self.account.tx() as tx:
            return await simulations.get(tx, simulation)

    async def figures(self, simulation: UUID) -> dict[str, Any]:
        async with self.account.tx() as tx:
            return await simulations.figures(tx, simulation)

    async def drafts(self, simulation: UUID) -> list[dict[str, Any]]:
        async with self.account.tx() as tx:
            return (await simulations.drafts(tx, simulation, category=None, limit=50, cursor=None))[0]


@pytest.fixture(scope="module")
async def relay(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url, role="hummdesk_relay", size=1, timeout=5)
    await made.open()
    yield made
    await made.close()


@pytest.fixture(scope="module")
async def worker(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url, role="hummdesk_worker", size=2, timeout=5, pipelined=True)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def simulator(account: Account, relay: Database, worker: Database, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Its steps do not end early on a machine that stands still."""
    monkeypatch.setattr(steps, "STEP_SECONDS", 60.0)
    monkeypatch.setattr(steps, "LIVE_PAUSE_SECONDS", 60.0)
    return Simulator(account, relay, worker)


async def close(account: Account) -> None:
    await account.execute(
        "UPDATE conversations SET status = 'closed' WHERE account_id = %(account)s AND status <> 'closed'"
    )


async def talk(account: Account, reply: str = "Hello, you have 14 days to return boots.") -> UUID:
    """A closed conversation with a question in two messages, its answer, and a second question with its answer."""
    conversation = await account.start(account.customer)
    here: dict[str, Any] = {"conversation_id": conversation}
    await account.send(account.customer, "Hello", **here)
    await account.send(account.customer, QUESTION, **here)
    await account.send(account.agent, "They mean boots", private=True, **here)
    await account.send(account.agent, reply, **here)
    await account.send(account.agent, "Is there anything else?", **here)
    await account.send(account.customer, "And abroad?", **here)
    await account.send(account.colleague, "Abroad it costs 5 EUR.", **here)
    await close(account)
    return conversation


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
    assert ended.error == steps.BUDGET_REACHED
    simulator.providers.fallback = "budget_exhausted"
    exhausted = await simulator.run(await simulator.start())
    assert (exhausted.status, exhausted.completed, exhausted.error) == ("failed", 0, steps.BUDGET_EXHAUSTED)


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
