"""Sanic's manager of several web processes, with a correction."""

from sanic.worker.manager import WorkerManager


class StoppableWorkerManager(WorkerManager):
    """A manager that also ends when it is stopped before all of its workers have started.

    Sanic 25.12 then waits forever, at full CPU load, for the workers that it has stopped itself to report a start.
    """

    def _all_workers_ack(self) -> bool:
        return self._shutting_down or bool(super()._all_workers_ack())  # type: ignore[no-untyped-call]
