"""What happens to connections is seen and counted, by reasons of a closed list."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from prometheus_client import REGISTRY
from socketio.exceptions import SocketIOError

from docs.generate import ROOT
from hummdesk.bus import shared_limits, token_leases
from hummdesk.core.config import Settings
from hummdesk.core.metrics import OTHER_ACCOUNTS
from hummdesk.engine import CloseReason, RefusalReason
from hummdesk.server.node import Node
from hummdesk.server.rate_limits import LIMITS
from tests.conftest import UNLIMITED
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running

SOCKET = "/socket.io/?EIO=4&transport=websocket"
POLL = "/socket.io/?EIO=4&transport=polling"
EVENTS = 50
"""A second, of a socket."""
CONNECTS = 200
"""A minute, of an address."""
EXTRA_ADDRESS = {"X-Forwarded-For": "10.9.9.9"}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose Redis is late would count by itself alone, and one that stands still would return its tokens."""
    monkeypatch.setattr(shared_limits, "ANSWER_SECONDS", 20.0)
    monkeypatch.setattr(token_leases, "IDLE_SECONDS", 60.0)


@pytest.fixture(scope="module")
def observed(settings: Settings) -> Settings:
    limits: dict[str, Any] = UNLIMITED | {
        "rate_limit_events_per_second": EVENTS,
        "rate_limit_connects_per_minute": CONNECTS,
        "rate_limit_account_messages_per_minute": 4,
        "max_sockets_per_address": 3,
        "max_sockets_unauthenticated": 5,
    }
    return replace(settings, proxies_count=1, metrics_accounts=1, max_buffered_bytes=65_536, **limits)


@pytest.fixture(scope="module")
async def web(observed: Settings) -> AsyncIterator[tuple[str, Node]]:
    async with running(observed, name="observed") as made:
        yield made


@pytest.fixture
async def impatient(observed: Settings) -> AsyncIterator[tuple[str, Node]]:
    """A web process with a short heartbeat."""
    short = replace(observed, ping_interval_seconds=0.3, ping_timeout_seconds=0.3)
    async with running(short, name="impatient") as made:
        yield made


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def account(settings: Settings, web: tuple[str, Node]) -> AsyncIterator[Account]:
    made = await Account(settings=settings, url=web[0]).make()
    yield made
    await made.close()


def value(name: str, labels: Mapping[str, str]) -> float:
    return REGISTRY.get_sample_value(name, dict(labels)) or 0.0


async def counts(name: str, labels: Mapping[str, str], cause: Awaitable[object]) -> None:
    """Cause something, and wait until it is counted."""
    before = value(name, labels)
    await cause
    async with asyncio.timeout(60):
        while value(name, labels) == before:
            await asyncio.sleep(0.01)


class Attacker:
    """A client that does not follow the protocol, from an address of its own."""

    numbers = iter(range(1, 250))

    def __init__(self, http: aiohttp.ClientSession, url: str, node: Node) -> None:
        self.http, self.url, self.node = http, url, node
        self.sockets: list[aiohttp.ClientWebSocketResponse] = []
        """Kept: a socket that is not referenced is closed."""
        self.headers = {"X-Forwarded-For": f"10.8.0.{next(self.numbers)}"}

    async def open(self, *packets: str) -> aiohttp.ClientWebSocketResponse:
        socket = await self.http.ws_connect(self.url + SOCKET, headers=self.headers)
        self.sockets.append(socket)
        await socket.receive()
        for packet in packets:
            await socket.send_str(packet)
        return socket

    async def get(self, path: str, **headers: str) -> int:
        async with self.http.get(self.url + path, headers=self.headers | headers) as answer:
            return answer.status

    # Ends of connections --------------------------------------------------------------------------------------------

    async def transport_error(self) -> None:
        socket = await self.open()
        transport: Any = socket._writer.transport
        transport.write(b"\x81\x02hi")  # a frame of a client without a mask

    async def malformed_packet(self) -> None:
        await self.open("4nonsense")

    async def ping_timeout(self) -> None:
        await self.open("40")

    async def client_disconnect(self) -> None:
        await self.open("40", "1")

    async def transport_close(self) -> None:
        await (await self.open("40")).close()

    async def slow_reader(self) -> None:
        socket = await self.open("40")
        sid = json.loads((await socket.receive_str())[2:])["sid"]
        transport: Any = socket._writer.transport
        transport.pause_reading()
        for _ in range(400):
            self.node.server.deliver("large", "x" * 60_000, rooms=[sid])
            await asyncio.sleep(0)

    async def evicted(self) -> None:
        for _ in range(3):
            for number in range(2):
                self.headers = {"X-Forwarded-For": f"10.7.{number}.{next(self.numbers)}"}
                await self.open()

    # Refusals -------------------------------------------------------------------------------------------------------

    async def unknown_transport(self) -> None:
        assert await self.get("/socket.io/?EIO=4&transport=pigeon") == 400

    async def unknown_session(self) -> None:
        assert await self.get(POLL + "&sid=nobody") == 400

    async def unknown_protocol(self) -> None:
        assert await self.get("/socket.io/?EIO=2&transport=polling") == 400

    async def bad_request(self) -> None:
        assert await self.get(SOCKET) == 400

    async def bad_method(self) -> None:
        async with self.http.post(self.url + POLL, headers=self.headers) as answer:
            assert answer.status == 400

    async def forbidden_origin(self) -> None:
        assert await self.get(POLL, Origin="https://evil.example") == 400

    async def rate_limited(self) -> None:
        began, number = time.monotonic(), 0
        while await self.get("/socket.io/?EIO=2&transport=polling") != 429:
            number += 1
            assert number <= CONNECTS * (1.2 + (time.monotonic() - began) / 60)

    async def too_many_of_address(self) -> None:
        assert [await self.get(POLL) for _ in range(4)][-1] == 429


CLOSED = (
    "transport_error",
    "malformed_packet",
    "client_disconnect",
    "transport_close",
    "slow_reader",
    "evicted",
)
REFUSED = (
    "unknown_transport",
    "unknown_session",
    "unknown_protocol",
    "bad_request",
    "bad_method",
    "forbidden_origin",
    "too_many_of_address",
    "rate_limited",
)


@pytest.mark.parametrize(
    ("metric", "reason"),
    [("hummdesk_connections_closed_total", reason) for reason in CLOSED]
    + [("hummdesk_connections_refused_total", reason) for reason in REFUSED],
)
async def test_end_or_refusal_of_a_connection_is_counted_by_its_reason(
    web: tuple[str, Node], http: aiohttp.ClientSession, metric: str, reason: str
) -> None:
    attacker = Attacker(http, *web)
    cause: Callable[[], Awaitable[None]] = getattr(attacker, reason)
    await counts(metric, {"reason": reason}, cause())


async def test_end_of_a_connection_without_pongs_is_counted(
    impatient: tuple[str, Node], http: aiohttp.ClientSession
) -> None:
    attacker = Attacker(http, *impatient)
    await counts("hummdesk_connections_closed_total", {"reason": "ping_timeout"}, attacker.ping_timeout())


async def flood_counts(account: Account, name: str, labels: Mapping[str, str]) -> None:
    """Send requests until it is counted: the limit recovers while the machine stands still."""
    agent = await account.connect("agent", headers=EXTRA_ADDRESS)
    before, began, number = value(name, labels), time.monotonic(), 0
    while value(name, labels) == before:
        assert number <= 40 * EVENTS + 2 * EVENTS * (time.monotonic() - began)
        with suppress(SocketIOError):  # it may be closed already
            for _ in range(100):
                await agent.socket.emit("unheard_of")
                number += 1
        await asyncio.sleep(0.01)


async def test_refused_request_is_counted_by_its_limit(account: Account) -> None:
    await flood_counts(account, "hummdesk_limited_total", {"limit": "socket_events"})


async def test_closed_socket_is_counted_by_the_code_of_its_reason(account: Account) -> None:
    await flood_counts(account, "hummdesk_disconnects_total", {"code": "RATE_LIMITED"})


async def test_messages_and_refusals_are_counted_by_account_up_to_the_number_of_labels(
    settings: Settings, web: tuple[str, Node]
) -> None:
    async def send(account: Account) -> None:
        agent = await account.connect("agent", headers=EXTRA_ADDRESS)
        for _ in range(8):
            await agent.ask("send_message", {"conversationId": str(account.conversation), "content": "Hello"})
        await account.close()

    labels = web[1].context.account_labels
    accounts = [await Account(settings=settings, url=web[0]).make() for _ in range(2)]
    known = labels.of(accounts[0].id)
    assert labels.of(accounts[1].id) == OTHER_ACCOUNTS
    for account, label in zip(accounts, (known, OTHER_ACCOUNTS), strict=True):
        sent = value("hummdesk_account_messages_total", {"account": label})
        limited = {"account": label, "limit": "account_messages"}
        await counts("hummdesk_account_limited_total", limited, send(account))
        assert value("hummdesk_account_messages_total", {"account": label}) == sent + 4


async def test_text_of_a_client_becomes_no_label(web: tuple[str, Node], http: aiohttp.ClientSession) -> None:
    attacker = Attacker(http, *web)
    await attacker.get("/socket.io/?EIO=4&transport=planted")
    socket = await attacker.open("40", '420["planted",{}]')
    while "planted" not in (text := await socket.receive_str()) and not text.startswith("430"):
        pass
    exposed = [sample for metric in REGISTRY.collect() for sample in metric.samples]
    assert not [sample for sample in exposed if "planted" in str(sample.labels)]


@pytest.mark.usefixtures("web")
def test_every_reason_and_limit_is_exposed_before_it_occurs() -> None:
    """An increase from nothing is invisible to Prometheus."""
    for limit in LIMITS:
        assert REGISTRY.get_sample_value("hummdesk_limited_total", {"limit": limit}) is not None
    for name, reasons in (("closed", CloseReason), ("refused", RefusalReason)):
        for reason in reasons:
            assert REGISTRY.get_sample_value(f"hummdesk_connections_{name}_total", {"reason": reason.value}) is not None


def test_alerts_and_panels_name_reasons_and_limits_that_exist() -> None:
    known = {*CLOSED, *REFUSED, *(reason.value for reason in (*CloseReason, *RefusalReason))}
    text = (ROOT / "deploy/prometheus/alerts.yml").read_text() + (ROOT / "deploy/grafana/hummdesk.json").read_text()
    for label, names in (("reason", known), ("limit", set(LIMITS))):
        named = re.findall(rf'{label}=~?\\?"([\w|]+)', text)
        assert named
        assert {name for found in named for name in found.split("|")} <= names


def test_every_limit_is_documented() -> None:
    page = (ROOT / "docs/limits.md").read_text()
    assert [limit for limit in LIMITS if f"`{limit}`" not in page] == []
