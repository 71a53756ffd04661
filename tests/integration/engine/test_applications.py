"""An application written for the stock classes, with python-socketio's and python-engineio's own clients."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import engineio
import pytest
import socketio

from hummdesk.engine import EngineIOServer, SocketIOServer
from tests.integration.engine.conftest import WorkerContext, heard, serving


class Shop(socketio.AsyncNamespace):  # type: ignore[misc]
    async def on_connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        if auth["name"] == "no":
            raise socketio.exceptions.ConnectionRefusedError("closed", 18)
        await self.save_session(sid, {"who": auth["name"]})

    async def on_who(self, sid: str) -> str:
        async with self.session(sid) as session:
            return str(session["who"])

    async def on_enter(self, sid: str, room: str) -> list[str]:
        await self.enter_room(sid, room)
        return sorted(self.rooms(sid))

    async def on_leave(self, sid: str, room: str) -> None:
        await self.leave_room(sid, room)

    async def on_say(self, sid: str, room: str, what: Any) -> None:
        await self.emit("said", what, room=room, skip_sid=sid)

    async def on_ask(self, sid: str, number: int) -> Any:
        return await self.call("asked", {"number": number}, to=sid)

    async def on_end(self, sid: str) -> None:
        await self.disconnect(sid)

    async def on_disconnect(self, sid: str, reason: str) -> None:
        async with self.session(sid) as session:
            self.server.ended.append((session["who"], reason))


@pytest.fixture
async def server() -> SocketIOServer:
    server = SocketIOServer()
    server.ended = []
    server.register_namespace(Shop("/shop"))

    @server.on("*")
    async def anything(event: str, sid: str, data: Any) -> tuple[str, Any]:
        return event, server.get_environ(sid)["REMOTE_ADDR"]

    return server


@pytest.fixture
async def url(server: SocketIOServer) -> AsyncIterator[str]:
    async with serving(server, "socket.io") as url:
        yield url


class Customer(socketio.AsyncClient):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(reconnection=False)
        self.said: asyncio.Queue[Any] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.on("said", self.said.put, namespace="/shop")
        self.on("asked", lambda data: (data["number"] + 1, b"\x01"), namespace="/shop")
        self.on("disconnect", lambda *_: self.gone.set(), namespace="/shop")


TRANSPORTS = [["polling"], ["websocket"], ["polling", "websocket"]]


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_rooms_calls_and_sessions(server: SocketIOServer, url: str, transports: list[str]) -> None:
    ann, bob = Customer(), Customer()
    for customer, name in ((ann, "ann"), (bob, "bob")):
        await customer.connect(
            url, namespaces=["/", "/shop"], auth={"name": name}, transports=transports, wait_timeout=5
        )
        assert customer.transport() == transports[-1]
    assert await ann.call("who", namespace="/shop") == "ann"
    assert await ann.call("surprise", 1) == ("surprise", "127.0.0.1")
    sid = ann.get_sid("/shop")
    assert await ann.call("enter", "shoes", namespace="/shop") == sorted([sid, "shoes"])
    assert await ann.call("ask", 6, namespace="/shop") == (7, b"\x01")
    await ann.emit("say", ("shoes", "not to myself"), namespace="/shop")
    for what in ("red", b"\x00\xff", {"deep": [b"\x01", "x"]}):
        await bob.emit("say", ("shoes", what), namespace="/shop")
        assert await asyncio.wait_for(ann.said.get(), 2) == what
    await server.emit("said", ("one",), to=["shoes", sid], namespace="/shop")
    assert await asyncio.wait_for(ann.said.get(), 2) == "one"
    await ann.call("leave", "shoes", namespace="/shop")
    await bob.emit("say", ("shoes", "gone"), namespace="/shop")
    await server.emit("said", "all", namespace="/shop")
    assert [await asyncio.wait_for(customer.said.get(), 2) for customer in (ann, bob)] == ["all", "all"]
    await bob.emit("end", namespace="/shop")
    await asyncio.wait_for(bob.gone.wait(), 2)
    await ann.disconnect()
    await bob.disconnect()
    await asyncio.sleep(0.1)
    await server.wait_handled()
    (who, reason), last = sorted(server.ended)
    assert last == ("bob", "server disconnect")
    # On a WebSocket this client may close the connection before it has said why.
    assert (who, reason) in [("ann", "client disconnect"), ("ann", "transport close")]
    assert not server.manager.rooms


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_a_refusal_says_why(url: str, transports: list[str]) -> None:
    customer = Customer()
    refused: list[Any] = []
    customer.on("connect_error", refused.append, namespace="/shop")
    with pytest.raises(socketio.exceptions.ConnectionError):
        await customer.connect(url, namespaces="/shop", auth={"name": "no"}, transports=transports, wait_timeout=1)
    assert refused == [{"message": "closed", "data": 18}]
    await customer.disconnect()


async def test_a_manager_of_ones_own(http: aiohttp.ClientSession) -> None:
    server = SocketIOServer(client_manager=socketio.AsyncManager())
    server.on("hello", lambda sid, name: f"hello {name}")
    async with serving(server, "socket.io") as url:
        client = socketio.AsyncClient()
        await client.connect(url, transports=["websocket"])
        assert await client.call("hello", "you") == "hello you"
        heard_all = asyncio.Event()
        client.on("all", lambda: heard_all.set())
        await server.emit("all")
        await asyncio.wait_for(heard_all.wait(), 2)
        await client.disconnect()


async def test_deliver(server: SocketIOServer, url: str, http: aiohttp.ClientSession) -> None:
    """To each socket once, to polling ones as well, in the order of the calls and of the acknowledgements."""
    desk = WorkerContext(f"{url}/socket.io/", http)
    sockets = [await desk.websocket() for _ in range(3)]
    sids = []
    for websocket in sockets:
        await heard(websocket)
        await websocket.send_str("40")
        sids.append((await heard(websocket)).split('"')[3])
    polling = await desk.open()
    await desk.post(polling, "40")
    sids.append((await desk.poll(polling))[1].split('"')[3])
    for sid in sids:
        await server.enter_room(sid, "a")
        await server.enter_room(sid, "b")
    await server.enter_room(sids[1], "c")
    assert server.deliver("e", 1, rooms=["a", "b"]) == 4
    assert server.deliver("e", 2, rooms=["a"], except_rooms=["c"]) == 3
    assert server.deliver("e", 3, rooms=[sids[0]]) == 1
    assert server.deliver("e", 4, rooms=["nobody"]) == 0
    await server.emit("e", 5, room="a")
    expected = [[1, 2, 3, 5], [1, 5], [1, 2, 5]]
    for websocket, numbers in zip(sockets, expected, strict=True):
        assert [await heard(websocket) for _ in numbers] == [f'42["e",{number}]' for number in numbers]
    assert await desk.poll(polling) == (200, "\x1e".join(f'42["e",{number}]' for number in (1, 2, 5)))


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_a_bare_engine_io_application(transports: list[str]) -> None:
    server = EngineIOServer(cookie="io")
    ended: list[str] = []

    @server.on("connect")
    async def connect(sid: str, environ: dict[str, Any]) -> bool | None:
        await server.save_session(sid, {"agent": environ["HTTP_USER_AGENT"]})
        return "refused" not in environ["QUERY_STRING"]

    @server.on("message")
    async def message(sid: str, data: Any) -> None:
        async with server.session(sid) as session:
            session["heard"] = session.get("heard", 0) + 1
            await server.send(sid, {"echo": data, "number": session["heard"]} if isinstance(data, str) else data)

    server.on("disconnect", lambda sid, reason: ended.append(reason))
    async with serving(server, "engine.io") as url:
        received: asyncio.Queue[Any] = asyncio.Queue()
        client = engineio.AsyncClient()
        client.on("message", received.put)
        await client.connect(url, transports=transports)
        for number, data in enumerate(("hello", b"\x01", {"a": 1}), 1):
            await client.send(data)
            answer = await asyncio.wait_for(received.get(), 2)
            assert answer == ({"echo": data, "number": number} if isinstance(data, str) else data)
        await client.disconnect()
        await asyncio.sleep(0.1)
        assert len(ended) == 1
        with pytest.raises(engineio.exceptions.ConnectionError):
            await client.connect(f"{url}?refused", transports=transports)
        await client.disconnect()
        assert not server.sockets
