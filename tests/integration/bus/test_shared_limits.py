"""Rate limits of several processes on a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest.mock import AsyncMock

import pytest
from redis.asyncio import Redis

from hummdesk.bus import shared_limits, token_leases
from hummdesk.bus.commands import Commands
from hummdesk.bus.shared_limits import SharedLimits
from hummdesk.bus.token_leases import Charge, Limit
from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id

LONGEST_ANSWER_SECONDS = shared_limits.ANSWER_SECONDS


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine Redis may take longer than usual, after which each process would apply the limits alone."""
    monkeypatch.setattr(shared_limits, "ANSWER_SECONDS", 20.0)


@asynccontextmanager
async def process(redis_url: str) -> AsyncIterator[SharedLimits]:
    limits = SharedLimits(Commands.of(redis_url, timeout=shared_limits.ANSWER_SECONDS))
    try:
        yield limits
    finally:
        await limits.close()


@pytest.fixture
async def one(settings: Settings) -> AsyncIterator[SharedLimits]:
    async with process(settings.redis) as limits:
        yield limits


@pytest.fixture
async def other(settings: Settings) -> AsyncIterator[SharedLimits]:
    async with process(settings.redis) as limits:
        yield limits


def charge(*, rate: float, burst: float, tokens: float = 1) -> Charge:
    """Of a bucket of its own."""
    return Charge(Limit("test", rate, burst), str(new_id()), tokens)


async def allowed(limits: SharedLimits, number: int, of: Charge) -> int:
    """Take so many times at once; return how often it was allowed."""
    return sum(refusal is None for refusal in await asyncio.gather(*(limits.take(of) for _ in range(number))))


async def test_burst_at_one_process_is_allowed_exactly(one: SharedLimits) -> None:
    assert await allowed(one, 300, charge(rate=0.01, burst=100)) == 100


async def test_burst_at_two_processes_exceeds_the_limit_by_two_batches_at_most(
    one: SharedLimits, other: SharedLimits
) -> None:
    shared = charge(rate=0.01, burst=100)
    found = await asyncio.gather(allowed(one, 300, shared), allowed(other, 300, shared))
    assert 100 <= sum(found) <= 150


async def test_bucket_emptied_at_one_process_is_empty_at_the_other(one: SharedLimits, other: SharedLimits) -> None:
    shared = charge(rate=0.01, burst=100)
    await allowed(one, 300, shared)
    assert await allowed(other, 300, shared) == 25  # its first batch, as a debt
    refusal = await other.take(shared)
    assert refusal is not None
    assert refusal.retry_after > 2500


async def test_requests_within_the_lease_do_not_wait_for_redis(one: SharedLimits) -> None:
    taken = one.take(charge(rate=1, burst=100))
    with pytest.raises(StopIteration) as ended:
        taken.send(None)  # the coroutine ends without suspending
    assert ended.value.value is None


async def test_refused_requests_of_an_empty_bucket_cost_redis_nothing(
    one: SharedLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    flooded = charge(rate=0.01, burst=4)
    await allowed(one, 10, flooded)
    connection = one._commands._connection
    exchange = AsyncMock(wraps=connection.exchange)
    monkeypatch.setattr(connection, "exchange", exchange)
    assert await allowed(one, 20_000, flooded) == 0
    assert exchange.call_count < 5


async def test_bucket_expires_when_it_is_full_again(one: SharedLimits, redis: Redis) -> None:
    used = charge(rate=10, burst=100)
    await allowed(one, 100, used)
    assert 0 < await redis.pttl(f"hummdesk:limit:test:{used.subject}") <= 10_000


async def test_unused_tokens_are_returned(
    one: SharedLimits, other: SharedLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = charge(rate=0.001, burst=100)
    await allowed(one, 26, shared)  # spends the first batch, and leases the next
    monkeypatch.setattr(token_leases, "IDLE_SECONDS", 0)
    await one.wait_idle()
    await one.return_idle()
    assert await allowed(other, 300, shared) == 74


async def test_without_redis_each_process_applies_the_limit_alone() -> None:
    async with process("redis://127.0.0.1:1/0") as limits:
        flooded = charge(rate=0.01, burst=100)
        assert await allowed(limits, 300, flooded) == 25
        assert limits.is_local
        assert await allowed(limits, 300, flooded) == 0
        fast = charge(rate=100, burst=100)
        async with asyncio.timeout(20):
            passed = 0
            while passed < 150:
                passed += await allowed(limits, 10, fast)
                await asyncio.sleep(0.01)


async def test_silent_redis_delays_requests_and_the_end_of_a_process_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_limits, "BATCH", 10)
    monkeypatch.setattr(shared_limits, "ANSWER_SECONDS", LONGEST_ANSWER_SECONDS)

    attempts: list[asyncio.StreamReader] = []

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attempts.append(reader)
        await reader.read()
        writer.close()

    async with (
        await asyncio.start_server(ignore, "127.0.0.1", 0) as silent,
        process(f"redis://127.0.0.1:{silent.sockets[0].getsockname()[1]}/0") as limits,
    ):
        await asyncio.gather(*(allowed(limits, 3, charge(rate=1, burst=4)) for _ in range(400)))
        assert limits.is_local
    assert len(attempts) < 10, "there are 40 batches, of which only the first waits for Redis"
