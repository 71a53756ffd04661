"""Bulk tasks: the steps of simulations."""

from uuid import UUID

from hummdesk.core.broker import SIMULATE, SIMULATE_WITHOUT_BATCHES
from tasks import simulation
from tasks.app import app
from tasks.context import WorkerContext
from tasks.worker_process import worker_process


@app.task(name=SIMULATE)
def simulate(account_id: str, simulation_id: str, step: int) -> None:
    _run(account_id, simulation_id, step, may_begin_batch=True)


@app.task(name=SIMULATE_WITHOUT_BATCHES)
def simulate_without_batches(account_id: str, simulation_id: str, step: int) -> None:
    _run(account_id, simulation_id, step, may_begin_batch=False)


def _run(account_id: str, simulation_id: str, step: int, *, may_begin_batch: bool) -> None:
    async def work(worker: WorkerContext) -> None:
        ids = (UUID(account_id), UUID(simulation_id))
        await simulation.run_step(worker, *ids, step, may_begin_batch=may_begin_batch)

    worker_process().run(work)
