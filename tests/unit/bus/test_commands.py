import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, OutOfMemoryError, ResponseError

from hummdesk.bus.commands import BATCH, WAIT_SECONDS, Commands, Script
from hummdesk.bus.own_connection import OwnConnection
from hummdesk.core.errors import Unavailable


class FakeRedis:
    """The connections to a server. `answers` are those of all connections, exceptions but ResponseError are raised."""

    def __init__(self, *answers: Any) -> None:
        self.sent: list[bytes] = []
        self.opened = 0
        self.silent: asyncio.Event | None = None
        self._answers = list(answers)

    async def open(self) -> "FakeRedis":
        self.opened += 1
        return self

    async def exchange(self, packed: Sequence[bytes], timeout: float) -> list[Any]:
        self.sent.append(b"".join(packed))
        if self.silent is not None:
            async with asyncio.timeout(timeout):
                await self.silent.wait()
        answers = [self._answers.pop(0) for _ in packed]
        for answer in answers:
            if isinstance(answer, Exception) and not isinstance(answer, ResponseError):
                raise answer
        return answers

    async def close(self) -> None:
        """Nothing is open."""


def over(redis: FakeRedis, *, timeout: float = 60.0) -> Commands:
    return Commands(OwnConnection(redis.open, timeout=timeout))


async def test_commands_of_one_tick_are_sent_together_and_fail_alone() -> None:
    redis = FakeRedis(b"one", ResponseError("wrong"), 3)
    commands = over(redis)
    answers = await asyncio.gather(*(commands.run("GET", name) for name in ("a", "b", "ä")), return_exceptions=True)
    assert [answers[0], str(answers[1]), answers[2]] == [b"one", "wrong", 3]
    assert redis.sent == [
        "".join(f"*2\r\n$3\r\nGET\r\n${n}\r\n{k}\r\n" for n, k in ((1, "a"), (1, "b"), (2, "ä"))).encode()
    ]
    assert redis.opened == 1


@pytest.mark.parametrize(
    "refusal",
    [
        ResponseError("NOREPLICAS Not enough good replicas to write."),
        ResponseError("Error running script (call to f_1): @user_script:5: -MISCONF Redis is configured to save"),
        OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
    ],
)
async def test_command_that_its_server_refuses_for_a_time_alone_is_unavailable(refusal: Exception) -> None:
    commands = over(FakeRedis(b"one", refusal))
    answers = await asyncio.gather(commands.run("GET", "a"), commands.run("SET", "a", "b"), return_exceptions=True)
    assert answers[0] == b"one"
    assert isinstance(answers[1], Unavailable)


async def test_commands_of_a_connection_lost_while_idle_are_repeated() -> None:
    redis = FakeRedis(1, RedisConnectionError("closed"), 2)
    commands = over(redis)
    assert [await commands.run("PING"), await commands.run("PING")] == [1, 2]
    assert redis.opened == 2


async def test_failed_command_is_unavailable_and_the_next_one_works() -> None:
    redis = FakeRedis(RedisConnectionError("closed"), RedisConnectionError("closed"), 1)
    commands = over(redis)
    with pytest.raises(Unavailable):
        await commands.run("PING")
    assert await commands.run("PING") == 1


async def test_attempt_that_timed_out_is_repeated_once() -> None:
    commands = over(FakeRedis(TimeoutError(), 1, TimeoutError(), TimeoutError()))
    assert await commands.run("PING") == 1
    with pytest.raises(Unavailable):
        await commands.run("PING")


async def test_command_that_cannot_be_packed_fails_alone() -> None:
    redis = FakeRedis(b"one")
    commands = over(redis)
    answers = await asyncio.gather(*(commands.run("GET", name) for name in ("\ud800", "a")), return_exceptions=True)
    assert isinstance(answers[0], UnicodeEncodeError)
    assert answers[1] == b"one"
    with pytest.raises(UnicodeEncodeError):
        await commands.run("GET", "\ud800")
    assert len(redis.sent) == 1


async def test_commands_that_wait_while_a_batch_fails_are_not_sent() -> None:
    redis = FakeRedis()
    redis.silent = asyncio.Event()
    commands = over(redis, timeout=0.0)
    waiting = [asyncio.create_task(commands.run("PING")) for _ in range(3 * BATCH)]
    await asyncio.sleep(0)
    await commands.close()
    failed = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(error, Unavailable) for error in failed)
    assert redis.opened == len(redis.sent) == 2


async def test_command_that_has_waited_too_long_for_slow_answers_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("hummdesk.bus.commands.monotonic", lambda: now)
    redis = FakeRedis(1, 2)
    redis.silent = asyncio.Event()
    commands = over(redis)
    first = asyncio.create_task(commands.run("PING"))
    while not redis.sent:
        await asyncio.sleep(0)
    second = asyncio.create_task(commands.run("PING"))
    await asyncio.sleep(0)
    now = WAIT_SECONDS + 1
    third = asyncio.create_task(commands.run("PING"))
    redis.silent.set()
    assert (await first, await third) == (1, 2)
    with pytest.raises(Unavailable):
        await second


async def test_lost_script_is_loaded_and_repeated_before_later_commands() -> None:
    redis = FakeRedis(b"before", NoScriptError("lost"), 1, b"digest", b"saved", 0, 2)
    commands = over(redis)
    save = Script(commands, "recovery_save")
    running = [commands.run("PING"), save(keys=["a"], args=["b"]), commands.run("DEL", "a")]
    tasks = [asyncio.ensure_future(one) for one in running]
    while not redis.sent:
        await asyncio.sleep(0)
    tasks.append(asyncio.create_task(commands.run("DEL", "b")))
    assert await asyncio.gather(*tasks) == [b"before", b"saved", 1, 2]
    names = [[name for name in (b"PING", b"LOAD", b"EVALSHA", b"DEL") if name in sent] for sent in redis.sent]
    assert names == [[b"PING", b"EVALSHA", b"DEL"], [b"LOAD", b"EVALSHA", b"DEL"], [b"DEL"]]


async def test_unexpected_exception_is_raised_and_does_not_block_later_commands() -> None:
    commands = over(FakeRedis(ZeroDivisionError(), 1))
    with pytest.raises(ZeroDivisionError):
        await commands.run("PING")
    assert await commands.run("PING") == 1


async def test_silent_redis_is_unavailable_and_its_connection_is_not_used_again() -> None:
    redis = FakeRedis(1)
    redis.silent = asyncio.Event()
    commands = over(redis, timeout=0.0)
    with pytest.raises(Unavailable):
        await commands.run("PING")
    with pytest.raises(Unavailable):
        await commands.run("PING")
    assert redis.opened == 4  # two attempts each


async def test_built_command_is_made_when_it_is_sent() -> None:
    redis = FakeRedis(1, 2)
    redis.silent = asyncio.Event()
    commands, built = over(redis), list[str]()

    def build() -> tuple[str]:
        built.append("built")
        return ("PING",)

    first = asyncio.create_task(commands.run("PING"))
    while not redis.sent:
        await asyncio.sleep(0)
    second = asyncio.create_task(commands.run_built(build))
    await asyncio.sleep(0)
    assert built == []
    redis.silent.set()
    assert (await first, await second) == (1, 2)
    assert built == ["built"]
