import asyncio
from typing import Any

import pytest

from hummdesk.bus.presence import BATCH, Lease, Presence, groups
from hummdesk.bus.shards import shard_of
from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.ids import new_id
from tests.unit.bus.failing_commands import FailingCommands


async def test_leases_that_wait_while_a_batch_fails_are_not_sent() -> None:
    commands = FailingCommands()
    presence = Presence(commands, Settings())  # type: ignore[arg-type]
    joins = (presence.join(Lease(new_id(), new_id(), "sid")) for _ in range(3 * BATCH))
    failed = await asyncio.gather(*joins, return_exceptions=True)
    assert all(isinstance(error, Unavailable) for error in failed)
    assert commands.number == 1


class PartlyFailingCommands:
    """A cluster in which one lease has expired, and the master with the leases under one key does not answer."""

    def __init__(self, *, failing: str, well: str, ended: Lease) -> None:
        self.steps: list[str] = []
        self._failing, self._well = failing, well
        self._ended = f"{ended.account_id}/{ended.agent_id}/{ended.sid}".encode()

    async def run_built(self, build: Any, *, script: str) -> list[bytes | int]:
        _, _, number, *rest = build()
        keys, (step, _, _, *arguments) = rest[:number], rest[number:]
        if keys[0] == self._failing:
            raise Unavailable
        self.steps.append(step)
        if step in ("ended", "next"):
            return [self._ended if step == "ended" else 1500] if keys[0] == self._well else []
        return [1] if step == "extend" else [b"offline"] * (len(arguments) // 3)


async def test_group_of_a_cluster_that_fails_affects_no_account_of_another_one() -> None:
    settings = Settings(redis_url="redis+cluster://127.0.0.1")
    lost = well = Lease(new_id(), new_id(), "socket")
    while shard_of(well.account_id) == shard_of(lost.account_id):
        well = Lease(new_id(), new_id(), "socket")
    failing, working = (groups(settings)[shard_of(one.account_id).number].leases for one in (lost, well))
    commands = PartlyFailingCommands(failing=failing, well=working, ended=well)
    presence = Presence(commands, settings)  # type: ignore[arg-type]
    joined = await asyncio.gather(presence.join(lost), presence.join(well), return_exceptions=True)
    assert isinstance(joined[0], Unavailable)
    assert joined[1] is True
    with pytest.raises(Unavailable):
        await presence.renew([*[lost] * BATCH, well])
    assert commands.steps == ["join", "extend"]
    assert await presence.expire() == [well]
    assert await presence.seconds_until_end() == 1.5
