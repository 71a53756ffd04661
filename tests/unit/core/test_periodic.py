import asyncio
import random
from contextlib import suppress

import pytest

from hummdesk.core import periodic
from hummdesk.core.periodic import Periodic, TimeShare
from tests.unit import virtual_time


class Work:
    """A step that records when it ran. `results` are its next results, or the errors that it raises."""

    def __init__(self, *results: float | Exception | None) -> None:
        self.ran_at: list[float] = []
        self.failures: list[Exception] = []
        self._results = list(results)

    async def step(self) -> float | None:
        self.ran_at.append(asyncio.get_running_loop().time())
        result = self._results.pop(0) if self._results else None
        if isinstance(result, Exception):
            raise result
        return result

    async def run_until(self, seconds: float, **options: float | asyncio.Event) -> None:
        runner = Periodic(self.step, **({"interval": 10.0} | options), on_failure=self.failures.append)  # type: ignore[arg-type]
        runner.start()
        await asyncio.sleep(seconds)
        await runner.stop()


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda _, most: most)


def test_step_runs_at_once_and_then_every_interval() -> None:
    work = Work()
    virtual_time.run(work.run_until(35))
    assert work.ran_at == [0, 10, 20, 30]


def test_step_that_returns_seconds_runs_again_after_them() -> None:
    work = Work(2.5, 0.0, 60.0)
    virtual_time.run(work.run_until(15))
    assert work.ran_at == pytest.approx([0, 2.5, 2.5 + periodic.SHORTEST_WAIT_SECONDS, 12.501])


def test_step_runs_at_the_end_of_the_interval_in_which_work_became_pending() -> None:
    work = Work()

    async def run() -> None:
        pending = asyncio.Event()
        runner = Periodic(work.step, interval=10, pending=pending, on_failure=work.failures.append)
        runner.start()
        await asyncio.sleep(33)
        pending.set()
        await asyncio.sleep(5)
        pending.set()
        await asyncio.sleep(30)
        assert work.ran_at == [0, 43]
        await runner.stop(grace_seconds=5)

    virtual_time.run(run())
    assert work.ran_at == [0, 43]


def test_step_of_pending_work_runs_again_while_it_returns_seconds_or_fails() -> None:
    work = Work(2.0, OSError(), 3.0, None)

    async def run() -> None:
        await work.run_until(60, pending=asyncio.Event())

    virtual_time.run(run())
    assert work.ran_at == pytest.approx([0, 2, 2.25, 5.25])


def test_work_that_becomes_pending_during_a_step_is_done_after_the_interval() -> None:
    pending = asyncio.Event()
    ran_at: list[float] = []

    async def step() -> None:
        ran_at.append(asyncio.get_running_loop().time())
        if len(ran_at) == 1:
            pending.set()

    async def run() -> None:
        runner = Periodic(step, interval=10, pending=pending, on_failure=lambda error: pytest.fail(str(error)))
        runner.start()
        await asyncio.sleep(60)
        await runner.stop()

    virtual_time.run(run())
    assert ran_at == [0, 10]


def test_steps_of_aligned_runners_run_together_after_each_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Work(), Work(0.5)
    monkeypatch.setattr(periodic, "PHASE_SECONDS", 2.5)

    async def run_both() -> None:
        await asyncio.sleep(1)
        await asyncio.gather(*(work.run_until(30, is_aligned=True) for work in (first, second)))

    virtual_time.run(run_both())
    assert first.ran_at == [1, 2.5, 12.5, 22.5]
    assert second.ran_at == [1, 1.5, 2.5, 12.5, 22.5]


def test_failed_step_is_reported_and_retried_with_backoff_up_to_the_longest() -> None:
    errors = [ValueError(str(number)) for number in range(5)]
    work = Work(*errors)
    virtual_time.run(work.run_until(13, longest_backoff=1.0))
    assert work.failures == errors
    assert work.ran_at == [0, 0.25, 0.75, 1.75, 2.75, 3.75]  # then after the interval, as usual


def test_backoff_starts_over_after_a_success_and_is_no_longer_than_the_interval() -> None:
    work = Work(ValueError(), ValueError(), ValueError(), None, ValueError())
    virtual_time.run(work.run_until(2.0, interval=0.4))
    assert work.ran_at == pytest.approx([0, 0.25, 0.65, 1.05, 1.45, 1.7])


def test_backoff_has_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda least, most: (least + most) / 2)
    work = Work(ValueError())
    virtual_time.run(work.run_until(1))
    assert work.ran_at == pytest.approx([0, 0.75 * periodic.FIRST_BACKOFF_SECONDS])


def test_wake_runs_the_step_at_once_but_does_not_shorten_a_backoff() -> None:
    async def test() -> None:
        work, wake = Work(None, ValueError()), asyncio.Event()
        runner = Periodic(work.step, interval=10, wake=wake, on_failure=work.failures.append)
        runner.start()
        await asyncio.sleep(1)
        wake.set()
        await asyncio.sleep(0.1)
        wake.set()
        await asyncio.sleep(1)
        await runner.stop()
        assert work.ran_at == [0, 1, 1.25]

    virtual_time.run(test())


def test_stop_waits_for_a_running_step_as_long_as_the_grace() -> None:
    async def ended_at(*, grace_seconds: float) -> tuple[float, list[str]]:
        log: list[str] = []

        async def step() -> None:
            log.append("started")
            await asyncio.sleep(3)
            log.append("finished")

        runner = Periodic(step, interval=0.001, on_failure=lambda error: pytest.fail(str(error)))
        runner.start()
        await asyncio.sleep(1)
        await runner.stop(grace_seconds=grace_seconds)
        return asyncio.get_running_loop().time(), log

    assert virtual_time.run(ended_at(grace_seconds=5)) == (3, ["started", "finished"])
    assert virtual_time.run(ended_at(grace_seconds=1)) == (2, ["started"])
    assert virtual_time.run(ended_at(grace_seconds=0)) == (1, ["started"])


def test_stop_does_not_wait_for_an_interval_or_a_backoff() -> None:
    async def ended_at(work: Work) -> float:
        runner = Periodic(work.step, interval=100, on_failure=work.failures.append, longest_backoff=100)
        runner.start()
        await asyncio.sleep(0.1)
        await runner.stop(grace_seconds=50)
        return asyncio.get_running_loop().time()

    assert virtual_time.run(ended_at(Work())) == pytest.approx(0.1)
    assert virtual_time.run(ended_at(Work(ValueError()))) == pytest.approx(0.1)


def test_stop_before_start_does_nothing() -> None:
    virtual_time.run(Periodic(Work().step, interval=1, on_failure=lambda error: pytest.fail(str(error))).stop())


def test_time_share_is_due_again_after_the_time_of_which_the_work_is_the_part(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(periodic, "monotonic", lambda: now)
    share = TimeShare(0.1)
    assert share.is_due()
    with share.measured():
        now = 102.0
    now = 119.9
    assert not share.is_due()
    now = 120.0
    assert share.is_due()


def test_time_share_counts_the_time_of_work_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(periodic, "monotonic", lambda: now)
    share = TimeShare(0.1)
    with suppress(TimeoutError), share.measured():
        now = 102.0
        raise TimeoutError
    now = 119.9
    assert not share.is_due()
    now = 120.0
    assert share.is_due()
