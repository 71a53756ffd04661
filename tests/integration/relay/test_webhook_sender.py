"""Attempts at receivers that are hostile or broken: each ends in time, and says why."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from standardwebhooks import WebhookVerificationError

from hummdesk.core import background, webhooks
from hummdesk.core.config import Settings
from hummdesk.core.webhooks import signed_headers
from hummdesk.relay.webhooks.sender import Outcome, Sender
from tests.integration.relay.receiver import Receiver, receiving, status
from tests.running_time import running_timeout

SECONDS = 0.6
LOOPBACK = Settings(webhook_allowed_networks="127.0.0.0/8")
Hostile = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def sender() -> Sender:
    """Waits longer than any machine stands still."""
    return Sender(webhooks.policy(LOOPBACK), seconds=20)


@asynccontextmanager
async def serving(hostile: Hostile) -> AsyncIterator[str]:
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await hostile(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    server.close()
    await background.end(*tasks)


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def drips_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X: 1\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def drips_bytes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():
        writer.write(b"H")
        await writer.drain()
        await asyncio.sleep(0.05)


async def floods_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X: " + b"x" * 60_000 + b"\r\n")
        await writer.drain()


async def continues(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()


async def rubbish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n{}")
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n" * 10)


async def never_reads(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(2 * SECONDS)


@pytest.mark.parametrize(
    ("hostile", "error"),
    [
        (silent, "no response within 0.6 s"),
        (closes, "the connection was closed without a response"),
        (drips_headers, "no response within 0.6 s"),
        (drips_bytes, "no response within 0.6 s"),
        (floods_headers, "the response is not valid HTTP, or too large"),
        (continues, "the response is not valid HTTP, or too large"),
        (rubbish, "the response is not valid HTTP, or too large"),
        (never_reads, "no response within 0.6 s"),
    ],
)
async def test_hostile_receiver_costs_one_attempt_of_limited_time(sender: Sender, hostile: Hostile, error: str) -> None:
    if error == f"no response within {SECONDS} s":
        sender = Sender(webhooks.policy(LOOPBACK), seconds=SECONDS)
    body = b" " * 20_000_000 if hostile is never_reads else b"{}"
    async with serving(hostile) as url, running_timeout(SECONDS + 0.5):
        outcome = await sender.send(url, body, {})
    assert outcome.error == error
    assert outcome.http_status is None


@pytest.mark.parametrize("endless", [True, False])
async def test_body_of_a_response_is_not_waited_for(sender: Sender, endless: bool) -> None:
    async def body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"4000\r\n" + b"x" * 16384 + b"\r\n" if endless else b"")
            await writer.drain()
            await asyncio.sleep(0)

    async with serving(body) as url:
        outcome = await sender.send(url, b"{}", {})
    assert outcome.error is None


@pytest.mark.parametrize("number", [301, 302, 307, 308])
async def test_redirect_is_not_followed(sender: Sender, number: int) -> None:
    async with receiving() as elsewhere, receiving() as receiver:
        receiver.answer = status(number, f"Location: {elsewhere.url}")
        outcome = await sender.send(receiver.url, b"{}", {})
        assert outcome == Outcome(http_status=number, error=f"HTTP {number}", milliseconds=outcome.milliseconds)
        assert elsewhere.requests == []


@pytest.mark.parametrize(("header", "pause"), [("30", 30.0), ("soon", 0.0), ("99999999999", 0.0), ("-1", 0.0)])
async def test_pause_that_a_receiver_asks_for_is_in_the_outcome(sender: Sender, header: str, pause: float) -> None:
    async with receiving() as receiver:
        receiver.answer = status(429, f"Retry-After: {header}")
        assert (await sender.send(receiver.url, b"{}", {})).pause == pause


async def test_internal_address_is_refused_without_being_named(sender: Sender) -> None:
    async with receiving() as receiver:
        production = Sender(webhooks.policy(Settings(webhook_allowed_networks="10.0.0.0/8")), seconds=20)
        for url in (receiver.url, receiver.url.replace("127.0.0.1", "localhost")):
            outcome = await production.send(url, b"{}", {})
            assert outcome.error == "the address is not allowed: it is not public, or not https"
        assert receiver.requests == []


async def test_name_that_does_not_resolve_is_an_outcome(sender: Sender) -> None:
    outcome = await sender.send("https://hooks.invalid/", b"{}", {})
    assert outcome.error == "the name of the host cannot be resolved"


async def test_hanging_receivers_do_not_delay_another(sender: Sender) -> None:
    async with serving(silent) as url, receiving() as receiver:
        hanging = [asyncio.ensure_future(sender.send(url, b"{}", {})) for _ in range(100)]
        await asyncio.sleep(0)
        assert (await sender.send(receiver.url, b"{}", {})).error is None
        assert not any(one.done() for one in hanging)
        for one in hanging:
            one.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


async def test_signature_is_verified_by_the_library_of_standard_webhooks(sender: Sender, receiver: Receiver) -> None:
    new, old, other = (webhooks.new_secret() for _ in range(3))
    body = b'{"number": 1}'
    await sender.send(receiver.url, body, signed_headers("hook.1", round(time.time()), body, [new, old]))
    for secret in (new, old):
        assert receiver.requests[0].verify(webhooks.shown(secret)) == {"number": 1}
    with pytest.raises(WebhookVerificationError):
        receiver.requests[0].verify(webhooks.shown(other))
