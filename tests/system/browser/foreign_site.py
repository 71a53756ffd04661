"""A web server of one page on an origin of its own."""

import asyncio
from types import TracebackType
from typing import Self

EMPTY_PAGE = "<!doctype html><title>Foreign site</title>"


class ForeignSite:
    def __init__(self) -> None:
        self.page = EMPTY_PAGE
        self._server: asyncio.Server | None = None

    @property
    def origin(self) -> str:
        assert self._server is not None
        return f"http://localhost:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._respond, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve the page at every path."""
        try:
            await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:  # browsers open connections before they need them
            writer.close()
            return
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + self.page.encode())
        await writer.drain()
        writer.close()
