"""A connection to one server, for frequent commands."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import hiredis
from redis import exceptions

from hummdesk.bus.link import Link, Open

COMMAND_SECONDS = 5.0

Argument = str | bytes | int | float
Command = tuple[Argument, ...]
Key = str | bytes | None
"""A key of a command, which determines its server in a cluster; None if any server will do."""

LOST = (exceptions.ConnectionError, RuntimeError, OSError)
"""Raised for a connection that was closed while it was idle. RuntimeError is uvloop's."""
ATTEMPTS = 2

_pack: Any = hiredis.pack_command  # its stub takes tuples of one only
pack: Callable[[Command], bytes] = _pack
"""Returns a command as it is sent. Raises UnicodeEncodeError for a text with a lone surrogate."""


class Connection(Protocol):
    """Sends commands to Redis, one request at a time."""

    @property
    def opened(self) -> int:
        """How often a connection to a server was opened. Servers may differ, since replication is asynchronous."""

    async def request(self, *commands: Command) -> list[Any]:
        """Send all commands at once; return their answers, without decoding. Raises RedisError for the first error."""

    async def exchange(self, packed: Sequence[bytes], keys: Sequence[Key]) -> list[Any]:
        """Send packed commands at once; return their answers, and in place of an answer the error that Redis answers.

        `keys`: one of each command.
        """

    async def masters(self) -> "list[Connection]":
        """Return a connection to each server that has keys. The caller does not close them."""

    def another(self) -> "Connection":
        """Return a further connection to the same servers."""

    async def close(self) -> None: ...


class OwnConnection:
    """The connection to one server, of which redis-py's client is not used.

    The work of that client around each command (taking a connection, packing in Python, a task and two timers) costs
    more than the command.
    """

    def __init__(self, open_link: Open, *, timeout: float = COMMAND_SECONDS, attempts: int = ATTEMPTS) -> None:
        """`timeout`, in seconds, limits each attempt: the opening of a connection, and the exchange."""
        self.opened = 0
        self._open_link = open_link
        self._timeout = timeout
        self._attempts = attempts
        self._link: Link | None = None

    async def request(self, *commands: Command) -> list[Any]:
        return raise_first(await self.exchange([pack(command) for command in commands]))

    async def exchange(self, packed: Sequence[bytes], keys: Sequence[Key] = ()) -> list[Any]:
        """As `Connection.exchange`; keys do not matter.

        An attempt that fails because of the connection is repeated: it may have been closed while it was idle, and a
        process that was stopped finds all its deadlines passed.
        """
        for _ in range(self._attempts - 1):
            try:
                return await self._attempt(packed)
            except (*LOST, exceptions.TimeoutError):
                pass
        return await self._attempt(packed)

    async def masters(self) -> list[Connection]:
        return [self]

    def another(self) -> "OwnConnection":
        return OwnConnection(self._open_link, timeout=self._timeout, attempts=self._attempts)

    async def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def _attempt(self, packed: Sequence[bytes]) -> list[Any]:
        """Close a connection that fails, or whose caller is cancelled: its next answer is to an earlier command."""
        try:
            link = self._link or await self._open()
            return await link.exchange(packed, self._timeout)
        except TimeoutError:
            await self.close()
            raise exceptions.TimeoutError("Redis does not answer") from None
        except BaseException:
            await self.close()
            raise

    async def _open(self) -> Link:
        async with asyncio.timeout(self._timeout):
            self._link = link = await self._open_link()
        self.opened += 1
        return link


def raise_first(answers: list[Any]) -> list[Any]:
    """Return the answers. Raises the first error among them."""
    if refused := next((answer for answer in answers if isinstance(answer, exceptions.RedisError)), None):
        raise refused
    return answers
