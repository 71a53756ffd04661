"""A client without a token that sends requests without end.

`python -m tests.system.security.flood URL ADDRESS NUMBER EACH` sends at most NUMBER requests, to this machine only, and
at most EACH on one socket. At the end it prints what it has received, as JSON.
"""

import asyncio
import json
import sys
from collections import Counter
from urllib.parse import urlsplit

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
    found: Counter[str] = Counter()
    while found["sent"] < number:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HANDSHAKE.format(address=address).encode())
        if b" 101 " not in await reader.readuntil(b"\r\n\r\n"):
            found["refused connections"] += 1
            writer.close()
            break
        found["connections"] += 1
        writer.write(frame("40"))
        received = asyncio.create_task(read(reader))
        found["sent"] += await send(writer, received, each)
        answers = await asyncio.wait_for(received, QUIET_SECONDS)
        found["answers"] += answers.count(b'42["error"')
        found["reasons"] += answers.count(b'42["disconnect_reason",{"code":"RATE_LIMITED"')
        writer.close()
    return found


async def read(reader: asyncio.StreamReader) -> bytes:
    """Read until the server closes the connection or says that it does; no closing handshake follows."""
    received = b""
    while chunk := await reader.read(65_536):
        received += chunk
        if b'"disconnect_reason"' in received:
            break
    return received


async def send(writer: asyncio.StreamWriter, received: asyncio.Task[bytes], number: int) -> int:
    """Send so many requests, or fewer if the connection is closed; return their number."""
    sent = 0
    try:
        while sent < number and not received.done():
            writer.write(frame('42["get_teams"]') * BATCH)
            sent += BATCH
            await writer.drain()
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
