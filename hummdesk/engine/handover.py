"""Connection handover between workers that share a port: long polling needs no sticky load balancer.

A sid begins with the id of its worker, which is also the name of that worker's unix socket in a directory that all
workers of the machine share. A worker that gets a request for a session of another one sends it the file descriptor of
the connection with the bytes read so far. The other worker continues as if it had accepted the connection itself.
"""

import asyncio
import errno
import logging
import os
import secrets
import socket
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from sanic import Request, Sanic
from sanic.models.server_types import Signal
from sanic.server.protocols.http_protocol import HttpProtocol
from sanic.server.protocols.websocket_protocol import WebSocketProtocol

from hummdesk.engine.request import detach_connection

WORKER_ID_CHARACTERS = 8
MAX_DATAGRAM = 128 * 1024
"""A request's head has at most 16 KiB; of its body Sanic reads 64 KiB ahead."""

SEND_TIMEOUT_SECONDS = 5.0

log = logging.getLogger(__name__)


class ConnectionHandover:
    """The workers whose unix sockets are in `directory`. Write access to it allows impersonation of any client."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._app: Sanic[Any, Any]
        self._socket: socket.socket | None = None
        self._connections: set[Any] = set()
        self._adoptions: set[asyncio.Task[None]] = set()
        self.worker_id = ""

    def open(self, app: Sanic[Any, Any]) -> None:
        """Accept connections for `app`. Must be called in the worker's own process."""
        self._app = app
        self.worker_id = secrets.token_hex(WORKER_ID_CHARACTERS // 2)
        self._socket = arrivals = _datagram_socket()
        self._bind(arrivals)
        remove_stale_sockets(self._directory)
        asyncio.get_running_loop().add_reader(arrivals, self._receive, arrivals)

    def _bind(self, arrivals: socket.socket) -> None:
        """Bind in the directory; another worker may remove it while it is empty."""
        while True:
            self._prepare_directory()
            with suppress(FileNotFoundError):
                arrivals.bind(str(self._directory / self.worker_id))
                return

    def _prepare_directory(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self._directory.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise PermissionError(f"{self._directory} must be a directory of this user with mode 0700")

    def close(self) -> None:
        """Stop accepting connections, and close idle ones that were handed over."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._receive(self._socket)  # datagrams already sent would be lost without a response
            self._socket.close()
            self._socket = None
            (self._directory / self.worker_id).unlink(missing_ok=True)
        for connection in list(self._connections):
            connection.close_if_idle()

    async def send(self, request: Request[Any, Any], sid: str) -> bool:
        """Send the connection of a request to the worker that created `sid`; return False if there is none."""
        worker_id = sid[:WORKER_ID_CHARACTERS]
        connection = request.transport.get_extra_info("socket")
        is_foreign = len(sid) > WORKER_ID_CHARACTERS and worker_id.isalnum() and worker_id != self.worker_id
        if not is_foreign or connection is None or request.conn_info is None or request.conn_info.ssl:
            return False
        transport: Any = request.transport
        transport.pause_reading()
        http = transport.get_protocol()
        read = request.head + b"\r\n\r\n" + bytes(http.recv_buffer)
        if await self._send(worker_id, read, connection.fileno()):
            detach_connection(request)
            transport.abort()  # closes the descriptor of this process, not the connection
            return True
        transport.resume_reading()
        return False

    async def _send(self, worker_id: str, read: bytes, descriptor: int) -> bool:
        path = self._directory / worker_id
        with _datagram_socket() as sender:
            try:
                sender.connect(str(path))
                async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                    await _send_descriptor(sender, read, descriptor)
            except ConnectionRefusedError:  # the worker was killed and did not unlink its socket
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
                self._adoptions.add(task)
                task.add_done_callback(self._adoptions.discard)

    async def _adopt(self, connection: socket.socket, read: bytes) -> None:
        connection.setblocking(False)
        try:
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: _ReplayProtocol(self._http_protocol(loop), read), connection)
        except OSError as error:
            log.warning("handover.connection_lost", extra={"error": error.strerror})
            connection.close()

    def _http_protocol(self, loop: asyncio.AbstractEventLoop) -> HttpProtocol:
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


def _datagram_socket() -> socket.socket:
    datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    datagrams.setblocking(False)
    if sys.platform == "darwin":  # whose default limit for a datagram is 2 KiB
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            datagrams.setsockopt(socket.SOL_SOCKET, option, MAX_DATAGRAM)
    return datagrams


def remove_stale_sockets(directory: Path) -> None:
    """Remove the sockets of workers that were killed."""
    for path in directory.iterdir():
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe, suppress(OSError):
            if probe.connect_ex(str(path)) == errno.ECONNREFUSED:
                path.unlink()


async def _send_descriptor(sender: socket.socket, read: bytes, descriptor: int) -> None:
    """Send one datagram; wait while the queue of the receiving worker is full."""
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


class _ReplayProtocol(asyncio.Protocol):
    """Passes the bytes that another worker has read to Sanic's protocol, before any that are read here."""

    def __init__(self, protocol: Any, read: bytes) -> None:
        self._protocol = protocol
        self._read = read

    def connection_made(self, transport: Any) -> None:
        transport.set_protocol(self._protocol)
        self._protocol.connection_made(transport)
        self._protocol.data_received(self._read)
