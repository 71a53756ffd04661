"""Workers that share a port: a request for another one's session is handed over as the open connection that it is on.

Long polling needs no sticky balancer then: a sid begins with the mark of its worker, which is the name of a unix
socket in a directory that all workers of the machine know. To it goes the file descriptor of the connection, with
what was read from it. The other worker adopts both, as if it had accepted the connection itself.
"""

import asyncio
import errno
import logging
import os
import secrets
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from sanic import Request, Sanic
from sanic.models.server_types import Signal
from sanic.server.protocols.http_protocol import HttpProtocol
from sanic.server.protocols.websocket_protocol import WebSocketProtocol

from hummdesk.engine.request import release

MARK_CHARACTERS = 8
MAX_DATAGRAM = 128 * 1024
"""A request's head is at most 16 KiB; of its body Sanic reads 64 KiB ahead."""

PATIENCE_SECONDS = 5.0
"""A peer that takes nothing for so long counts as gone."""

log = logging.getLogger(__name__)


class Peers:
    """The workers whose unix sockets are in `directory`; whoever can write there can speak for any client."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._app: Sanic[Any, Any]
        self._socket: socket.socket | None = None
        self._connections: set[Any] = set()
        self._adopting: set[asyncio.Task[None]] = set()
        self.mark = ""

    def open(self, app: Sanic[Any, Any]) -> None:
        """Take what peers hand over, for `app`. To be called in the worker's own process."""
        self._app = app
        self.mark = secrets.token_hex(MARK_CHARACTERS // 2)
        self._secure()
        self._sweep()
        self._socket = arrivals = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        arrivals.bind(str(self._directory / self.mark))
        asyncio.get_running_loop().add_reader(arrivals, self._receive, arrivals)

    def _secure(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self._directory.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise PermissionError(f"{self._directory} must be a directory that only this user can open")

    def _sweep(self) -> None:
        """Remove what workers that were killed have left."""
        for path in self._directory.iterdir():
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe, suppress(OSError):
                if probe.connect_ex(str(path)) == errno.ECONNREFUSED:
                    path.unlink()

    def close(self) -> None:
        """Take nothing more, and end the adopted connections that are idle."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._receive(self._socket)  # what is on its way already would be lost without an answer
            self._socket.close()
            self._socket = None
            (self._directory / self.mark).unlink(missing_ok=True)
        for connection in list(self._connections):
            connection.close_if_idle()

    async def hand_over(self, request: Request[Any, Any], sid: str) -> bool:
        """Give the connection of `request` to the worker that made `sid`; False if there is none."""
        mark = sid[:MARK_CHARACTERS]
        connection = request.transport.get_extra_info("socket")
        is_possible = len(sid) > MARK_CHARACTERS and mark.isalnum() and mark != self.mark and connection is not None
        if not is_possible or request.conn_info is None or request.conn_info.ssl:
            return False
        transport: Any = request.transport
        transport.pause_reading()
        http = transport.get_protocol()
        if await self._send(mark, request.head + b"\r\n\r\n" + bytes(http.recv_buffer), connection.fileno()):
            release(request)
            transport.abort()  # closes this process' descriptor, not the connection
            return True
        transport.resume_reading()
        return False

    async def _send(self, mark: str, read: bytes, descriptor: int) -> bool:
        path = self._directory / mark
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            try:
                sender.connect(str(path))
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await _send_descriptor(sender, read, descriptor)
            except ConnectionRefusedError:  # it was killed, so that nobody has unlinked its socket
                path.unlink(missing_ok=True)
                return False
            except OSError:
                return False
            return True

    def _receive(self, arrivals: socket.socket) -> None:
        while True:
            try:
                read, descriptors, _, _ = socket.recv_fds(arrivals, MAX_DATAGRAM, 1)
            except BlockingIOError:
                return
            for descriptor in descriptors:
                task = asyncio.ensure_future(self._adopt(socket.socket(fileno=descriptor), read))
                self._adopting.add(task)
                task.add_done_callback(self._adopting.discard)

    async def _adopt(self, connection: socket.socket, read: bytes) -> None:
        connection.setblocking(False)
        try:
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: _Adopted(self._sanic_protocol(loop), read), connection)
        except OSError:
            log.warning("a connection that was handed over is gone")
            connection.close()

    def _sanic_protocol(self, loop: asyncio.AbstractEventLoop) -> HttpProtocol:
        kind = WebSocketProtocol if self._app.websocket_enabled else HttpProtocol
        config = self._app.config
        return kind(
            loop=loop,
            app=self._app,
            signal=Signal(),
            connections=self._connections,
            websocket_max_size=config.WEBSOCKET_MAX_SIZE,
            websocket_ping_interval=config.WEBSOCKET_PING_INTERVAL,
            websocket_ping_timeout=config.WEBSOCKET_PING_TIMEOUT,
        )


async def _send_descriptor(sender: socket.socket, read: bytes, descriptor: int) -> None:
    """Waits for a peer that has not yet taken what it got before."""
    loop, writable = asyncio.get_running_loop(), asyncio.Event()
    while True:
        try:
            socket.send_fds(sender, [read], [descriptor])
            return
        except BlockingIOError:
            writable.clear()
            loop.add_writer(sender, writable.set)
            try:
                await writable.wait()
            finally:
                loop.remove_writer(sender)


class _Adopted(asyncio.Protocol):
    """Gives Sanic what was read elsewhere before anything that is read here."""

    def __init__(self, protocol: Any, read: bytes) -> None:
        self._protocol = protocol
        self._read = read

    def connection_made(self, transport: Any) -> None:
        transport.set_protocol(self._protocol)
        self._protocol.connection_made(transport)
        self._protocol.data_received(self._read)
