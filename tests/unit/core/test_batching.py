"""Questions that are asked together are put together, and each gets its own answer."""

import asyncio

import pytest

from hummdesk.core.batching import Batcher


class Oracle:
    """Doubles numbers; knows what it was asked at once."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.may_answer = asyncio.Event()

    async def put(self, numbers: list[int]) -> list[int]:
        self.asked.append(numbers)
        await self.may_answer.wait()
        if 13 in numbers:
            raise LookupError
        return [2 * number for number in numbers]


async def test_what_is_asked_meanwhile_is_put_together() -> None:
    oracle = Oracle()
    gathering = Batcher(oracle.put, most=3)
    first = asyncio.create_task(gathering.ask(1))
    while not oracle.asked:
        await asyncio.sleep(0)
    others = [asyncio.create_task(gathering.ask(number)) for number in range(2, 6)]
    await asyncio.sleep(0)
    oracle.may_answer.set()
    assert await asyncio.gather(first, *others) == [2, 4, 6, 8, 10]
    assert oracle.asked == [[1], [2, 3, 4], [5]]
    assert await gathering.ask(6) == 12
    assert oracle.asked[-1] == [6]


async def test_a_failure_is_of_those_who_asked_together() -> None:
    oracle = Oracle()
    oracle.may_answer.set()
    gathering = Batcher(oracle.put, most=2)
    answers = await asyncio.gather(*map(gathering.ask, (1, 13, 3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [LookupError, LookupError, int]


async def test_who_gives_up_keeps_nobody_from_an_answer() -> None:
    oracle = Oracle()
    gathering = Batcher(oracle.put, most=9)
    leaving, staying = (asyncio.create_task(gathering.ask(number)) for number in (1, 2))
    while not oracle.asked:
        await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    oracle.may_answer.set()
    assert await staying == 4
