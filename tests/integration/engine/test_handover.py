"""Two worker processes on one port, without a sticky load balancer."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import socketio

from tests.integration.engine.conftest import EndpointClient, receive

CLIENTS = 200
UseSession = Callable[[EndpointClient, int], Awaitable[int]]

LONG = "x" * 70_000
"""More than Sanic reads before it handles a request."""


@dataclass
class Workers:
    port: int
    directory: Path
    processes: list[asyncio.subprocess.Process]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client_of(self, http: aiohttp.ClientSession) -> EndpointClient:
        return EndpointClient(f"{self.url}/socket.io/", http)

    async def start(self, count: int) -> None:
        """Start workers and wait until each has its unix socket."""
        command = [sys.executable, "-m", "tests.integration.engine.worker", str(self.port), str(self.directory)]
        for _ in range(count):
            self.processes.append(await asyncio.create_subprocess_exec(*command))
        async with asyncio.timeout(60):
            while len(list(self.directory.iterdir())) < count:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def running_workers(directory: Path) -> AsyncIterator[Workers]:
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        workers = Workers(reserved.getsockname()[1], directory, [])
        try:
            await workers.start(2)
            yield workers
        finally:
            for process in workers.processes:
                if process.returncode is None:
                    process.terminate()
            await asyncio.gather(*(process.wait() for process in workers.processes))


@pytest.fixture(scope="module")
async def workers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Workers]:
    async with running_workers(tmp_path_factory.mktemp("p")) as workers:
        yield workers


def connector(kind: str) -> aiohttp.TCPConnector:
    """Either a new connection for every request, or a pool that all sessions share."""
    return aiohttp.TCPConnector(force_close=True, limit=0) if kind == "new" else aiohttp.TCPConnector(limit=0)


async def poll_until(client: EndpointClient, sid: str, prefix: str) -> str:
    while True:
        status, payload = await client.poll(sid)
        assert status == 200, payload
        for packet in payload.split("\x1e"):
            if packet.startswith(prefix):
                return packet
            if packet == "2":
                assert await client.post(sid, "3") == (200, "ok")


async def use_polling(client: EndpointClient, number: int) -> int:
    sid = await client.open()
    assert await client.post(sid, "40") == (200, "ok")
    await poll_until(client, sid, "40")
    pids = set()
    for turn in range(5):
        data = LONG if number % 20 == 0 and turn == 3 else f"{number}-{turn}"
        assert await client.post(sid, f'42{turn}["whoami","{data}"]') == (200, "ok")
        pid, echo = json.loads((await poll_until(client, sid, f"43{turn}"))[3:])
        assert echo == data
        pids.add(pid)
    assert await client.post(sid, "1") == (200, "ok")
    return int(pids.pop()) if len(pids) == 1 else 0


async def use_websocket(client: EndpointClient, number: int) -> int:
    sid = await client.open()
    assert await client.post(sid, "40") == (200, "ok")
    await poll_until(client, sid, "40")
    websocket = await client.upgrade(sid)
    await websocket.send_str(f'427["whoami",{number}]')
    pid, echo = json.loads((await receive(websocket))[3:])
    assert echo == number
    await websocket.close()
    return int(pid)


@pytest.mark.parametrize("connections", ["new", "kept"])
@pytest.mark.parametrize("use_session", [use_polling, use_websocket])
async def test_request_at_any_worker_reaches_its_session(
    workers: Workers, use_session: UseSession, connections: str
) -> None:
    async with aiohttp.ClientSession(connector=connector(connections)) as http:
        client = workers.client_of(http)
        pids = await asyncio.gather(*(use_session(client, number) for number in range(CLIENTS)))
    assert set(pids) == {process.pid for process in workers.processes}


async def test_stock_client_connects_to_any_worker(workers: Workers) -> None:
    for transports in (["polling"], ["polling", "websocket"]):
        clients = [socketio.AsyncClient(reconnection=False) for _ in range(10)]
        await asyncio.gather(*(client.connect(workers.url, transports=transports) for client in clients))
        answers = await asyncio.gather(*(client.call("whoami", 1) for client in clients))
        assert {pid for pid, _ in answers} <= {process.pid for process in workers.processes}
        await asyncio.gather(*(client.disconnect() for client in clients))


async def test_handed_over_connection_receives_late_body_and_next_request(workers: Workers) -> None:
    """The new owner of a connection reads the rest of the body, and serves further requests on it."""
    async with aiohttp.ClientSession(connector=connector("new")) as http:
        client = workers.client_of(http)
        for _ in range(10):
            sid = await client.open()
            reader, writer = await asyncio.open_connection("127.0.0.1", workers.port)
            head = (
                f"POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"
            )
            for piece in (head[:50], head[50:], "4", "0"):
                writer.write(piece.encode())
                await asyncio.sleep(0.01)
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
            writer.write(b"GET /pid HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            writer.close()


async def test_unknown_session_returns_its_error_code(workers: Workers) -> None:
    (workers.directory / "deadbeef").touch()
    worker_ids = [path.name for path in workers.directory.iterdir()]
    async with aiohttp.ClientSession(connector=connector("new")) as http:
        for sid in (
            *(worker_id + "A" * 20 for worker_id in worker_ids),
            "A" * 28,
            "../../" + "A" * 20,
            "short",
            "é" * 20,
        ):
            status, body = await workers.client_of(http).poll(sid)
            assert (status, json.loads(body)["code"]) == (400, 1)


async def test_sessions_of_a_killed_worker_are_unknown(tmp_path: Path) -> None:
    async with running_workers(tmp_path) as workers, aiohttp.ClientSession(connector=connector("new")) as http:
        client = workers.client_of(http)
        sids = await asyncio.gather(*(client.open() for _ in range(40)))
        victim = workers.processes[0]
        victim.send_signal(signal.SIGKILL)
        await victim.wait()
        for request in (lambda sid: client.post(sid, "40"), client.poll):  # the packet `40` lets the poll end at once
            answers = await asyncio.gather(*(request(sid) for sid in sids))
            lost = [body for status, body in answers if status != 200]
            assert 0 < len(lost) < 40
            assert {json.loads(body)["code"] for body in lost} == {1}
        assert len(list(tmp_path.iterdir())) == 1
