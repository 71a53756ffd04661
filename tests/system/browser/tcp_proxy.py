"""A TCP proxy in front of a server, whose connections a test can cut."""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self


class TcpProxy:
    def __init__(self, port: int, *, cuts: Sequence[int] = ()) -> None:
        """`cuts`: all connections are aborted, once for each, when clients have sent so many bytes."""
        self._port = port
        self.cuts = list(cuts)
        self._sent = 0
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Abort all connections, and refuse new ones until `restore`."""
        self._is_cut = True
        self._abort()

    def restore(self) -> None:
        self._is_cut = False

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def _count(self, size: int) -> None:
        self._sent += size
        if self.cuts and self._sent >= self.cuts[0]:
            self.cuts.pop(0)
            self._abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        if self._is_cut:  # also while the server was being connected
            writer.transport.abort()
            server_writer.transport.abort()
            return
        self._writers |= {writer, server_writer}
        await asyncio.gather(_copy(reader, server_writer, self._count), _copy(server_reader, writer))
        self._writers -= {writer, server_writer}


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: Callable[[int], None] = lambda _: None
) -> None:
    try:
        while data := await reader.read(65536):
            count(len(data))
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.transport.abort()
