"""The events beside which messages are measured."""

import asyncio
from unittest.mock import AsyncMock, MagicMock

import pytest

from bench import capacity


async def test_events_that_cannot_be_published_fail_the_figure() -> None:
    server, is_called = MagicMock(), asyncio.Event()

    async def publish(*_: object) -> None:
        is_called.set()
        raise ConnectionError("refused")

    server.publish = AsyncMock(side_effect=publish)
    with pytest.raises(ConnectionError, match="refused"):
        async with capacity._events(server, MagicMock()):
            await is_called.wait()


async def test_events_end_with_the_measurement() -> None:
    server, receivers, is_called = MagicMock(), MagicMock(), asyncio.Event()

    async def publish(*_: object) -> None:
        is_called.set()

    server.publish = AsyncMock(side_effect=publish)
    receivers.wait_received = AsyncMock()
    async with capacity._events(server, receivers):
        await is_called.wait()
    receivers.raise_error.assert_called_once_with()
