"""Poolers in front of PostgreSQL: one that only discards start-up parameters, and PgBouncer."""

import asyncio
import re
import shutil
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg

from hummdesk.core.errors import CommandError
from hummdesk.dev import postgres
from hummdesk.dev.process import Process, Service
from hummdesk.dev.redis import free_port

PGBOUNCER = shutil.which("pgbouncer", path="/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin")
PROTOCOL_3 = 196608


@asynccontextmanager
async def discarding(url: str) -> AsyncIterator[str]:
    """The URL of a proxy that discards `options`, as PgBouncer does with `ignore_startup_parameters`."""
    given = psycopg.conninfo.conninfo_to_dict(url)
    relays: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        start = await _start_up(reader, writer)
        if start is None:
            return
        to_server, server = await asyncio.open_unix_connection(f"{given['host']}/{postgres.SOCKET}")
        server.write(start)
        for source, target in ((reader, server), (to_server, writer)):
            task = asyncio.create_task(_relay(source, target))
            relays.add(task)
            task.add_done_callback(relays.discard)

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = str(proxy.sockets[0].getsockname()[1])
    try:
        yield psycopg.conninfo.make_conninfo(url, host="127.0.0.1", port=port)
    finally:
        proxy.close()
        for task in relays:
            task.cancel()


async def _start_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
    """The start-up packet without `options`; None for a client that sends another, such as a cancellation."""
    while True:
        size, code = struct.unpack("!ii", await reader.readexactly(8))
        body = await reader.readexactly(size - 8)
        if code == PROTOCOL_3:
            break
        if body:
            writer.close()
            return None
        writer.write(b"N")  # neither TLS nor GSSAPI
    fields = body.rstrip(b"\0").split(b"\0")
    kept = [part for pair in zip(fields[::2], fields[1::2], strict=True) if pair[0] != b"options" for part in pair]
    packet = struct.pack("!i", code) + b"\0".join(kept) + b"\0\0"
    return struct.pack("!i", len(packet) + 4) + packet


async def _relay(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
    except ConnectionError:
        pass
    finally:
        target.close()


@asynccontextmanager
async def pgbouncer(
    cluster: postgres.Cluster,
    folder: Path,
    url: str,
    *,
    mode: str,
    size: int = 2,
    users: Sequence[str] = (),
    options: Sequence[str] = (),
) -> AsyncIterator[str]:
    """The URL of a PgBouncer of this pool mode that discards start-up parameters; with at most `size` connections.

    `users` may connect besides the one in `url`; `options` are lines of its configuration.
    """
    given = psycopg.conninfo.conninfo_to_dict(url)
    port = free_port(0)
    known, settings = folder / "users.txt", folder / "pgbouncer.ini"
    known.write_text("".join(f'"{user}" ""\n' for user in {str(given["user"]), *users}))
    settings.write_text(
        f"[databases]\n* = host={given['host']}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {known}\npool_mode = {mode}\ndefault_pool_size = {size}\n"
        f"max_db_connections = {size}\nmax_client_conn = 2000\n"
        "ignore_startup_parameters = options,extra_float_digits\n"
        f"admin_users = {given['user']}\nserver_login_retry = 1\n" + "\n".join(options)
    )
    service = Service(
        name="pgbouncer", command=(str(PGBOUNCER), str(settings)), folder=folder, env={}, user=cluster.user
    )
    made = psycopg.conninfo.make_conninfo(url, host="127.0.0.1", port=str(port))
    process = await Process.start_ready(service, lambda _: _answers(made), 10)
    try:
        yield made
    finally:
        await process.stop()


async def move(url: str, folder: Path, target: postgres.Cluster) -> None:
    """Point PgBouncer to another server, as an operator does after a promotion."""
    settings = folder / "pgbouncer.ini"
    settings.write_text(re.sub(r"host=\S+", f"host={target.sockets}", settings.read_text(), count=1))
    console = psycopg.conninfo.make_conninfo(url, dbname="pgbouncer")
    async with await psycopg.AsyncConnection.connect(console, autocommit=True) as connection:
        await connection.execute("RELOAD")


async def _answers(url: str) -> bool:
    try:
        async with await psycopg.AsyncConnection.connect(url):
            return True
    except psycopg.OperationalError:
        return False
    except psycopg.Error as error:
        raise CommandError(str(error)) from error
