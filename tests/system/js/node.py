"""Scripts of Node.js, with the packages of package-lock.json."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hummdesk.dev.nodejs import find

HERE = Path(__file__).parent
PATIENCE_SECONDS = 40.0


@dataclass(frozen=True)
class Node:
    program: str

    @asynccontextmanager
    async def running(
        self, *arguments: str | Path, env: Mapping[str, str]
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """A script that runs; what it says on standard error comes with its output. It does not outlive the context."""
        process = await asyncio.create_subprocess_exec(
            self.program,
            *arguments,
            env={"PATH": os.environ["PATH"], "NODE_NO_WARNINGS": "1", **env},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def run(self, *arguments: str | Path, env: Mapping[str, str]) -> str:
        """Run a script to its end, expect that it succeeds, and give its output."""
        async with self.running(*arguments, env=env) as process:
            assert process.stdout is not None
            output = b""
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    async for line in process.stdout:
                        output += line
                    await process.wait()
            assert process.returncode == 0, output.decode()
        return output.decode()


@cache
def installed() -> Node:
    """Node.js, with node_modules as package-lock.json has them."""
    found = find()
    found.install(HERE)
    return Node(found.program)
