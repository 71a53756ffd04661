"""What https://github.com/socketio/engine.io-protocol asks of a server, on the wire."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from hummdesk.engine import EngineIOServer
from tests.integration.engine.conftest import MAX_PAYLOAD, WorkerContext, heard, serving

ANNOUNCED = {"pingInterval": 25_000, "pingTimeout": 20_000, "maxPayload": MAX_PAYLOAD}

# Handshake ----------------------------------------------------------------------------------------------------------


async def test_polling_opens_a_session(desk: WorkerContext) -> None:
    async with desk.http.get(desk.polling) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/plain"
        content = await answer.text()
    opening = json.loads(content[1:])
    sid = opening.pop("sid")
    assert content[0] == "0"
    assert isinstance(sid, str)
    assert opening == ANNOUNCED | {"upgrades": ["websocket"]}


async def test_websocket_opens_a_session(desk: WorkerContext) -> None:
    websocket = await desk.websocket()
    opening = json.loads((await heard(websocket))[1:])
    assert isinstance(opening.pop("sid"), str)
    assert opening == ANNOUNCED | {"upgrades": []}


@pytest.mark.parametrize(("interval", "announced"), [(0.005, 5), (1.5, 1500), ((2, 0.25), 2250), (25, 25000)])
async def test_times_are_announced_to_the_millisecond(http: Any, interval: Any, announced: int) -> None:
    server = EngineIOServer(ping_interval=interval, ping_timeout=0.075)
    async with serving(server, "engine.io") as url, http.get(f"{url}/engine.io/?EIO=4&transport=polling") as answer:
        opening = json.loads((await answer.text())[1:])
        assert (opening["pingInterval"], opening["pingTimeout"]) == (announced, 75)


REFUSED = [
    ("GET", "transport=polling", 5),
    ("GET", "EIO=abc&transport=polling", 5),
    ("GET", "EIO=3&transport=polling", 5),
    ("GET", "EIO=4", 0),
    ("GET", "EIO=4&transport=abc", 0),
    ("POST", "EIO=4&transport=polling", 2),
    ("PUT", "EIO=4&transport=polling", 2),
    ("GET", "EIO=4&transport=websocket", 3),
    ("GET", "EIO=4&transport=polling&sid=abc", 1),
    ("POST", "EIO=4&transport=polling&sid=abc", 1),
    ("GET", "EIO=4&transport=websocket&sid=../../etc/passwd", 1),
]


@pytest.mark.parametrize(("method", "query", "code"), REFUSED)
async def test_refusals_say_why(desk: WorkerContext, method: str, query: str, code: int) -> None:
    async with desk.http.request(method, f"{desk.url}?{query}") as answer:
        assert answer.status == 400
        assert answer.content_type == "application/json"
        refusal = await answer.json()
    assert refusal["code"] == code
    assert set(refusal) == {"code", "message"}


@pytest.mark.parametrize(("method", "query", "code"), REFUSED)
async def test_a_refused_websocket_is_not_opened(desk: WorkerContext, method: str, query: str, code: int) -> None:
    if method != "GET" or "polling" not in query:
        return
    with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
        await desk.http.ws_connect(f"{desk.url}?{query.replace('polling', 'websocket')}")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_other_methods_in_a_session(desk: WorkerContext, method: str) -> None:
    sid = await desk.open()
    async with desk.http.request(method, f"{desk.polling}&sid={sid}") as answer:
        assert answer.status == 400
    assert await desk.post(sid, "4still") == (200, "ok")


async def test_transports_can_be_left_out(http: aiohttp.ClientSession) -> None:
    async with serving(EngineIOServer(transports=["websocket"]), "engine.io") as url:
        desk = WorkerContext(f"{url}/engine.io/", http)
        async with http.get(desk.polling) as answer:
            assert (await answer.json())["code"] == 0
        assert await heard(await desk.websocket())
    async with serving(EngineIOServer(transports="polling"), "engine.io") as url:
        desk = WorkerContext(f"{url}/engine.io/", http)
        async with http.get(desk.polling) as answer:
            assert '"upgrades":[]' in await answer.text()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await desk.websocket()


@pytest.mark.parametrize("answer", [False, {"why": "full"}, "closed"])
async def test_a_refused_connection(http: aiohttp.ClientSession, answer: Any) -> None:
    server = EngineIOServer()

    @server.on("connect")
    async def connect(sid: str, environ: dict[str, Any]) -> Any:
        if answer == "closed":
            await server.disconnect(sid)
            return None
        return answer

    async with serving(server, "engine.io") as url:
        desk = WorkerContext(f"{url}/engine.io/", http)
        async with http.get(desk.polling) as response:
            assert response.status == 401
            assert await response.json() == (answer if isinstance(answer, dict) else "Unauthorized")
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await desk.websocket()
        await server.wait_handled()
        assert not server.sockets
        assert not server.heartbeat


# Polling ------------------------------------------------------------------------------------------------------------


async def test_a_packet_is_sent_and_received(desk: WorkerContext) -> None:
    sid = await desk.open()
    answers = await asyncio.gather(desk.poll(sid), desk.post(sid, "4hello"))
    assert answers == [(200, "4hello"), (200, "ok")]


async def test_several_packets_in_a_payload(desk: WorkerContext) -> None:
    sid = await desk.open()
    await desk.post(sid, "4test1\x1e4test2\x1e4test3€")
    assert await desk.poll(sid) == (200, "4test1\x1e4test2\x1e4test3€")
    await desk.post(sid, "\x1e".join(f"4{number}" for number in range(1000)))
    content = ""
    while content.count("4") < 300 or "4999" not in content:
        content += "\x1e" + (await desk.poll(sid))[1]
    assert content.strip("\x1e").split("\x1e") == [f"4{number}" for number in range(1000)]


async def test_binary_is_base64(desk: WorkerContext) -> None:
    sid = await desk.open()
    await desk.post(sid, "bAQIDBA==\x1e4text")
    assert await desk.poll(sid) == (200, "bAQIDBA==\x1e4text")


async def test_a_payload_keeps_to_its_maximum(http: aiohttp.ClientSession) -> None:
    server = EngineIOServer(max_http_buffer_size=1000)
    async with serving(server, "engine.io") as url:
        desk = WorkerContext(f"{url}/engine.io/", http)
        sid = await desk.open()
        for number in range(10):
            await server.send(sid, f"{number}" * 400)
        for number in range(0, 10, 2):
            _, payload = await desk.poll(sid)
            assert len(payload) <= 1000
            assert payload == "4" + f"{number}" * 400 + "\x1e4" + f"{number + 1}" * 400


@pytest.mark.parametrize(
    "body", ["abc", "", "\x1e", "4a\x1e\x1e4b", "8", "2", "0{}", "5", "b!!!!", "bAQI", b"\xff\xfe"]
)
async def test_malformed_packets_close_the_session(desk: WorkerContext, body: str | bytes) -> None:
    sid = await desk.open()
    poll = asyncio.create_task(desk.poll(sid))
    await asyncio.sleep(0.02)
    status, content = await desk.post(sid, body)
    assert (status, json.loads(content)["code"]) == (400, 3)
    await poll
    assert (await desk.poll(sid))[0] == 400


async def test_a_second_poll_closes_the_session(desk: WorkerContext) -> None:
    sid = await desk.open()
    first = asyncio.create_task(desk.poll(sid))
    await asyncio.sleep(0.02)
    assert (await desk.poll(sid))[0] == 400
    assert await first == (200, "1")
    assert (await desk.poll(sid))[0] == 400


async def test_the_client_closes(desk: WorkerContext) -> None:
    sid = await desk.open()
    answers = await asyncio.gather(desk.poll(sid), desk.post(sid, "1"))
    assert answers == [(200, "6"), (200, "ok")]
    assert (await desk.poll(sid))[0] == 400
    sid = await desk.open()
    assert await desk.post(sid, "1") == (200, "ok")
    assert (await desk.poll(sid))[0] == 400


async def test_a_closed_session_can_fetch_what_is_left(desk: WorkerContext, server: EngineIOServer) -> None:
    sid = await desk.open()
    await server.send(sid, "last words")
    await server.disconnect(sid)
    assert await desk.poll(sid) == (200, "4last words\x1e1")
    await asyncio.wait_for(server.wait_closed(), 0.1)
    assert (await desk.poll(sid))[0] == 400


async def test_a_stopping_server_waits_for_the_last_poll_of_a_closed_session(
    desk: WorkerContext, server: EngineIOServer
) -> None:
    fetches, stays_away = await desk.open(), await desk.open()
    await server.disconnect()
    waits = asyncio.create_task(server.wait_closed())
    assert await desk.poll(fetches) == (200, "1")
    assert not waits.done()
    await asyncio.wait_for(waits, 3)
    assert (await desk.poll(stays_away))[0] == 400


async def test_a_large_post_is_refused_before_it_is_read(desk: WorkerContext) -> None:
    sid = await desk.open()
    _, port = desk.url.removeprefix("http://").split("/")[0].split(":")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    path = desk.polling.removeprefix(f"http://127.0.0.1:{port}")
    writer.write(f"POST {path}&sid={sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n4".encode())
    assert b"413" in await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    await asyncio.sleep(0.05)
    assert (await desk.post(sid, "4hello"))[0] == 400


# WebSocket ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 5000, 65_534, 65_535, 300_000])
async def test_websocket_messages_of_every_length(desk: WorkerContext, size: int) -> None:
    websocket = await desk.websocket()
    await heard(websocket)
    await websocket.send_str("4" + "x" * size)
    assert await heard(websocket) == "4" + "x" * size
    await websocket.send_bytes(b"\x00" + b"y" * size)
    assert await heard(websocket) == b"\x00" + b"y" * size


@pytest.mark.parametrize("packet", ["abc", "", "8", "2", "0{}", "5", "2probe"])
async def test_malformed_packets_close_the_websocket(desk: WorkerContext, packet: str) -> None:
    websocket = await desk.websocket()
    await heard(websocket)
    await websocket.send_str(packet)
    assert await heard(websocket) is None


async def test_a_client_closes_its_websocket(desk: WorkerContext, server: EngineIOServer) -> None:
    reasons: list[str] = []
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    for end in ("packet", "frame", "cut"):
        websocket = await desk.websocket()
        await heard(websocket)
        if end == "packet":
            await websocket.send_str("1")
            assert await heard(websocket) is None
        elif end == "frame":
            await websocket.close()
            assert websocket.close_code == 1000
        else:
            transport = websocket._writer.transport
            assert transport is not None
            transport.abort()
        async with asyncio.timeout(2):
            while server.sockets:
                await asyncio.sleep(0.01)
    assert reasons == ["client disconnect", "transport close", "transport close"]


async def test_a_closed_server_says_goodbye(desk: WorkerContext, server: EngineIOServer) -> None:
    websocket = await desk.websocket()
    sid = json.loads((await heard(websocket))[1:])["sid"]
    await server.send(sid, "last words")
    await server.disconnect(sid)
    assert await heard(websocket) == "4last words"
    assert await heard(websocket) is None
    assert websocket.close_code == 1000


# Origins ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "origin", "answer"),
    [
        (None, "https://evil.example", None),
        (["https://desk.example"], "https://evil.example", None),
        (["https://desk.example"], "https://desk.example", "https://desk.example"),
        ("*", "https://evil.example", "*"),
        (lambda origin: origin.endswith(".example"), "https://x.example", "https://x.example"),
    ],
)
async def test_origins(http: aiohttp.ClientSession, allowed: Any, origin: str, answer: str | None) -> None:
    async with serving(EngineIOServer(cors_allowed_origins=allowed), "engine.io") as url:
        desk = WorkerContext(f"{url}/engine.io/", http)
        async with http.get(desk.polling, headers={"Origin": origin}) as response:
            assert response.status == (200 if answer else 400)
            assert response.headers.get("Access-Control-Allow-Origin") == answer
            credentials = response.headers.get("Access-Control-Allow-Credentials")
            assert credentials == ("true" if answer not in (None, "*") else None)
        if answer:
            await (await desk.websocket(headers={"Origin": origin})).close()
            preflight = {"Origin": origin, "Access-Control-Request-Headers": "authorization"}
            async with http.options(desk.polling, headers=preflight) as response:
                assert response.status == 204
                assert response.headers["Access-Control-Allow-Headers"] == "authorization"
        else:
            with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
                await desk.websocket(headers={"Origin": origin})
