"""The protocol that reads a connection to Redis, without a server."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from redis import exceptions
from redis.asyncio.connection import Connection

from hummdesk.bus.link import ProtocolLink


class FakeTransport:
    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.is_closed = False

    def set_protocol(self, protocol: asyncio.Protocol) -> None:
        self.protocol = protocol

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def is_closing(self) -> bool:
        return self.is_closed

    def abort(self) -> None:
        self.is_closed = True


@pytest.fixture
def transport() -> FakeTransport:
    return FakeTransport()


@pytest.fixture
def link(transport: FakeTransport) -> ProtocolLink:
    """A link over a connection of redis-py, which has the parser of errors."""
    connection: Any = SimpleNamespace(_writer=SimpleNamespace(transport=transport), _parser=Connection()._parser)
    return ProtocolLink(connection)


async def exchange(link: ProtocolLink, *received: bytes, commands: int = 1) -> list[Any]:
    """Send commands, then receive these pieces."""
    running = asyncio.create_task(link.exchange([b"command"] * commands, 60.0))
    await asyncio.sleep(0)
    for piece in received:
        link.data_received(piece)
    return await running


async def test_answers_in_pieces_are_returned_together(link: ProtocolLink, transport: FakeTransport) -> None:
    answers = await exchange(link, b"$3\r\non", b"e\r\n:", b"2\r\n-NOSCRIPT No matching script\r\n", commands=3)
    assert answers[:2] == [b"one", 2]
    assert isinstance(answers[2], exceptions.NoScriptError)
    assert transport.sent == [b"command" * 3]
    assert await exchange(link, b"*-1\r\n") == [None]


@pytest.mark.parametrize("refusal", [b"-READONLY You can't write\r\n", b"-LOADING Redis is loading\r\n"])
async def test_error_about_the_server_is_raised(link: ProtocolLink, refusal: bytes) -> None:
    with pytest.raises(exceptions.ConnectionError):
        await exchange(link, b":1\r\n" + refusal, commands=2)


async def test_malformed_answer_is_raised(link: ProtocolLink) -> None:
    with pytest.raises(exceptions.InvalidResponse):
        await exchange(link, b"?\r\n")


async def test_more_answers_than_commands_are_raised(link: ProtocolLink) -> None:
    with pytest.raises(exceptions.InvalidResponse):
        await exchange(link, b":1\r\n:2\r\n")


async def test_answer_without_a_command_ends_the_connection(link: ProtocolLink, transport: FakeTransport) -> None:
    assert await exchange(link, b":1\r\n") == [1]
    link.data_received(b":2\r\n")
    with pytest.raises(exceptions.ConnectionError):
        await exchange(link)
    assert len(transport.sent) == 1


async def test_connection_that_is_lost_fails_the_exchange_and_takes_no_further_ones(
    link: ProtocolLink, transport: FakeTransport
) -> None:
    running = asyncio.create_task(link.exchange([b"command"], 60.0))
    await asyncio.sleep(0)
    transport.is_closed = True
    link.connection_lost(None)
    with pytest.raises(exceptions.ConnectionError):
        await running
    with pytest.raises(exceptions.ConnectionError):
        await link.exchange([b"command"], 60.0)
    assert len(transport.sent) == 1


async def test_exchange_without_an_answer_in_time_is_a_timeout(link: ProtocolLink) -> None:
    with pytest.raises(TimeoutError):
        await link.exchange([b"command"], 0.0)
