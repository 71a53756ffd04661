"""A web server of somebody else, of one page: an origin that is not the desk's."""

import asyncio
from types import TracebackType
from typing import Self

EMPTY = "<!doctype html><title>Elsewhere</title>"


class Site:
    def __init__(self) -> None:
        self.page = EMPTY
        self._server: asyncio.Server | None = None

    @property
    def origin(self) -> str:
        assert self._server is not None
        return f"http://localhost:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Whatever is asked for."""
        try:
            await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:  # a browser connects ahead of what it asks
            writer.close()
            return
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + self.page.encode())
        await writer.drain()
        writer.close()
