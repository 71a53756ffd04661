import pytest
from redis.asyncio.connection import Connection

from hummdesk.bus.client import PackingConnection


@pytest.mark.parametrize("command", [("SCRIPT LOAD", "return 1"), ("XADD", "ä", 1, 1.5, b"\xff"), (b"PING",)])
def test_packed_command_is_the_one_of_the_library(command: tuple[str | bytes | int | float, ...]) -> None:
    assert b"".join(PackingConnection().pack_command(*command)) == b"".join(Connection().pack_command(*command))
