import asyncio
import time

import pytest

from tests.running_time import running_clock, running_timeout


async def test_running_timeout_ends_a_wait() -> None:
    with pytest.raises(TimeoutError):
        async with running_timeout(0.05):
            await asyncio.Event().wait()


async def test_running_timeout_does_not_count_the_time_in_which_the_process_is_not_run() -> None:
    async with running_timeout(0.2):
        await asyncio.sleep(0)
        time.sleep(0.4)
        await asyncio.sleep(0.01)


async def test_running_clock_does_not_count_the_time_in_which_the_process_is_not_run() -> None:
    async with running_clock() as clock:
        began = time.time()
        await asyncio.sleep(0.1)
        time.sleep(0.4)
        await asyncio.sleep(0.1)
        ended = time.time()
    assert 0 < clock.seconds(began, ended) < 0.4
    assert clock.seconds(ended, ended) == 0
