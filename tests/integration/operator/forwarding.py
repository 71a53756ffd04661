"""A proxy of the tests: it passes each connection to the next web process, and may change the head of the request."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from urllib.parse import urlsplit

Change = Callable[[bytes], bytes]


def unchanged(head: bytes) -> bytes:
    return head


@asynccontextmanager
async def forwarding(
    *urls: str, change: Change = unchanged, context: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Yield the address of a proxy in front of the web processes of `urls`."""
    ports = cycle([urlsplit(url).port for url in urls])
    connections = set[asyncio.Task[None]]()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_forward(reader, writer, next(ports) or 0, change))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*connections)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, change: Change) -> None:
    with suppress(OSError, EOFError):
        head = await reader.readuntil(b"\r\n\r\n")
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        inner_writer.write(change(head))
        await asyncio.gather(_carry(reader, inner_writer), _carry(inner_reader, writer))
    writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Forward until the sender closes, and then close the other connection."""
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()
