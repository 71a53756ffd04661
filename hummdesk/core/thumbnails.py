"""Thumbnails: small WebP images, made by Pillow in a process of its own where the extra `images` is installed."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from hummdesk.core.content_types import MAX_PIXELS

SIDE = 640
"""Pages show images with at most half of this in CSS pixels, and screens have two pixels for each."""
SMALL_BYTES = 65_536
"""An image that has no more, and no larger side, is its own thumbnail."""
SECONDS = 30.0
"""Longest wait; its limit of processor time is shorter."""
PROGRAM = Path(__file__).with_name("image_scaling.py")


@cache
def is_on() -> bool:
    """Whether Pillow is installed."""
    return find_spec("PIL") is not None


def is_made_of(size: int, width: int | None, height: int | None) -> bool:
    """Whether an image has a thumbnail, which would be smaller than itself."""
    return is_on() and (size > SMALL_BYTES or max(width or 0, height or 0) > SIDE)


async def scale(content: AsyncIterator[bytes], *, side: int = SIDE, is_square: bool = False) -> bytes:
    """Return an image of at most `side` pixels each way, or the middle of it as a square of exactly that size.

    It is empty if Pillow cannot read the image. Raises TimeoutError, and what `content` raises.
    The process has no environment, which contains the secrets of this one.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", str(PROGRAM), str(side), str(MAX_PIXELS), str(int(is_square))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018  # they are pipes
    try:
        async with asyncio.timeout(SECONDS):
            with suppress(ConnectionError):  # it has ended early
                async for part in content:
                    if process.stdin.is_closing():  # uvloop raises RuntimeError for a write
                        break
                    process.stdin.write(part)
                    await process.stdin.drain()
            process.stdin.close()
            small = await process.stdout.read()
            return small if await process.wait() == 0 else b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
