"""The Engine.IO protocol on the wire: https://github.com/socketio/engine.io-protocol."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from hummdesk.engine import EngineIOServer
from hummdesk.engine.engine_io import CLOSE_TIMEOUT_SECONDS
from tests.integration.engine.conftest import MAX_PAYLOAD, EndpointClient, receive, running
from tests.running_time import running_timeout

ANNOUNCED = {"pingInterval": 25_000, "pingTimeout": 20_000, "maxPayload": MAX_PAYLOAD}

# Handshake ----------------------------------------------------------------------------------------------------------


async def test_polling_handshake_returns_the_open_packet(client: EndpointClient) -> None:
    async with client.http.get(client.polling) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/plain"
        content = await answer.text()
    opening = json.loads(content[1:])
    sid = opening.pop("sid")
    assert content[0] == "0"
    assert isinstance(sid, str)
    assert opening == ANNOUNCED | {"upgrades": ["websocket"]}


async def test_websocket_handshake_returns_the_open_packet(client: EndpointClient) -> None:
    websocket = await client.websocket()
    opening = json.loads((await receive(websocket))[1:])
    assert isinstance(opening.pop("sid"), str)
    assert opening == ANNOUNCED | {"upgrades": []}


@pytest.mark.parametrize(("interval", "announced"), [(0.005, 5), (1.5, 1500), ((2, 0.25), 2250), (25, 25000)])
async def test_open_packet_announces_heartbeat_in_milliseconds(http: Any, interval: Any, announced: int) -> None:
    server = EngineIOServer(ping_interval=interval, ping_timeout=0.075)
    async with running(server, "engine.io") as url, http.get(f"{url}/engine.io/?EIO=4&transport=polling") as answer:
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
async def test_invalid_request_returns_its_error_code(
    client: EndpointClient, method: str, query: str, code: int
) -> None:
    async with client.http.request(method, f"{client.url}?{query}") as answer:
        assert answer.status == 400
        assert answer.content_type == "application/json"
        refusal = await answer.json()
    assert refusal["code"] == code
    assert set(refusal) == {"code", "message"}


@pytest.mark.parametrize(("method", "query", "code"), REFUSED)
async def test_invalid_websocket_request_returns_400(
    client: EndpointClient, method: str, query: str, code: int
) -> None:
    if method != "GET" or "polling" not in query:
        return
    with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
        await client.http.ws_connect(f"{client.url}?{query.replace('polling', 'websocket')}")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_other_method_in_a_session_returns_400_and_keeps_the_session(client: EndpointClient, method: str) -> None:
    sid = await client.open()
    async with client.http.request(method, f"{client.polling}&sid={sid}") as answer:
        assert answer.status == 400
    assert await client.post(sid, "4still") == (200, "ok")


async def test_disabled_transport_is_refused_and_not_offered(http: aiohttp.ClientSession) -> None:
    async with running(EngineIOServer(transports=["websocket"]), "engine.io") as url:
        client = EndpointClient(f"{url}/engine.io/", http)
        async with http.get(client.polling) as answer:
            assert (await answer.json())["code"] == 0
        assert await receive(await client.websocket())
    async with running(EngineIOServer(transports="polling"), "engine.io") as url:
        client = EndpointClient(f"{url}/engine.io/", http)
        async with http.get(client.polling) as answer:
            assert '"upgrades":[]' in await answer.text()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.websocket()


@pytest.mark.parametrize("answer", [False, {"reason": "full"}, "closed"])
async def test_refused_connect_returns_401_and_removes_the_session(http: aiohttp.ClientSession, answer: Any) -> None:
    server = EngineIOServer()

    async def connect(sid: str, environ: dict[str, Any]) -> Any:
        if answer == "closed":
            await server.disconnect(sid)
            return None
        return answer

    server.on("connect", connect)

    async with running(server, "engine.io") as url:
        client = EndpointClient(f"{url}/engine.io/", http)
        async with http.get(client.polling) as response:
            assert response.status == 401
            assert await response.json() == (answer if isinstance(answer, dict) else "Unauthorized")
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await client.websocket()
        await server.wait_handled()
        assert not server.sockets
        assert not server.heartbeat


# Polling ------------------------------------------------------------------------------------------------------------


async def test_posted_packet_is_echoed_to_the_pending_poll(client: EndpointClient) -> None:
    sid = await client.open()
    answers = await asyncio.gather(client.poll(sid), client.post(sid, "4hello"))
    assert list(answers) == [(200, "4hello"), (200, "ok")]


async def test_payload_with_several_packets_keeps_their_order(client: EndpointClient) -> None:
    sid = await client.open()
    await client.post(sid, "4test1\x1e4test2\x1e4test3€")
    assert await client.poll(sid) == (200, "4test1\x1e4test2\x1e4test3€")
    await client.post(sid, "\x1e".join(f"4{number}" for number in range(1000)))
    content = ""
    while content.count("4") < 300 or "4999" not in content:
        content += "\x1e" + (await client.poll(sid))[1]
    assert content.strip("\x1e").split("\x1e") == [f"4{number}" for number in range(1000)]


async def test_binary_packet_is_base64_in_payloads(client: EndpointClient) -> None:
    sid = await client.open()
    await client.post(sid, "bAQIDBA==\x1e4text")
    assert await client.poll(sid) == (200, "bAQIDBA==\x1e4text")


async def test_poll_payload_does_not_exceed_its_limit(http: aiohttp.ClientSession) -> None:
    server = EngineIOServer(max_http_buffer_size=1000)
    async with running(server, "engine.io") as url:
        client = EndpointClient(f"{url}/engine.io/", http)
        sid = await client.open()
        for number in range(10):
            await server.send(sid, f"{number}" * 400)
        for number in range(0, 10, 2):
            _, payload = await client.poll(sid)
            assert len(payload) <= 1000
            assert payload == "4" + f"{number}" * 400 + "\x1e4" + f"{number + 1}" * 400


@pytest.mark.parametrize(
    "body", ["abc", "", "\x1e", "4a\x1e\x1e4b", "8", "2", "0{}", "5", "b!!!!", "bAQI", b"\xff\xfe"]
)
async def test_malformed_post_closes_the_session(client: EndpointClient, body: str | bytes) -> None:
    sid = await client.open()
    poll = asyncio.create_task(client.poll(sid))
    await asyncio.sleep(0.02)
    status, content = await client.post(sid, body)
    assert (status, json.loads(content)["code"]) == (400, 3)
    await poll
    assert (await client.poll(sid))[0] == 400


async def test_concurrent_poll_closes_the_session(client: EndpointClient) -> None:
    sid = await client.open()
    first = asyncio.create_task(client.poll(sid))
    await asyncio.sleep(0.02)
    assert (await client.poll(sid))[0] == 400
    assert await first == (200, "1")
    assert (await client.poll(sid))[0] == 400


async def test_close_packet_closes_the_session(client: EndpointClient) -> None:
    sid = await client.open()
    answers = await asyncio.gather(client.poll(sid), client.post(sid, "1"))
    assert list(answers) == [(200, "6"), (200, "ok")]
    assert (await client.poll(sid))[0] == 400
    sid = await client.open()
    assert await client.post(sid, "1") == (200, "ok")
    assert (await client.poll(sid))[0] == 400


async def test_last_poll_of_a_closed_session_returns_its_remaining_packets(
    client: EndpointClient, server: EngineIOServer
) -> None:
    sid = await client.open()
    await server.send(sid, "last message")
    await server.disconnect(sid)
    assert await client.poll(sid) == (200, "4last message\x1e1")
    async with running_timeout(CLOSE_TIMEOUT_SECONDS / 2):
        await server.wait_closed()
    assert (await client.poll(sid))[0] == 400


async def test_wait_closed_waits_for_the_last_poll_until_the_timeout(
    client: EndpointClient, server: EngineIOServer
) -> None:
    polling, absent = await client.open(), await client.open()
    await server.disconnect()
    waiting = asyncio.create_task(server.wait_closed())
    assert await client.poll(polling) == (200, "1")
    assert not waiting.done()
    async with running_timeout(5):
        await waiting
    assert (await client.poll(absent))[0] == 400


async def test_post_over_the_limit_is_answered_with_the_headers_of_cors(client: EndpointClient) -> None:
    """Without them a browser reports a network error in place of the status."""
    sid = await client.open()
    origin = client.url.removesuffix("/engine.io/")
    url, body = f"{client.polling}&sid={sid}", b"4" * (MAX_PAYLOAD + 1)
    async with client.http.post(url, data=body, headers={"Origin": origin}) as response:
        assert (response.status, await response.read()) == (413, b"")
        assert response.headers["Access-Control-Allow-Origin"] == origin


async def test_post_over_the_limit_is_refused_before_its_body_is_read(client: EndpointClient) -> None:
    sid = await client.open()
    _, port = client.url.removeprefix("http://").split("/")[0].split(":")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    path = client.polling.removeprefix(f"http://127.0.0.1:{port}")
    writer.write(f"POST {path}&sid={sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n4".encode())
    head, _, body = (await asyncio.wait_for(reader.read(), 20)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert body == b""
    writer.close()
    async with asyncio.timeout(20):
        while (await client.post(sid, "4hello"))[0] != 400:
            await asyncio.sleep(0.01)


async def test_post_with_too_many_packets_closes_the_session(http: aiohttp.ClientSession) -> None:
    server = EngineIOServer(max_payload_packets=16)
    handled: list[str] = []
    server.on("message", lambda sid, data: handled.append(data))
    async with running(server, "engine.io") as url:
        client = EndpointClient(f"{url}/engine.io/", http)
        sid = await client.open()
        assert await client.post(sid, "\x1e".join(["4x"] * 16)) == (200, "ok")
        assert (await client.post(sid, "\x1e".join(["4x"] * 17)))[0] == 400
        await server.wait_handled()
        assert len(handled) == 16
        assert not server.sockets


async def test_bodies_in_progress_are_limited_in_all(http: aiohttp.ClientSession) -> None:
    """One byte of each arrives; the oldest are cut off."""
    server = EngineIOServer(max_http_buffer_size=100_000, max_total_received_bytes=400_000)
    async with running(server, "engine.io") as url:
        client = EndpointClient(f"{url}/engine.io/", http)
        sids = [await client.open() for _ in range(5)]
        connections = []
        for number, sid in enumerate(sids):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
            head = f"POST /engine.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: x\r\n"
            writer.write(f"{head}Content-Length: 90000\r\n\r\n4".encode())
            connections.append((reader, writer))
            async with running_timeout(2):
                while server.buffers.received.total != min(number + 1, 3 if number == 4 else 4) * 90_000:
                    await asyncio.sleep(0.001)
        for reader, _ in connections[:2]:
            with suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 20) == b""
        await server.wait_handled()
        assert set(server.sockets) == set(sids[2:])
        for _, writer in connections:
            writer.close()


async def test_options_that_the_server_cannot_keep_are_refused() -> None:
    with pytest.raises(ValueError, match="async_mode must be 'sanic'"):
        EngineIOServer(async_mode="aiohttp")
    with pytest.raises(ValueError, match="monitor_clients must be False"):
        EngineIOServer(monitor_clients=True)
    EngineIOServer(async_mode="sanic", monitor_clients=None)


# WebSocket ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 5000, 65_534, 65_535, 300_000])
async def test_websocket_message_of_any_size_is_echoed(client: EndpointClient, size: int) -> None:
    websocket = await client.websocket()
    await receive(websocket)
    await websocket.send_str("4" + "x" * size)
    assert await receive(websocket) == "4" + "x" * size
    await websocket.send_bytes(b"\x00" + b"y" * size)
    assert await receive(websocket) == b"\x00" + b"y" * size


@pytest.mark.parametrize("packet", ["abc", "", "8", "2", "0{}", "5", "2probe"])
async def test_malformed_packet_closes_the_websocket(client: EndpointClient, packet: str) -> None:
    websocket = await client.websocket()
    await receive(websocket)
    await websocket.send_str(packet)
    assert await receive(websocket) is None


@pytest.mark.parametrize("base64", [True, False])
async def test_client_without_binary_frames_gets_base64(
    client: EndpointClient, server: EngineIOServer, base64: bool
) -> None:
    """The option `forceBase64` of the JavaScript client; directly and after an upgrade."""
    more = "&b64=1" if base64 else ""
    websocket, sid = await client.websocket(more=more), await client.open()
    await receive(websocket)
    upgraded = await client.websocket(sid, more=more)
    await upgraded.send_str("2probe")
    assert await receive(upgraded) == "3probe"
    await upgraded.send_str("5")
    for opened in (websocket, upgraded):
        for sent in ("bAQID", "4text"):
            await opened.send_str(sent)
        assert await receive(opened) == ("bAQID" if base64 else b"\x01\x02\x03")
        assert await receive(opened) == "4text"
        await opened.send_str("b!")
        assert await receive(opened) is None


async def test_closed_websocket_reports_its_reason(client: EndpointClient, server: EngineIOServer) -> None:
    reasons: list[str] = []
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    for end in ("packet", "frame", "abort"):
        websocket = await client.websocket()
        await receive(websocket)
        if end == "packet":
            await websocket.send_str("1")
            assert await receive(websocket) is None
        elif end == "frame":
            await websocket.close()
            assert websocket.close_code == 1000
        else:
            transport = websocket._writer.transport
            assert transport is not None
            transport.abort()
        async with running_timeout(2):
            while server.sockets:
                await asyncio.sleep(0.01)
    assert reasons == ["client disconnect", "transport close", "transport close"]


async def test_server_disconnect_delivers_pending_packets_before_the_close_frame(
    client: EndpointClient, server: EngineIOServer
) -> None:
    websocket = await client.websocket()
    sid = json.loads((await receive(websocket))[1:])["sid"]
    await server.send(sid, "last message")
    await server.disconnect(sid)
    assert await receive(websocket) == "4last message"
    assert await receive(websocket) is None
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
async def test_cors_headers_follow_the_allowed_origins(
    http: aiohttp.ClientSession, allowed: Any, origin: str, answer: str | None
) -> None:
    async with running(EngineIOServer(cors_allowed_origins=allowed), "engine.io") as url:
        client = EndpointClient(f"{url}/engine.io/", http)
        async with http.get(client.polling, headers={"Origin": origin}) as response:
            assert response.status == (200 if answer else 400)
            assert response.headers.get("Access-Control-Allow-Origin") == answer
            credentials = response.headers.get("Access-Control-Allow-Credentials")
            assert credentials == ("true" if answer not in (None, "*") else None)
        if answer:
            await (await client.websocket(headers={"Origin": origin})).close()
            preflight = {"Origin": origin, "Access-Control-Request-Headers": "authorization"}
            async with http.options(client.polling, headers=preflight) as response:
                assert response.status == 204
                assert response.headers["Access-Control-Allow-Headers"] == "authorization"
        else:
            with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
                await client.websocket(headers={"Origin": origin})
