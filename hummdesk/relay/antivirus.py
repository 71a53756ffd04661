"""Virus scanners: clamd by its protocol INSTREAM, or a command that reads a file from its standard input."""

import asyncio
import shlex
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress

from hummdesk.core.config import Settings

CONNECT_SECONDS = 5.0
SCAN_SECONDS = 120.0
ANSWER_BYTES = 4096
PIECE_BYTES = 65_536
SHOWN = 200
"""Characters of what a scanner has found that are stored."""

CLEAN, INFECTED = 0, 1
"""Exit statuses of a command."""


class ScanFailed(Exception):
    """The scanner is away."""


class Undecided(ScanFailed):
    """The scanner was there, and has not said whether the file is clean."""


class Scanner:
    """Scans with what the settings name. `scan` raises ScanFailed."""

    def __init__(self, settings: Settings) -> None:
        self._address = settings.clamav_address
        self._command = settings.antivirus_command

    @property
    def is_on(self) -> bool:
        return bool(self._address or self._command)

    async def scan(self, content: AsyncIterator[bytes]) -> str | None:
        """Return what was found in a file, None for a clean one. Raises ScanFailed, and what `content` raises."""
        try:
            async with asyncio.timeout(SCAN_SECONDS):
                found = await (self._by_command(content) if self._command else self._by_clamd(content))
        except (OSError, TimeoutError, EOFError, ValueError) as error:
            raise Undecided(type(error).__name__) from error
        return None if found is None else found[:SHOWN]

    async def _by_clamd(self, content: AsyncIterator[bytes]) -> str | None:
        reader, writer = await self._connect()
        try:
            writer.write(b"zINSTREAM\0")
            with suppress(ConnectionError):  # it may have answered early, that the file is too large for it
                async for part in content:
                    for piece in _pieces(part):
                        writer.write(struct.pack(">I", len(piece)) + piece)
                        await writer.drain()
                writer.write(struct.pack(">I", 0))
                await writer.drain()
            answer = (await reader.readuntil(b"\0")).decode(errors="replace").rstrip("\0").strip()
        finally:
            writer.close()
        if answer.endswith(" FOUND"):
            return answer.removeprefix("stream: ").removesuffix(" FOUND")
        if not answer.endswith(" OK"):
            raise Undecided(answer[:SHOWN])
        return None

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        with _starting():
            return await self._open()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(CONNECT_SECONDS):
            if self._address.startswith("/"):
                return await asyncio.open_unix_connection(self._address, limit=ANSWER_BYTES)
            host, _, port = self._address.rpartition(":")
            return await asyncio.open_connection(host.strip("[]"), int(port), limit=ANSWER_BYTES)

    async def _by_command(self, content: AsyncIterator[bytes]) -> str | None:
        with _starting():
            process = await asyncio.create_subprocess_exec(
                *shlex.split(self._command),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=ANSWER_BYTES,
            )
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018  # they are pipes
        try:
            with suppress(ConnectionError):  # it need not read all of a file in which it has found something
                async for part in content:
                    process.stdin.write(part)
                    await process.stdin.drain()
            process.stdin.close()
            said = (await process.stdout.read(ANSWER_BYTES)).decode(errors="replace").strip()
            process.stdout.feed_eof()
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if status not in (CLEAN, INFECTED):
            raise Undecided(f"status {status}")
        return None if status == CLEAN else said or "a virus"


@contextmanager
def _starting() -> Iterator[None]:
    try:
        yield
    except (OSError, TimeoutError, ValueError) as error:
        raise ScanFailed(type(error).__name__) from error


def _pieces(part: bytes) -> list[bytes]:
    return [part[place : place + PIECE_BYTES] for place in range(0, len(part), PIECE_BYTES)]
