import asyncio
import signal
import time
from collections.abc import Iterator

import pytest

from tasks import watchdog
from tasks.watchdog import StepTimeout, Watchdog

pytestmark = pytest.mark.timeout(60, method="thread")  # the other method uses SIGALRM itself

SECONDS = 0.05


@pytest.fixture(autouse=True)
def restored_handler() -> Iterator[None]:
    watchdog._install_handler.cache_clear()
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.signal(signal.SIGALRM, before)
    watchdog._install_handler.cache_clear()


async def test_watchdog_with_quick_coroutine_returns_its_value() -> None:
    async def quick() -> int:
        await asyncio.sleep(0)
        return 1

    assert await Watchdog(quick(), seconds=SECONDS) == 1


async def test_watchdog_with_blocked_step_raises_inside_the_coroutine() -> None:
    interrupted = False

    async def blocked() -> None:
        nonlocal interrupted
        try:
            time.sleep(30)
        except StepTimeout:
            interrupted = True
            raise

    with pytest.raises(TimeoutError):
        await Watchdog(blocked(), seconds=SECONDS)
    assert interrupted


async def test_watchdog_with_busy_step_after_an_await_raises() -> None:
    async def busy_later() -> None:
        await asyncio.sleep(0)
        while True:
            pass

    with pytest.raises(StepTimeout):
        await Watchdog(busy_later(), seconds=SECONDS)


async def test_watchdog_with_step_that_waits_for_a_processor_returns_its_value() -> None:
    async def starved() -> str:
        time.sleep(2 * SECONDS)
        return "done"

    assert await Watchdog(starved(), seconds=SECONDS) == "done"


async def test_watchdog_while_the_coroutine_awaits_does_not_count_the_time() -> None:
    async def waiting() -> str:
        for _ in range(3):
            await asyncio.sleep(SECONDS)
        return "done"

    assert await Watchdog(waiting(), seconds=SECONDS) == "done"


async def test_watchdog_after_the_end_leaves_no_timer() -> None:
    async def quick() -> None: ...

    await Watchdog(quick(), seconds=SECONDS)
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    time.sleep(2 * SECONDS)


async def test_watchdog_with_failing_coroutine_raises_its_exception() -> None:
    async def failing() -> None:
        await asyncio.sleep(0)
        raise KeyError("bug")

    with pytest.raises(KeyError):
        await Watchdog(failing(), seconds=SECONDS)


async def test_watchdog_that_is_cancelled_cancels_the_coroutine() -> None:
    cancelled = asyncio.Event()

    async def waiting() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SECONDS):
            await Watchdog(waiting(), seconds=1)
    assert cancelled.is_set()
