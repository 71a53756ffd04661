import asyncio
from collections.abc import Sequence

import pytest

from hummdesk.core.batching import REQUEUE, Batcher, Requeue
from tests.unit import virtual_time


class Doubler:
    """Doubles numbers, records its batches, and fails if one contains 13."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_finish = asyncio.Event()
        self.may_finish.set()

    async def run(self, numbers: list[int]) -> Sequence[int | Exception | Requeue]:
        self.batches.append(numbers)
        await self.may_finish.wait()
        if 13 in numbers:
            raise LookupError
        return [2 * number for number in numbers]

    async def has_started(self) -> None:
        while not self.batches:
            await asyncio.sleep(0)


@pytest.fixture
def doubler() -> Doubler:
    return Doubler()


def submit(batcher: Batcher[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(batcher.submit(number)) for number in numbers]


async def test_requests_during_a_batch_form_the_next_one(doubler: Doubler) -> None:
    doubler.may_finish.clear()
    batcher: Batcher[int, int] = Batcher(doubler.run, max_items=3)
    first = submit(batcher, 1)
    await doubler.has_started()
    others = submit(batcher, 2, 3, 4, 5)
    await asyncio.sleep(0)
    doubler.may_finish.set()
    assert await asyncio.gather(*first, *others) == [2, 4, 6, 8, 10]
    assert doubler.batches == [[1], [2, 3, 4], [5]]
    assert batcher.is_idle
    assert await batcher.submit(6) == 12


def test_batch_waits_for_requests_that_follow_soon(doubler: Doubler) -> None:
    batcher: Batcher[int, int] = Batcher(doubler.run, max_items=9, seconds=1.0)

    async def submit_after(seconds: float, number: int) -> int:
        await asyncio.sleep(seconds)
        return await batcher.submit(number)

    async def submit_all() -> list[int]:
        return list(await asyncio.gather(submit_after(0, 1), submit_after(0.9, 2), submit_after(1.1, 3)))

    assert virtual_time.run(submit_all()) == [2, 4, 6]
    assert doubler.batches == [[1, 2], [3]]


async def test_batch_ends_with_the_request_that_reaches_the_size_limit(doubler: Doubler) -> None:
    batcher: Batcher[int, int] = Batcher(doubler.run, max_items=9, max_size=10, size=lambda number: number)
    await asyncio.gather(*submit(batcher, 6, 6, 6, 1, 1, 30, 1))
    assert doubler.batches == [[6, 6], [6, 1, 1, 30], [1]]


async def test_failure_of_a_batch_is_raised_to_its_callers_only(doubler: Doubler) -> None:
    batcher: Batcher[int, int] = Batcher(doubler.run, max_items=2)
    results = await asyncio.gather(*submit(batcher, 1, 13, 3), return_exceptions=True)
    assert [type(result) for result in results] == [LookupError, LookupError, int]


async def test_isolated_failure_is_raised_to_the_caller_that_causes_it_only(doubler: Doubler) -> None:
    batcher: Batcher[int, int] = Batcher(doubler.run, max_items=9, isolate=lambda error: isinstance(error, LookupError))
    results = await asyncio.gather(*submit(batcher, 1, 2, 3, 13, 5, 6), return_exceptions=True)
    assert [type(result) for result in results] == [int, int, int, LookupError, int, int]
    assert [number for batch in doubler.batches if 13 not in batch for number in batch] == [1, 2, 3, 5, 6]


async def test_failure_that_fails_waiting_requests_leaves_later_ones(doubler: Doubler) -> None:
    doubler.may_finish.clear()
    batcher: Batcher[int, int] = Batcher(
        doubler.run, max_items=2, fails_waiting=lambda error: isinstance(error, LookupError)
    )
    tasks = submit(batcher, 1, 13, 3, 4, 5)
    await doubler.has_started()
    doubler.may_finish.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == 5 * [LookupError]
    assert doubler.batches == [[1, 13]]
    assert await batcher.submit(6) == 12


async def test_exception_in_place_of_a_result_is_raised_to_its_caller_only() -> None:
    async def run(numbers: list[int]) -> Sequence[int | Exception]:
        return [number if number % 2 else ValueError(number) for number in numbers]

    results = await asyncio.gather(*submit(Batcher(run, max_items=9), 1, 2, 3), return_exceptions=True)
    assert [type(result) for result in results] == [int, ValueError, int]


async def test_requeued_requests_are_first_in_the_next_batch_and_in_order() -> None:
    batches: list[list[int]] = []

    async def run(numbers: list[int]) -> Sequence[int | Requeue]:
        batches.append(numbers)
        if len(numbers) > 3:
            raise ValueError
        is_first = len(batches) <= 3
        return [REQUEUE if is_first and number % 2 else number for number in numbers]

    batcher: Batcher[int, int] = Batcher(run, max_items=6, isolate=lambda _: True)
    numbers = range(1, 9)
    assert await asyncio.gather(*submit(batcher, *numbers)) == list(numbers)
    assert batches == [[1, 2, 3, 4, 5, 6], [1, 2, 3], [4, 5, 6], [1, 3, 5, 7, 8], [1, 3], [5, 7, 8]]


async def test_cancelled_caller_does_not_affect_the_others_of_a_running_batch(doubler: Doubler) -> None:
    doubler.may_finish.clear()
    batcher: Batcher[int, int] = Batcher(doubler.run, max_items=9)
    leaving, staying = submit(batcher, 1, 2)
    await doubler.has_started()
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    doubler.may_finish.set()
    assert await staying == 4


async def test_request_of_a_cancelled_caller_is_left_out(doubler: Doubler) -> None:
    batcher: Batcher[int, int] = Batcher(doubler.run, max_items=9)
    leaving, staying = submit(batcher, 1, 2)
    asyncio.get_running_loop().call_soon(leaving.cancel)
    assert await staying == 4
    assert doubler.batches == [[2]]


async def test_wrong_number_of_results_is_an_error_and_does_not_block_the_next_batch() -> None:
    counts = [1, 2]

    async def run(numbers: list[int]) -> Sequence[int]:
        return [0] * counts.pop()

    batcher: Batcher[int, int] = Batcher(run, max_items=9)
    with pytest.raises(ValueError, match="2 results for 1 requests"):
        await batcher.submit(1)
    assert await batcher.submit(1) == 0


async def test_cancelled_batch_cancels_all_callers_and_does_not_block_the_next_batch(doubler: Doubler) -> None:
    async def run(numbers: list[int]) -> Sequence[int]:
        if numbers == [1]:
            raise asyncio.CancelledError
        return numbers

    batcher: Batcher[int, int] = Batcher(run, max_items=1)
    cancelled = submit(batcher, 1, 2)
    await asyncio.wait(cancelled)
    assert all(task.cancelled() for task in cancelled)
    assert await batcher.submit(3) == 3


async def test_drain_waits_for_queued_and_running_requests(doubler: Doubler) -> None:
    doubler.may_finish.clear()
    batcher: Batcher[int, int] = Batcher(doubler.run, max_items=1)
    tasks = submit(batcher, 1, 2)
    await doubler.has_started()
    draining = asyncio.create_task(batcher.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    doubler.may_finish.set()
    await draining
    assert [task.done() for task in tasks] == [True, True]


def test_requests_of_a_closed_loop_do_not_block_a_new_loop(doubler: Doubler) -> None:
    batcher: Batcher[int, int] = Batcher(doubler.run, max_items=9)
    loop = asyncio.new_event_loop()
    left = loop.create_task(batcher.submit(1))
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert asyncio.run(batcher.submit(2)) == 4
    assert doubler.batches == [[2]]
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(left)
    loop.close()
