"""A connection for frequent commands, on a real Redis."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis import exceptions
from redis.asyncio import Redis

from hummdesk.bus.client import COMMAND_SECONDS
from hummdesk.bus.own_connection import OwnConnection


@pytest.fixture
async def connection(redis: Redis) -> AsyncIterator[OwnConnection]:
    connection = OwnConnection(redis)
    yield connection
    await connection.close()


async def test_error_of_one_command_leaves_no_answer_unread(connection: OwnConnection) -> None:
    with pytest.raises(exceptions.ResponseError, match="unknown command"):
        await connection.request(("ECHO", "a"), ("NOTACOMMAND",), ("ECHO", "b"))
    assert await connection.request(("ECHO", b"c"), ("ECHO", 1)) == [b"c", b"1"]


async def test_request_on_a_closed_connection_is_repeated(connection: OwnConnection, redis: Redis) -> None:
    (client_id,) = await connection.request(("CLIENT", "ID"))
    other = OwnConnection(redis)
    await other.request(("CLIENT", "KILL", "ID", client_id))
    await other.close()
    assert await connection.request(("ECHO", "a")) == [b"a"]


async def test_answer_after_the_timeout_is_not_that_of_the_next_request(redis: Redis) -> None:
    connection = OwnConnection(redis, timeout=0.05)
    with pytest.raises(exceptions.TimeoutError):
        await connection.request(("BLPOP", "hummdesk:test:no-such-list", 60))
    connection._timeout = 20
    assert await connection.request(("ECHO", "a")) == [b"a"]
    await connection.close()


async def test_connection_after_a_timeout_is_released_with_the_timeout_of_the_client(redis: Redis) -> None:
    pool: Any = redis.connection_pool
    connection = OwnConnection(redis, timeout=0.05)
    with pytest.raises(exceptions.TimeoutError):
        await connection.request(("BLPOP", "hummdesk:test:no-such-list", 60))
    pooled = await pool.get_connection()
    assert pooled.socket_timeout == pool.connection_kwargs["socket_timeout"] == COMMAND_SECONDS
    await pool.release(pooled)
