"""Simulations in batches of an external model: the official SDKs against a server with each provider's interface."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from hummdesk.ai.external.draft_request import DraftRequest
from hummdesk.ai.external.pricing import cost, load_prices
from hummdesk.core.config import Settings
from hummdesk.core.errors import Conflict
from hummdesk.core.models import TokenUsage
from hummdesk.operator import account as operator_account
from hummdesk.operator import simulations as operator_simulations
from hummdesk.storage import accounts, ai_budgets, simulations
from hummdesk.storage.database import Database, operator
from hummdesk.storage.simulations import Simulation
from tasks import simulation as steps
from tasks import simulation_batch
from tasks.provider_choice import ProviderSelector
from tasks.simulated_draft import BUDGET_EXHAUSTED, BUDGET_REACHED
from tests.conftest import Servers
from tests.integration.ai.fake_api import DRAFT, PROTOCOLS, USAGE, FakeApi, answer, message, quoting, serve_fake_api
from tests.integration.storage.conftest import Account
from tests.integration.storage.simulator import Simulator, talk

ARTICLE = "You have 14 days to return boots, from the day on which you receive them."
ONE = pytest.mark.parametrize("api", ["anthropic"], indirect=True)
"""For what does not depend on the protocol."""
LATE = "UPDATE ai_simulations SET batch_at = now() - %(hours)s * interval '1 hour' WHERE account_id = %(account)s"


@pytest.fixture(params=PROTOCOLS)
async def api(request: pytest.FixtureRequest) -> AsyncIterator[FakeApi]:
    async with serve_fake_api(request.param) as served:

        def drafted(body: dict[str, Any]) -> dict[str, Any]:
            return message(served.protocol, json.dumps(quoting(DRAFT | {"content": "You have 14 days."}, body)))

        served.batches.answer = drafted
        yield served


@pytest.fixture
async def simulator(
    api: FakeApi, account: Account, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Simulator]:
    """With an article, and two questions of a closed conversation."""
    monkeypatch.setattr(steps, "STEP_SECONDS", 60.0)
    monkeypatch.setattr(simulation_batch, "POLL_SECONDS", 600.0)  # no batch is due before `run_due`
    monkeypatch.setattr(simulation_batch, "LONGEST_POLL_SECONDS", 600.0)
    await talk(account)
    await account.execute(
        "INSERT INTO knowledge_articles (account_id, id, title, body) "
        "VALUES (%(account)s, gen_random_uuid(), 'Returns', %(body)s)",
        body=ARTICLE,
    )
    relay = Database(database_url, role="hummdesk_relay", size=1, timeout=20)
    worker = Database(database_url, role="hummdesk_worker", size=2, timeout=20, pipelined=True)
    await relay.open()
    await worker.open()
    settings = Settings(**api.settings())
    made = Simulator(account, relay, worker, settings=settings, external=ProviderSelector(settings, worker))
    yield made
    assert made.external is not None
    await made.external.close()
    await worker.close()
    await relay.close()


async def submitted(simulator: Simulator, **limits: Any) -> UUID:
    """Start a simulation, and run its steps until its batch is submitted."""
    simulation = await simulator.start(**limits)
    await simulator.run_due()
    assert (await simulator.get(simulation)).batch_at is not None
    return simulation


async def calls(account: Account) -> list[tuple[Any, ...]]:
    return await account.execute(
        "SELECT outcome, cost_usd, milliseconds FROM ai_calls WHERE account_id = %(account)s ORDER BY id"
    )


async def open_requests(account: Account) -> int:
    [(count,)] = await account.execute(
        "SELECT count(*) FROM ai_simulated_drafts WHERE account_id = %(account)s AND request IS NOT NULL"
    )
    return int(count)


async def test_simulation_waits_for_its_batch_and_records_half_the_price(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    simulation = await submitted(simulator)
    assert len(api.batches.last) == 2
    assert await simulator.due() == [], "it waits"
    await simulator.run_due()
    waiting = await simulator.get(simulation)
    assert (waiting.status, waiting.completed, len(api.batches.submitted)) == ("running", 0, 1)
    api.batches.end_all()
    await simulator.run_due()
    found = await simulator.run(simulation)
    assert (found.status, found.completed, found.batch_at) == ("done", 2, None)
    figures = (await simulator.figures(simulation))["total"]
    assert (figures["drafted"], figures["failed"]) == (2, 0)
    model = getattr(simulator.settings, f"{api.protocol}_draft_model")
    usage = TokenUsage(input=USAGE["input"], cache_read=USAGE["cache_read"], output=USAGE["output"])
    full = cost(load_prices(""), model, usage)
    assert full is not None
    assert await calls(account) == [("ok", full / 2, 0)] * 2
    assert found.cost_usd == full
    assert await open_requests(account) == 0
    assert api.batches.deleted
    assert api.requests == [], "nothing is requested alone"


@ONE
async def test_another_process_reads_the_batch_although_the_knowledge_has_changed(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    simulation = await submitted(simulator)
    assert simulator.external is not None
    await simulator.external.close()
    simulator.external = ProviderSelector(simulator.settings, simulator.worker)
    await account.execute("DELETE FROM knowledge_passages WHERE account_id = %(account)s")
    await account.execute("DELETE FROM knowledge_articles WHERE account_id = %(account)s")
    api.batches.end_all()
    await simulator.run_due()
    assert (await simulator.run(simulation)).status == "done"
    drafts = await simulator.drafts(simulation)
    assert {one["draft"] for one in drafts} == {"You have 14 days."}
    assert sum(one["keptFacts"] for one in drafts) == 1
    assert len(api.batches.submitted) == 1


@pytest.mark.parametrize("outcome", ["errored", "expired", None])
async def test_request_without_an_answer_has_failed(
    simulator: Simulator, api: FakeApi, account: Account, outcome: str | None
) -> None:
    api.batches.answer = lambda _: outcome
    simulation = await submitted(simulator)
    api.batches.end_all()
    await simulator.run_due()
    found = await simulator.run(simulation)
    assert (found.status, found.cost_usd) == ("done", Decimal(0))
    assert (await simulator.figures(simulation))["total"]["failed"] == 2
    expected = {"errored": "bad_request", "expired": "expired", None: "missing"}[outcome]
    assert {one[0] for one in await calls(account)} == {expected}


@ONE
async def test_answer_that_fits_no_schema_has_failed_and_is_paid_for(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    api.batches.answer = lambda _: message(api.protocol, "I would say 14 days.")
    simulation = await submitted(simulator)
    api.batches.end_all()
    await simulator.run_due()
    found = await simulator.run(simulation)
    assert (await simulator.figures(simulation))["total"]["failed"] == 2
    assert [one[0] for one in await calls(account)] == ["unusable"] * 2
    assert found.cost_usd > 0


async def test_batch_that_does_not_end_in_time_ends_the_simulation_and_is_cancelled(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    simulation = await submitted(simulator)
    await account.execute(LATE, hours=26)
    await simulator.run_due()
    found = await simulator.get(simulation)
    assert (found.status, found.error) == ("failed", simulation_batch.TIMED_OUT)
    await simulator.run_due()
    assert api.batches.cancelled == api.batches.submitted.keys()
    await account.execute(LATE, hours=51)
    await simulator.run_due()
    assert (await simulator.get(simulation)).batch_at is None
    await simulator.run_due()
    assert await open_requests(account) == 0


async def test_cancelled_simulation_cancels_its_batch_and_records_what_was_answered(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    simulation = await submitted(simulator)
    async with account.tx() as tx:
        await simulations.cancel(tx, account.admin, simulation)
        with pytest.raises(Conflict):
            await simulations.remove(tx, account.admin, simulation)
    await simulator.run_due()
    assert api.batches.cancelled == api.batches.submitted.keys()
    api.batches.end_all()
    await simulator.run_due()
    found = await simulator.get(simulation)
    assert (found.status, found.completed, found.batch_at) == ("cancelled", 2, None)
    assert len(await calls(account)) == 2
    await simulator.run_due()
    assert len(api.batches.submitted) == 1
    async with account.tx() as tx:
        await simulations.remove(tx, account.admin, simulation)


@ONE
async def test_batch_that_the_provider_does_not_know_ends_the_simulation(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    simulation = await submitted(simulator)
    api.batches.submitted.clear()
    await simulator.run_due()
    found = await simulator.get(simulation)
    assert (found.status, found.error) == ("failed", simulation_batch.LOST)
    await simulator.run_due()
    assert (await simulator.get(simulation)).batch_at is None


@ONE
async def test_submission_that_was_not_accepted_is_repeated_and_leaves_the_budget_as_it_was(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    async with account.tx() as tx:
        await accounts.update(tx, None, ai_daily_tokens=1_000_000)
    simulation = await simulator.start()
    api.batches.refuses_submissions = 429
    await simulator.run_due()
    assert await simulator.due() == [], "it is due after its lease"
    api.batches.refuses_submissions = 0
    assert (await simulator.get(simulation)).batch_at is None
    async with account.tx() as tx:
        assert (await ai_budgets.own_budget(tx)).tokens == 0
    await simulator.run_due()
    assert (await simulator.get(simulation)).batch_at is not None
    async with account.tx() as tx:
        reserved = (await ai_budgets.own_budget(tx)).tokens
    assert reserved > 0
    api.batches.end_all()
    await simulator.run_due()
    async with account.tx() as tx:
        assert (await ai_budgets.own_budget(tx)).tokens == 2 * sum(USAGE.values())


@ONE
async def test_budget_that_is_used_up_submits_nothing(simulator: Simulator, api: FakeApi, account: Account) -> None:
    async with account.tx() as tx:
        await accounts.update(tx, None, ai_daily_tokens=10)
        limits = ai_budgets.limits(simulator.settings, 10, None)
        assert await ai_budgets.reserve(tx, tokens=10, dollars=Decimal(0), limits=limits)
    simulation = await simulator.start()
    await simulator.run_due()
    found = await simulator.get(simulation)
    assert (found.status, found.error) == ("failed", BUDGET_EXHAUSTED)
    assert (api.batches.submitted, await open_requests(account)) == ({}, 0)
    assert [one[0] for one in await calls(account)] == [ai_budgets.EXHAUSTED]


@ONE
async def test_batch_is_as_large_as_the_budgets_allow_with_the_longest_answers(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    async with account.tx() as tx:
        await accounts.update(tx, None, ai_daily_tokens=5_000)
    simulation = await submitted(simulator)
    assert len(api.batches.last) == 1, "the longest answer of the first would use all"
    api.batches.end_all()
    await simulator.run_due()
    assert (await simulator.get(simulation)).completed == 1
    await simulator.run_due()
    assert len(api.batches.submitted) == 2


@ONE
async def test_simulation_ends_when_its_batches_have_cost_its_maximum(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    simulation = await submitted(simulator, max_dollars=Decimal("0.0001"))
    assert len(api.batches.last) == 1
    api.batches.end_all()
    await simulator.run_due()
    found = await simulator.get(simulation)
    assert (found.status, found.error, found.completed) == ("failed", BUDGET_REACHED, 1)


async def test_provider_without_batches_is_asked_one_by_one(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    api.batches.failures = [404]
    api.respond_with(answer(DRAFT | {"content": "You have 14 days."}))
    found = await simulator.run(await simulator.start())
    assert (found.status, found.completed, api.batches.submitted) == ("done", 2, {})
    assert len(api.requests) == 2
    assert {one[0] for one in await calls(account)} == {"ok"}


async def ended(simulator: Simulator, simulation: UUID) -> Simulation:
    """Run the step that is due, after which the simulation has ended, and nothing is due."""
    await simulator.run_due()
    found = await simulator.get(simulation)
    assert (found.batch_at, await simulator.due()) == (None, [])
    assert await open_requests(simulator.account) == 0
    return found


async def test_submission_with_an_unknown_result_is_not_repeated_and_keeps_the_reservation(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    async with account.tx() as tx:
        await accounts.update(tx, None, ai_daily_tokens=1_000_000)
    simulation = await simulator.start()
    api.batches.refuses_submissions = 503
    found = await ended(simulator, simulation)
    assert (found.status, found.error) == ("failed", simulation_batch.UNKNOWN)
    assert [one[0] for one in await calls(account)] == ["server_error"] * 2
    async with account.tx() as tx:
        assert (await ai_budgets.own_budget(tx)).tokens > 0


@ONE
async def test_submission_that_is_not_answered_in_time_is_not_repeated(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    released = asyncio.Event()

    async def answer_never() -> None:
        await released.wait()

    api.batches.on_submitted = answer_never
    simulator.settings = replace(simulator.settings, ai_soft_limit_seconds=0.5)
    simulation = await simulator.start()
    try:
        found = await ended(simulator, simulation)
    finally:
        released.set()
    assert (found.status, found.error) == ("failed", simulation_batch.UNKNOWN)
    assert [one[0] for one in await calls(account)] == ["timeout"] * 2
    assert len(api.batches.submitted) <= 1


@ONE
async def test_worker_that_dies_while_it_submits_leaves_a_simulation_that_submits_nothing_more(
    simulator: Simulator, api: FakeApi, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> bool:
        raise ConnectionError

    monkeypatch.setattr(simulations, "name_batch", die)
    simulation = await simulator.start()
    with pytest.raises(ConnectionError):
        await simulator.run_due()
    await simulator.run_due()
    assert (await simulator.get(simulation)).status == "running", "its lease has not expired"
    await account.execute(LATE, hours=1)
    found = await ended(simulator, simulation)
    assert (found.status, found.error) == ("failed", simulation_batch.UNKNOWN)
    assert len(api.batches.submitted) == 1
    assert [one[0] for one in await calls(account)] == ["cancelled"] * 2


@pytest.mark.parametrize("api", ["openai"], indirect=True)
async def test_batch_that_the_provider_refuses_ends_the_simulation_with_a_reason(
    simulator: Simulator, api: FakeApi, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    async with account.tx() as tx:
        await accounts.update(tx, None, ai_daily_tokens=1_000_000)
    simulation = await submitted(simulator)
    api.batches.invalid = "token_limit_exceeded"
    found = await ended(simulator, simulation)
    assert (found.status, found.error, found.completed) == ("failed", simulation_batch.BATCH_REFUSED, 0)
    assert "token_limit_exceeded" in {getattr(record, "names", None) for record in caplog.records}
    async with account.tx() as tx:
        assert (await ai_budgets.own_budget(tx)).tokens == 0
    assert api.batches.deleted


async def test_simulation_that_is_cancelled_during_the_submission_cancels_its_batch_and_records_its_cost(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    simulation = await simulator.start()

    async def cancel() -> None:
        async with account.tx() as tx:
            await simulations.cancel(tx, account.admin, simulation)
            with pytest.raises(Conflict):
                await simulations.remove(tx, account.admin, simulation)
        for step in await simulator.due():
            await steps.run_step(simulator.context, *step)

    api.batches.on_submitted = cancel
    await simulator.run_due()
    await simulator.run_due()
    assert api.batches.cancelled == api.batches.submitted.keys()
    api.batches.end_all()
    found = await ended(simulator, simulation)
    assert (found.status, found.completed) == ("cancelled", 2)
    assert [one[0] for one in await calls(account)] == ["ok"] * 2


async def test_batch_of_a_simulation_that_was_deleted_during_the_submission_is_cancelled(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    async def delete() -> None:
        await account.execute("DELETE FROM ai_simulations WHERE account_id = %(account)s")

    api.batches.on_submitted = delete
    await simulator.start()
    await simulator.run_due()
    assert api.batches.cancelled == api.batches.submitted.keys()
    assert api.batches.deleted
    assert [one[0] for one in await calls(account)] == ["cancelled"] * 2


@ONE
async def test_batch_of_an_account_that_is_erased_is_cancelled_before_its_rows_are_deleted(
    simulator: Simulator,
    api: FakeApi,
    account: Account,
    servers: Servers,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(operator_simulations, "CANCEL_SECONDS", 120.0)
    await submitted(simulator)
    settings = replace(
        simulator.settings, database_url=database_url, redis_url=servers.redis_url, db_timeout_seconds=20.0
    )
    erasing = asyncio.create_task(operator_account.erase(settings, account.id))
    while not (due := await simulator.due()):
        assert not erasing.done()
        await asyncio.sleep(0.01)
    for step in due:
        await steps.run_step(simulator.context, *step)
    assert (await erasing)["completedAt"] is not None
    assert api.batches.cancelled == api.batches.submitted.keys()
    assert await account.execute("SELECT FROM ai_simulations WHERE account_id = %(account)s") == []


@ONE
async def test_account_without_workers_is_erased_and_its_batch_is_logged(
    simulator: Simulator,
    api: FakeApi,
    account: Account,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await submitted(simulator)
    monkeypatch.setattr(operator_simulations, "CANCEL_SECONDS", 0.0)
    settings = replace(simulator.settings, database_url=database_url, db_timeout_seconds=20.0)
    async with operator(settings) as database:
        await operator_simulations.cancel_batches(database, account.id)
    [record] = [one for one in caplog.records if one.message == "erasure.batch_not_cancelled"]
    assert [vars(record)["batch_id"]] == list(api.batches.submitted)


@ONE
async def test_answer_about_an_erased_message_is_recorded_with_its_cost(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    simulation = await submitted(simulator)
    await account.execute(
        "DELETE FROM ai_simulated_drafts WHERE account_id = %(account)s AND message_id = %(id)s",
        id=UUID(next(iter(api.batches.last))),
    )
    api.batches.end_all()
    await simulator.run_due()
    found = await simulator.run(simulation)
    assert (found.status, found.completed) == ("done", 1)
    recorded = await calls(account)
    assert [one[0] for one in recorded] == ["ok"] * 2
    assert found.cost_usd == sum(one[1] for one in recorded)


@ONE
async def test_batch_of_a_simulation_that_an_older_process_has_ended_is_due(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    simulation = await submitted(simulator)
    await account.execute(
        "UPDATE ai_simulations SET status = 'cancelled', finished_at = now(), due_at = NULL "
        "WHERE account_id = %(account)s"
    )
    assert await simulator.due() == [], "its submission may be in progress"
    await account.execute(LATE, hours=1)
    [step] = await simulator.due()
    await steps.run_step(simulator.context, *step)
    assert api.batches.cancelled == api.batches.submitted.keys()
    api.batches.end_all()
    assert (await ended(simulator, simulation)).completed == 2


@ONE
async def test_step_of_an_older_relay_begins_no_batch(simulator: Simulator, api: FakeApi) -> None:
    simulation = await simulator.start()
    api.respond_with(answer(DRAFT | {"content": "You have 14 days."}))
    while (await simulator.get(simulation)).finished_at is None:
        for step in await simulator.due():
            await steps.run_step(simulator.context, *step, may_begin_batch=False)
    assert (api.batches.submitted, len(api.requests)) == ({}, 2)


@ONE
async def test_answer_whose_reading_fails_unexpectedly_does_not_fail_the_others(
    simulator: Simulator, api: FakeApi, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, failures = DraftRequest.read, [KeyError("[EMAIL_9]")]

    def fail_once(self: DraftRequest, answer: Any, *, provider: str) -> Any:
        if failures:
            raise failures.pop()
        return read(self, answer, provider=provider)

    monkeypatch.setattr(DraftRequest, "read", fail_once)
    simulation = await submitted(simulator)
    api.batches.end_all()
    await simulator.run_due()
    found = await simulator.run(simulation)
    figures = (await simulator.figures(simulation))["total"]
    assert (found.status, figures["failed"], figures["drafted"]) == ("done", 1, 1)
    first, second = await calls(account)
    assert first[1] == second[1] > 0


@ONE
@pytest.mark.parametrize("status", [400, 401, 403])
async def test_refused_request_for_the_state_of_a_batch_is_repeated_until_its_time_is_over(
    simulator: Simulator, api: FakeApi, account: Account, status: int
) -> None:
    simulation = await submitted(simulator)
    api.batches.failures = [status]
    await simulator.run_due()
    assert (await simulator.get(simulation)).batch_at is not None
    await account.execute(LATE, hours=26)
    api.batches.failures = [status]
    found = await ended(simulator, simulation)
    assert (found.status, found.error) == ("failed", simulation_batch.LOST)
    assert api.batches.cancelled == api.batches.submitted.keys()
    assert api.batches.deleted


@ONE
async def test_batch_is_deleted_after_it_has_ended_in_the_database(
    simulator: Simulator, api: FakeApi, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation, delete = await submitted(simulator), simulation_batch._delete
    states = []

    async def observe(*arguments: Any) -> None:
        states.append((await simulator.get(simulation)).batch_at)
        await delete(*arguments)

    monkeypatch.setattr(simulation_batch, "_delete", observe)
    api.batches.end_all()
    await simulator.run_due()
    assert states == [None]
    assert api.batches.deleted


async def test_batch_that_is_given_up_is_cancelled_and_deleted(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    simulation = await submitted(simulator)
    await account.execute("UPDATE ai_simulations SET step_attempts = 10 WHERE account_id = %(account)s")
    found = await ended(simulator, simulation)
    assert (found.status, found.error) == ("failed", steps.STEP_FAILED)
    assert api.batches.cancelled == api.batches.submitted.keys()
    assert api.batches.deleted


@ONE
async def test_call_has_the_model_that_the_batch_was_submitted_with(
    simulator: Simulator, api: FakeApi, account: Account
) -> None:
    simulation = await submitted(simulator)
    [(model,)] = {(body["model"],) for body in api.batches.last.values()}
    assert simulator.external is not None
    await simulator.external.close()
    settings = replace(simulator.settings, anthropic_draft_model="another")
    simulator.external = ProviderSelector(settings, simulator.worker)
    api.batches.end_all()
    await simulator.run_due()
    found = await simulator.run(simulation)
    assert await account.execute("SELECT DISTINCT model FROM ai_calls WHERE account_id = %(account)s") == [(model,)]
    assert found.cost_usd > 0
