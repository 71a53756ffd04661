from collections.abc import AsyncIterator

import pytest

from hummdesk.bus.commands import Commands, Script
from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id


@pytest.fixture
async def commands(settings: Settings) -> AsyncIterator[Commands]:
    opened = Commands.of(settings.redis)
    yield opened
    await opened.close()


async def test_script_that_redis_has_lost_is_loaded_again(commands: Commands) -> None:
    script, key = Script(commands, "viewers"), f"test:{new_id()}"
    for _ in range(2):
        assert (await script(keys=[key], args=["enter", "someone", 60_000]))[1] == [b"someone"]
        await commands.run("SCRIPT", "FLUSH")


async def test_commands_after_a_killed_connection_are_repeated(commands: Commands, settings: Settings) -> None:
    identity = await commands.run("CLIENT", "ID")
    killer = Commands.of(settings.redis)
    await killer.run("CLIENT", "KILL", "ID", identity)
    await killer.close()
    assert await commands.run("CLIENT", "ID") != identity
