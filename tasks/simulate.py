"""Bulk tasks: the steps of simulations."""

from uuid import UUID

from hummdesk.core.broker import SIMULATE
from tasks import simulation
from tasks.app import app
from tasks.context import WorkerContext
from tasks.worker_process import worker_process


@app.task(name=SIMULATE)
def simulate(account_id: str, simulation_id: str, step: int) -> None:
    async def work(worker: WorkerContext) -> None:
        await simulation.run_step(worker, UUID(account_id), UUID(simulation_id), step)

    worker_process().run(work)
