"""The web process in a process of its own, which runs `hummdesk serve`."""

import asyncio
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from hummdesk.core.config import Settings
from tests.forked_process import ForkedProcess, fork

TIMEOUT_SECONDS = 60.0


def environment(settings: Settings) -> dict[str, str]:
    """The environment of a process that uses the servers of these settings."""
    return os.environ | {
        "DATABASE_URL": settings.postgres,
        "REDIS_URL": settings.redis,
        "JWT_SECRET": settings.jwt_secret,
        "LOG_LEVEL": settings.log_level,
    }


@asynccontextmanager
async def serving(
    settings: Settings,
    env: Mapping[str, str] | None = None,
    *,
    ends_by: signal.Signals = signal.SIGTERM,
    forks: bool = True,
    shares_port: bool = False,
) -> AsyncIterator[int]:
    """Run a web process on the port of the settings; yield its process id when it is ready, and end it by a signal.

    Not forked where its memory is measured: a forked one has that of all that was imported.
    """
    command = ["hummdesk", "serve", "--port", str(settings.port), *(["--share-port"] if shares_port else [])]
    process = await _start(*command, env={**environment(settings), **(env or {})}, forks=forks)
    try:
        await until_ready(f"http://127.0.0.1:{settings.port}", process)
        yield process.pid
        process.send_signal(ends_by)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await process.wait() == (0 if ends_by is signal.SIGTERM else -ends_by)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _start(*arguments: str, env: Mapping[str, str], forks: bool) -> asyncio.subprocess.Process | ForkedProcess:
    if forks:
        return await fork(*arguments, env=env)
    return await asyncio.create_subprocess_exec(sys.executable, "-m", *arguments, env=env)


async def until_ready(url: str, process: asyncio.subprocess.Process | ForkedProcess) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while await get(f"{url}/health/ready") != 200:
            assert process.returncode is None
            await asyncio.sleep(0.05)


async def get(url: str, **headers: str) -> int:
    """The status of the response; 0 without a response."""
    return await asyncio.to_thread(_get, url, headers)


async def body(url: str, **headers: str) -> str:
    """The body of the response."""
    return (await asyncio.to_thread(_fetch, url, headers))[1]


def _get(url: str, headers: Mapping[str, str]) -> int:
    try:
        return _fetch(url, headers)[0]
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def _fetch(url: str, headers: Mapping[str, str]) -> tuple[int, str]:
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - always a local http URL
    with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
        return int(response.status), response.read().decode()
