"""Socket.IO's Admin UI: with its password, numbers only; read-only; off by default."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import socketio

from hummdesk.core.config import Settings
from hummdesk.server import admin_ui
from hummdesk.server.node import Node
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running

PASSWORD = "correct horse battery"
SECRET = "My card is 4111 1111 1111 1111"


class Admin:
    """A client of the protocol that keeps all it receives."""

    def __init__(self) -> None:
        self.received: list[tuple[str, Any]] = []
        self.news = asyncio.Event()
        self.socket = socketio.AsyncClient(reconnection=False)
        self.socket.on("*", self._record, namespace="/admin")
        self.socket.on("connect_error", self._hear_refusal, namespace="/admin")

    async def connect(self, url: str, auth: object) -> "Admin":
        await self.socket.connect(url, auth=auth, namespaces=["/admin"], transports=["websocket"])
        return self

    async def receives(self, event: str) -> Any:
        async with asyncio.timeout(20):
            while event not in [name for name, _ in self.received]:
                self.news.clear()
                await self.news.wait()
        return next(payload for name, payload in self.received if name == event)

    async def _hear_refusal(self, problem: Any) -> None:
        await self._record("connect_error", problem)

    async def _record(self, event: str, payload: Any) -> None:
        self.received.append((event, payload))
        self.news.set()


@pytest.fixture(scope="module")
async def watched(web_settings: Settings) -> AsyncIterator[tuple[str, Node]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(admin_ui, "STATISTICS_SECONDS", 0.1)
        async with running(replace(web_settings, admin_ui_password=PASSWORD), name="watched") as web:
            yield web


async def test_admin_ui_receives_numbers_only_and_changes_nothing(
    watched: tuple[str, Node], web_settings: Settings
) -> None:
    url, node = watched
    account = await Account(settings=web_settings, url=url).make()
    customer, agent = await account.connect("customer", joins=True), await account.connect("agent", joins=True)
    admin = await Admin().connect(url, {"username": "admin", "password": PASSWORD})
    assert await admin.receives("config") == {"supportedFeatures": ["AGGREGATED_EVENTS"]}
    stats = await admin.receives("server_stats")
    assert stats["serverId"] == node.context.node
    assert (stats["clientsCount"], stats["pollingClientsCount"]) == (3, 0)
    assert stats["namespaces"] == [{"name": "/", "socketsCount": 2}, {"name": "/admin", "socketsCount": 1}]

    await admin.socket.emit("join", ("/", f"account:{account.id}"), namespace="/admin")
    await admin.socket.emit("emit", ("/", None, "new_message", {"content": "forged"}), namespace="/admin")
    await admin.socket.emit("leave", ("/", f"conversation:{account.conversation}"), namespace="/admin")
    await admin.socket.emit("_disconnect", ("/", True), namespace="/admin")
    await admin.socket.emit("send_message", {"conversationId": str(account.conversation)}, namespace="/admin")
    await customer.do("send_message", {"conversationId": str(account.conversation), "content": SECRET})
    assert (await agent.receives("new_message"))["content"] == SECRET
    admin.received.clear()
    await admin.receives("server_stats")
    assert {name for name, _ in admin.received} == {"server_stats"}
    said = str(admin.received)
    assert not [word for word in (SECRET, str(account.id), account.people["agent"].email) if word in said]
    await admin.socket.disconnect()
    await account.close()


@pytest.mark.parametrize(
    "auth",
    [
        None,
        {"password": PASSWORD},
        {"username": "admin"},
        {"username": "admin", "password": ""},
        {"username": "admin", "password": PASSWORD + "x"},
        {"username": "admin", "password": [PASSWORD]},
        {"username": "admin", "password": "\ud800"},
        {"username": "root", "password": PASSWORD},
        {"sessionId": "1"},
    ],
)
async def test_admin_ui_without_the_password_is_refused(watched: tuple[str, Node], auth: object) -> None:
    admin = Admin()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await admin.connect(watched[0], auth)
    assert await admin.receives("connect_error") == {"message": "invalid credentials"}
    async with asyncio.timeout(20):
        await admin.socket.eio.wait()  # the connection went with it
    assert {name for name, _ in admin.received} == {"connect_error"}


async def test_admin_ui_is_off_by_default(desk_url: str) -> None:
    admin = Admin()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await admin.connect(desk_url, {"username": "admin", "password": ""})
    assert await admin.receives("connect_error") == {"message": "Invalid namespace"}
