"""Opens connections to Redis servers: to one, to the master that Sentinels name, to a node of a cluster."""

import asyncio
from pathlib import Path
from typing import Any

from redis import exceptions
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from hummdesk.core.redis_address import TLS_OPTIONS, Host, RedisAddress

CONNECT_SECONDS = 5.0
SENTINEL_SECONDS = 0.5
"""Timeout of each Sentinel: the next one is asked after it."""


async def dial(address: RedisAddress, host: Host | None = None, *, timeout: float = CONNECT_SECONDS) -> Any:
    """Return an open connection to a host of the address, by default the first. Raises RedisError or OSError."""
    return await _open(_options(address, timeout) | _place(address, host))


async def dial_master(address: RedisAddress) -> Any:
    """Return an open connection to the master that the Sentinels name, and that knows that it is the master."""
    host = await master_of(address)
    connection = await dial(address, host, timeout=CONNECT_SECONDS / 2)
    try:
        async with asyncio.timeout(CONNECT_SECONDS / 2):
            await connection.send_command("ROLE")
            role = await connection.read_response()
        if role[0] != b"master":
            raise exceptions.ConnectionError(f"{host[0]}:{host[1]} is no longer the master")
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    return connection


async def master_of(address: RedisAddress) -> Host:
    """Ask the Sentinels, one after the other, for the master. Raises ConnectionError if none of them names one."""
    problems = []
    for sentinel in address.hosts:
        try:
            answer = await ask_sentinel(address, sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", address.service)
        except (exceptions.RedisError, OSError) as error:
            problems.append(f"{sentinel[0]}:{sentinel[1]}: {error}")
            continue
        if answer is None:
            problems.append(f"{sentinel[0]}:{sentinel[1]} knows no master {address.service!r}")
            continue
        name, port = answer
        return name.decode(), int(port)
    raise exceptions.ConnectionError(f"no Sentinel names a master: {'; '.join(problems)}")


async def ask_sentinel(address: RedisAddress, sentinel: Host, *command: str) -> Any:
    """Return the answer of one Sentinel."""
    credentials = {"username": address.sentinel_username or None, "password": address.sentinel_password or None}
    options = _options(address, SENTINEL_SECONDS) | _place(address, sentinel) | credentials | {"db": 0}
    connection = await _open(options)
    try:
        async with asyncio.timeout(SENTINEL_SECONDS):
            await connection.send_command(*command)
            return await connection.read_response()
    finally:
        await connection.disconnect(nowait=True)


def _options(address: RedisAddress, timeout: float) -> dict[str, Any]:
    return {
        "db": address.database,
        "username": address.username or None,
        "password": address.password or None,
        "timeout": timeout,
        # With it, redis-py calls `wait_for`, which loses a cancellation before Python 3.12.
        "socket_timeout": None,
        "socket_connect_timeout": timeout,
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        **address.options,
    }


def _place(address: RedisAddress, host: Host | None) -> dict[str, Any]:
    if address.path:
        return {"connection_class": UnixDomainSocketConnection, "path": address.path}
    name, port = host or address.hosts[0]
    kind = SharedContextConnection if address.has_tls else Connection
    return {"connection_class": kind, "host": name, "port": port, **address.tls}


class SharedContextConnection(SSLConnection):
    """Shares the TLS context, which takes some 0.1 s to make, with the other connections of the same options."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        tls = {name: value for name, value in options.items() if name in TLS_OPTIONS}
        files = [Path(value) for name, value in tls.items() if name in FILES]
        versions = tuple(file.stat().st_mtime_ns for file in files if file.exists())
        self.ssl_context = _contexts.setdefault((tuple(sorted(tls.items())), versions), self.ssl_context)

    @property
    def certificate(self) -> bytes | None:
        """The certificate of the server in DER, while the connection is open."""
        secured = self._writer.get_extra_info("ssl_object") if self._writer else None
        found: bytes | None = secured.getpeercert(binary_form=True) if secured else None
        return found


FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_contexts: dict[Any, Any] = {}
"""Contexts by options and times of their files: a renewed certificate is read with the next connection."""


async def _open(options: dict[str, Any]) -> Any:
    timeout = options.pop("timeout")
    connection: Any = options.pop("connection_class")(**options)
    try:
        async with asyncio.timeout(timeout):
            await connection.connect()
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    return connection
