"""A connection for frequent commands, on a real Redis."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
from redis import exceptions

from hummdesk.bus.client import connect
from hummdesk.bus.dialing import dial
from hummdesk.bus.link import ProtocolLink
from hummdesk.bus.own_connection import Connection, OwnConnection
from hummdesk.core.redis_address import RedisAddress
from tests.integration.bus.conftest import AccountStream


@pytest.fixture
async def connection(stream: AccountStream) -> AsyncIterator[Connection]:
    connection = connect(stream.redis_url)
    yield connection
    await connection.close()


async def test_error_of_one_command_leaves_no_answer_unread(connection: Connection) -> None:
    with pytest.raises(exceptions.ResponseError, match="unknown command"):
        await connection.request(("ECHO", "a"), ("NOTACOMMAND",), ("ECHO", "b"))
    assert await connection.request(("ECHO", b"c"), ("ECHO", 1)) == [b"c", b"1"]


async def test_request_on_a_closed_connection_is_repeated(connection: Connection) -> None:
    (client_id,) = await connection.request(("CLIENT", "ID"))
    other = connection.another()
    await other.request(("CLIENT", "KILL", "ID", client_id))
    await other.close()
    assert await connection.request(("ECHO", "a")) == [b"a"]


async def test_answer_after_the_timeout_is_not_that_of_the_next_request(stream: AccountStream) -> None:
    dial_one = partial(dial, RedisAddress.parse(stream.redis_url))
    connection = OwnConnection(partial(ProtocolLink.open, dial_one), timeout=0.05)
    with pytest.raises(exceptions.TimeoutError):
        await connection.request(("BLPOP", "hummdesk:test:no-such-list", 60))
    connection._timeout = 20
    assert await connection.request(("ECHO", "a")) == [b"a"]
    await connection.close()
