from typing import Any
from uuid import UUID

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from hummdesk.bus.recovery_store import RecoverableSession, RecoveryStore
from hummdesk.core.errors import Unavailable

SESSION = RecoverableSession(sid="sid", account_id=UUID(int=1), person_id=UUID(int=2), rooms={}, joined=[])


class FakeRedis:
    """Counts its pipelines; `failures` are raised by the next ones."""

    def __init__(self, *failures: Exception) -> None:
        self.pipelines: list[int] = []
        self._failures = list(failures)
        self._commands = 0

    def register_script(self, _: str) -> Any:
        return self.set

    def pipeline(self, *, transaction: bool) -> "FakeRedis":
        assert not transaction
        return self

    async def __aenter__(self) -> "FakeRedis":
        self._commands = 0
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def set(self, *_: object, **options: object) -> None:
        self._commands += 1

    async def execute(self) -> list[int]:
        self.pipelines.append(self._commands)
        if self._failures:
            raise self._failures.pop(0)
        return [1] * self._commands


def store(redis: FakeRedis) -> RecoveryStore:
    return RecoveryStore(redis, node="node", window_seconds=120, report_seconds=10)  # type: ignore[arg-type]


async def test_failed_pipeline_is_unavailable_and_the_next_one_works() -> None:
    recoveries = store(FakeRedis(RedisConnectionError("closed")))
    with pytest.raises(Unavailable):
        await recoveries.save("pid", SESSION)
    await recoveries.save("pid", SESSION)


async def test_unexpected_exception_is_raised_and_does_not_block_later_commands() -> None:
    recoveries = store(FakeRedis(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        await recoveries.save("pid", SESSION)
    await recoveries.save("pid", SESSION)
