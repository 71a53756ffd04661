import asyncio
import os
import signal
import subprocess
import sys
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


STOPPED = """
import os, signal, time
from tests.running_time import running_seconds
began, counted = time.monotonic(), running_seconds()
os.kill(os.getpid(), signal.SIGSTOP)
print(time.monotonic() - began, running_seconds() - counted)
"""


def test_running_seconds_stand_still_while_the_process_is_not_run() -> None:
    with subprocess.Popen([sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, text=True) as process:
        os.waitpid(process.pid, os.WUNTRACED)
        time.sleep(0.5)
        process.send_signal(signal.SIGCONT)
        passed, counted = map(float, process.communicate()[0].split())
    assert passed >= 0.5
    assert 0 < counted < passed - 0.3
