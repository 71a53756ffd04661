"""The `message` handler of an Engine.IO server."""

import logging
from typing import Any

import pytest

from hummdesk.engine.engine_io import EngineIOServer
from hummdesk.engine.session import Session


def session_of(server: EngineIOServer) -> Session:
    return Session(server, "sid", "127.0.0.1")


async def test_message_handler_that_fails_is_logged_and_called_for_the_next_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = EngineIOServer(async_handlers=False, logger=logging.getLogger("test"))
    handled: list[Any] = []

    async def handle(sid: str, message: Any) -> None:
        handled.append((sid, message))
        if message == "first":
            raise ValueError("refused")

    server.on("message", handle)
    for message in ("first", "second"):
        await server.on_message(session_of(server), message)
    assert handled == [("sid", "first"), ("sid", "second")]
    # Another test may have set the level of this logger lower.
    assert [line.exc_info[0] for line in caplog.records if line.exc_info] == [ValueError]


async def test_message_handler_that_is_replaced_by_a_plain_function_is_called() -> None:
    server = EngineIOServer(async_handlers=False)
    handled: list[Any] = []

    async def handle(_: str, message: Any) -> None:
        handled.append(("coroutine", message))

    server.on("message", handle)
    await server.on_message(session_of(server), 1)
    server.on("message", lambda _, message: handled.append(("function", message)))
    await server.on_message(session_of(server), 2)
    assert handled == [("coroutine", 1), ("function", 2)]
