"""A client without a token that sends requests without end.

`python -m tests.system.security.flood URL ADDRESS NUMBER EACH` sends at most NUMBER requests, to this machine only, and
at most EACH on one socket. At the end it prints what it has received, as JSON.
"""

import asyncio
import json
import socket
import sys
from collections import Counter
from contextlib import suppress
from urllib.parse import urlsplit

from tests.running_time import running_timeout

HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: desk\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nX-Forwarded-For: {address}\r\n\r\n"
)
BATCH = 100
"""Requests in one write."""
QUIET_SECONDS = 5.0


def frame(text: str) -> bytes:
    """Return a masked text frame; the mask is zero."""
    return bytes((0x81, 0x80 | len(text))) + bytes(4) + text.encode()


async def flood(port: int, address: str, number: int, each: int) -> Counter[str]:
    loop = asyncio.get_running_loop()
    found: Counter[str] = Counter()
    while found["sent"] < number:
        with socket.socket() as connection:
            connection.setblocking(False)
            await loop.sock_connect(connection, ("127.0.0.1", port))
            await loop.sock_sendall(connection, HANDSHAKE.format(address=address).encode())
            if b" 101 " not in await loop.sock_recv(connection, 65_536):
                found["refused connections"] += 1
                break
            found["connections"] += 1
            await loop.sock_sendall(connection, frame("40"))
            received = asyncio.create_task(read(connection))
            found["sent"] += await send(connection, received, each)
            async with running_timeout(QUIET_SECONDS):
                answers = await received
            found["answers"] += answers.count(b'42["error"')
            found["reasons"] += answers.count(b'42["disconnect_reason",{"code":"RATE_LIMITED"')
    return found


async def read(connection: socket.socket) -> bytes:
    """Read until the server closes the connection or says that it does; no closing handshake follows.

    From the socket itself: a stream would discard what has arrived once a write fails.
    """
    loop = asyncio.get_running_loop()
    received = b""
    with suppress(ConnectionError):
        while chunk := await loop.sock_recv(connection, 65_536):
            received += chunk
            if b'"disconnect_reason"' in received:
                break
    return received


async def send(connection: socket.socket, received: asyncio.Task[bytes], number: int) -> int:
    """Send so many requests, or fewer if the connection is closed; return their number."""
    loop = asyncio.get_running_loop()
    sent = 0
    try:
        while sent < number and not received.done():
            await loop.sock_sendall(connection, frame('42["get_teams"]') * BATCH)
            sent += BATCH
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    return sent


def main() -> None:
    url, address, *numbers = sys.argv[1:]
    parts = urlsplit(url)
    if parts.hostname != "127.0.0.1" or parts.port is None:
        raise SystemExit(f"{url} is not of this machine")
    sys.stdout.write(json.dumps(asyncio.run(flood(parts.port, address, *map(int, numbers)))))


if __name__ == "__main__":
    main()
