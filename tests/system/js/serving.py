"""The web process as operators run it: `serve`, in a process of its own."""

import asyncio
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from hummdesk.core.config import Settings

PATIENCE_SECONDS = 20.0


def environment(settings: Settings) -> dict[str, str]:
    """What a process needs to work with these settings' servers."""
    return os.environ | {
        "DATABASE_URL": settings.postgres,
        "REDIS_URL": settings.redis,
        "JWT_SECRET": settings.jwt_secret,
        "LOG_LEVEL": settings.log_level,
    }


@asynccontextmanager
async def serving(
    settings: Settings, env: Mapping[str, str] | None = None, *, ends_by: signal.Signals = signal.SIGTERM
) -> AsyncIterator[None]:
    """`serve` on the settings' port, from ready to stopped, or killed."""
    command = (sys.executable, "-m", "hummdesk", "serve", "--port", str(settings.port))
    process = await asyncio.create_subprocess_exec(*command, env=environment(settings) | (env or {}))
    try:
        await until_ready(f"http://127.0.0.1:{settings.port}", process)
        yield
        process.send_signal(ends_by)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await process.wait() == (0 if ends_by is signal.SIGTERM else -ends_by)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_ready(url: str, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await get(f"{url}/health/ready") != 200:
            assert process.returncode is None
            await asyncio.sleep(0.05)


async def get(url: str, **headers: str) -> int:
    """The answer's status; 0 if nobody answers."""
    return await asyncio.to_thread(_get, url, headers)


async def body(url: str, **headers: str) -> str:
    """What it says."""
    return (await asyncio.to_thread(_fetch, url, headers))[1]


def _get(url: str, headers: Mapping[str, str]) -> int:
    try:
        return _fetch(url, headers)[0]
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return refusal.code
    except OSError:
        return 0


def _fetch(url: str, headers: Mapping[str, str]) -> tuple[int, str]:
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - addresses of ours
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        return int(answer.status), answer.read().decode()
