import asyncio
import time

import pytest

from tests.running_time import running_timeout


async def test_running_timeout_ends_a_wait() -> None:
    with pytest.raises(TimeoutError):
        async with running_timeout(0.05):
            await asyncio.Event().wait()


async def test_running_timeout_does_not_count_the_time_in_which_the_process_is_not_run() -> None:
    async with running_timeout(0.2):
        await asyncio.sleep(0)
        time.sleep(0.4)
        await asyncio.sleep(0.01)
