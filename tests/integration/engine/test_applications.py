"""Applications written for python-socketio and python-engineio, with the clients of these libraries."""

import asyncio
import socket
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import engineio
import pytest
import socketio

from hummdesk import engine as package
from hummdesk.engine import EngineIOServer, SocketIOServer
from tests.integration.engine.conftest import EndpointClient, receive, running
from tests.running_time import running_timeout


class Chat(socketio.AsyncNamespace):  # type: ignore[misc]
    async def on_connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        if auth["name"] == "no":
            raise socketio.exceptions.ConnectionRefusedError("closed", 18)
        await self.save_session(sid, {"name": auth["name"]})

    async def on_whoami(self, sid: str) -> str:
        async with self.session(sid) as session:
            return str(session["name"])

    async def on_enter(self, sid: str, room: str) -> list[str]:
        await self.enter_room(sid, room)
        return sorted(self.rooms(sid))

    async def on_leave(self, sid: str, room: str) -> None:
        await self.leave_room(sid, room)

    async def on_post(self, sid: str, room: str, content: Any) -> None:
        await self.emit("posted", content, room=room, skip_sid=sid)

    async def on_call_back(self, sid: str, number: int) -> Any:
        return await self.call("question", {"number": number}, to=sid)

    async def on_kick(self, sid: str) -> None:
        await self.disconnect(sid)

    async def on_disconnect(self, sid: str, reason: str) -> None:
        async with self.session(sid) as session:
            self.server.ended.append((session["name"], reason))


@pytest.fixture
async def server() -> SocketIOServer:
    server = SocketIOServer()
    server.ended = []
    server.register_namespace(Chat("/chat"))

    async def anything(event: str, sid: str, data: Any) -> tuple[str, Any]:
        return event, server.get_environ(sid)["REMOTE_ADDR"]

    server.on("*", anything)

    return server


@pytest.fixture
async def url(server: SocketIOServer) -> AsyncIterator[str]:
    async with running(server, "socket.io") as url:
        yield url


class Client(socketio.AsyncClient):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(reconnection=False)
        self.posted: asyncio.Queue[Any] = asyncio.Queue()
        self.disconnected = asyncio.Event()
        self.on("posted", self.posted.put, namespace="/chat")
        self.on("question", lambda data: (data["number"] + 1, b"\x01"), namespace="/chat")
        self.on("disconnect", lambda *_: self.disconnected.set(), namespace="/chat")


RUN = (
    "import runpy, socket, sys; listener = socket.socket(fileno=int(sys.argv[2])); "
    "runpy.run_path(sys.argv[1])['app'].run(sock=listener, single_process=True)"
)


async def test_example_of_the_package_documentation_runs(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    assert package.__doc__ is not None
    example = tmp_path / "example.py"
    example.write_text(textwrap.dedent("    " + package.__doc__.partition("\n\n    ")[2]))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url, number = f"http://127.0.0.1:{listener.getsockname()[1]}", listener.fileno()
        command = (sys.executable, "-c", RUN, str(example), str(number))
        process = await asyncio.create_subprocess_exec(*command, pass_fds=[number])
    joined: asyncio.Queue[Any] = asyncio.Queue()
    client = socketio.AsyncClient(reconnection=False)
    client.on("joined", joined.put)
    try:
        async with http.get(url):  # answered as soon as the process accepts connections
            assert process.returncode is None
        await client.connect(url)
        assert await client.call("join", "room-1") == "ok"
        assert await joined.get() == {"sid": client.get_sid()}
        await client.disconnect()
    finally:
        process.terminate()
        await process.wait()


TRANSPORTS = [["polling"], ["websocket"], ["polling", "websocket"]]


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_client_uses_rooms_calls_and_sessions(server: SocketIOServer, url: str, transports: list[str]) -> None:
    ann, bob = Client(), Client()
    for client, name in ((ann, "ann"), (bob, "bob")):
        await client.connect(
            url, namespaces=["/", "/chat"], auth={"name": name}, transports=transports, wait_timeout=20
        )
        assert client.transport() == transports[-1]
    assert await ann.call("whoami", namespace="/chat") == "ann"
    assert await ann.call("surprise", 1) == ("surprise", "127.0.0.1")
    sid = ann.get_sid("/chat")
    assert await ann.call("enter", "room-1", namespace="/chat") == sorted([sid, "room-1"])
    assert await ann.call("call_back", 6, namespace="/chat") == (7, b"\x01")
    await ann.emit("post", ("room-1", "not to the sender"), namespace="/chat")
    for content in ("red", b"\x00\xff", {"deep": [b"\x01", "x"]}):
        await bob.emit("post", ("room-1", content), namespace="/chat")
        assert await asyncio.wait_for(ann.posted.get(), 20) == content
    await server.emit("posted", ("one",), to=["room-1", sid], namespace="/chat")
    assert await asyncio.wait_for(ann.posted.get(), 20) == "one"
    await ann.call("leave", "room-1", namespace="/chat")
    await bob.emit("post", ("room-1", "gone"), namespace="/chat")
    await server.emit("posted", "all", namespace="/chat")
    assert [await asyncio.wait_for(client.posted.get(), 20) for client in (ann, bob)] == ["all", "all"]
    await bob.emit("kick", namespace="/chat")
    await asyncio.wait_for(bob.disconnected.wait(), 20)
    await ann.disconnect()
    await bob.disconnect()
    async with running_timeout(5):
        while len(server.ended) < 2:
            await asyncio.sleep(0.01)
    await server.wait_handled()
    (name, reason), last = sorted(server.ended)
    assert last == ("bob", "server disconnect")
    # On a WebSocket this client may close the connection before the packet with its reason.
    assert (name, reason) in [("ann", "client disconnect"), ("ann", "transport close")]
    assert not server.manager.rooms


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_refused_connect_returns_message_and_data(url: str, transports: list[str]) -> None:
    client = Client()
    refused: list[Any] = []
    client.on("connect_error", refused.append, namespace="/chat")
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(url, namespaces="/chat", auth={"name": "no"}, transports=transports, wait_timeout=20)
    assert refused == [{"message": "closed", "data": 18}]
    await client.disconnect()


async def test_server_with_a_stock_manager_emits_and_acknowledges(http: aiohttp.ClientSession) -> None:
    server = SocketIOServer(client_manager=socketio.AsyncManager())
    server.on("hello", lambda sid, name: f"hello {name}")
    async with running(server, "socket.io") as url:
        client = socketio.AsyncClient()
        await client.connect(url, transports=["websocket"])
        assert await client.call("hello", "you") == "hello you"
        received = asyncio.Event()
        client.on("all", lambda: received.set())
        await server.emit("all")
        await asyncio.wait_for(received.wait(), 20)
        await client.disconnect()


async def test_deliver_works_with_a_stock_manager(http: aiohttp.ClientSession) -> None:
    server = SocketIOServer(client_manager=socketio.AsyncManager())
    server.on("connect", lambda sid, environ: None)
    async with running(server, "socket.io") as url:
        client = EndpointClient(f"{url}/socket.io/", http)
        sockets, sids = [await client.websocket() for _ in range(3)], []
        for websocket in sockets:
            await receive(websocket)
            await websocket.send_str("40")
            sids.append((await receive(websocket)).split('"')[3])
        server.join_rooms(sids[0], "a", "b")
        server.join_rooms(sids[1], "b", "c")
        assert server.deliver("e", 1, rooms=["a", "b"]) == 2
        assert server.deliver("e", 2, rooms=["b"], except_rooms=["c"]) == 1
        assert server.deliver("e", 3, rooms=sids[1:]) == 2
        assert server.deliver("e", 4, rooms=["empty"]) == 0
        server.leave_rooms(sids[0], "a", "b")
        assert server.deliver("e", 5, rooms=["a", "b"]) == 1
        for websocket, numbers in zip(sockets, [[1, 2], [1, 3, 5], [3]], strict=True):
            assert [await receive(websocket) for _ in numbers] == [f'42["e",{number}]' for number in numbers]


def test_recovery_with_another_manager_is_refused() -> None:
    async def on_recover(_: Any) -> None: ...

    with pytest.raises(ValueError, match="on_recover needs the default client manager"):
        SocketIOServer(client_manager=socketio.AsyncManager(), on_recover=on_recover)


async def test_deliver_reaches_each_socket_once_in_the_order_of_the_calls(
    server: SocketIOServer, url: str, http: aiohttp.ClientSession
) -> None:
    """WebSocket and polling clients alike."""
    client = EndpointClient(f"{url}/socket.io/", http)
    sockets = [await client.websocket() for _ in range(3)]
    sids = []
    for websocket in sockets:
        await receive(websocket)
        await websocket.send_str("40")
        sids.append((await receive(websocket)).split('"')[3])
    polling = await client.open()
    await client.post(polling, "40")
    sids.append((await client.poll(polling))[1].split('"')[3])
    for sid in sids:
        await server.enter_room(sid, "a")
        await server.enter_room(sid, "b")
    await server.enter_room(sids[1], "c")
    assert server.deliver("e", 1, rooms=["a", "b"]) == 4
    assert server.deliver("e", 2, rooms=["a"], except_rooms=["c"]) == 3
    assert server.deliver("e", 3, rooms=[sids[0]]) == 1
    assert server.deliver("e", 4, rooms=["empty"]) == 0
    await server.emit("e", 5, room="a")
    expected = [[1, 2, 3, 5], [1, 5], [1, 2, 5]]
    for websocket, numbers in zip(sockets, expected, strict=True):
        assert [await receive(websocket) for _ in numbers] == [f'42["e",{number}]' for number in numbers]
    assert await client.poll(polling) == (200, "\x1e".join(f'42["e",{number}]' for number in (1, 2, 5)))


@pytest.mark.parametrize("transports", TRANSPORTS)
async def test_engine_io_application_echoes_stores_sessions_and_refuses(transports: list[str]) -> None:
    server = EngineIOServer(cookie="io")
    ended: list[str] = []

    async def connect(sid: str, environ: dict[str, Any]) -> bool | None:
        await server.save_session(sid, {"agent": environ["HTTP_USER_AGENT"]})
        return "refused" not in environ["QUERY_STRING"]

    server.on("connect", connect)

    async def message(sid: str, data: Any) -> None:
        async with server.session(sid) as session:
            session["count"] = session.get("count", 0) + 1
            await server.send(sid, {"echo": data, "number": session["count"]} if isinstance(data, str) else data)

    server.on("message", message)

    server.on("disconnect", lambda sid, reason: ended.append(reason))
    async with running(server, "engine.io") as url:
        received: asyncio.Queue[Any] = asyncio.Queue()
        client = engineio.AsyncClient()
        client.on("message", received.put)
        await client.connect(url, transports=transports)
        for number, data in enumerate(("hello", b"\x01", {"a": 1}), 1):
            await client.send(data)
            answer = await asyncio.wait_for(received.get(), 20)
            assert answer == ({"echo": data, "number": number} if isinstance(data, str) else data)
        await client.disconnect()
        async with running_timeout(5):
            while not ended:
                await asyncio.sleep(0.01)
        assert len(ended) == 1
        with pytest.raises(engineio.exceptions.ConnectionError):
            await client.connect(f"{url}?refused", transports=transports)
        await client.disconnect()
        assert not server.sockets
