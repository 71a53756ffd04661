import asyncio
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from hummdesk.bus.commands import Commands
from hummdesk.core.errors import Unavailable


class FakeRedis:
    """A client, its pool and their connection. `answers` are those of all connections, exceptions are raised."""

    def __init__(self, *answers: Any) -> None:
        self.connection_pool = self
        self.sent: list[bytes] = []
        self.opened = 0
        self.silent: asyncio.Event | None = None
        self._answers = list(answers)

    async def get_connection(self) -> "FakeRedis":
        self.opened += 1
        return self

    async def send_packed_command(self, packed: list[bytes]) -> None:
        self.sent.append(b"".join(packed))

    async def read_response(self) -> Any:
        if self.silent is not None:
            await self.silent.wait()
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def disconnect(self, *, nowait: bool) -> None:
        assert nowait

    async def release(self, _connection: object) -> None:
        pass


def over(redis: FakeRedis, *, timeout: float = 60.0) -> Commands:
    return Commands(redis, timeout=timeout)  # type: ignore[arg-type]


async def test_commands_of_one_tick_are_sent_together_and_fail_alone() -> None:
    redis = FakeRedis(b"one", ResponseError("wrong"), 3)
    commands = over(redis)
    answers = await asyncio.gather(*(commands.run("GET", name) for name in ("a", "b", "ä")), return_exceptions=True)
    assert [answers[0], str(answers[1]), answers[2]] == [b"one", "wrong", 3]
    assert redis.sent == [
        "".join(f"*2\r\n$3\r\nGET\r\n${n}\r\n{k}\r\n" for n, k in ((1, "a"), (1, "b"), (2, "ä"))).encode()
    ]
    assert redis.opened == 1


async def test_commands_of_a_connection_lost_while_idle_are_repeated() -> None:
    redis = FakeRedis(1, RedisConnectionError("closed"), 2)
    commands = over(redis)
    assert [await commands.run("PING"), await commands.run("PING")] == [1, 2]
    assert redis.opened == 2


async def test_failed_command_is_unavailable_and_the_next_one_works() -> None:
    commands = over(FakeRedis(RedisConnectionError("closed"), RedisConnectionError("closed"), 1))
    with pytest.raises(Unavailable):
        await commands.run("PING")
    assert await commands.run("PING") == 1


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
    assert redis.opened == 2


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
