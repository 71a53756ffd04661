"""Run scripts with Node.js and the packages of this folder's package-lock.json."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hummdesk.dev.nodejs import find

HERE = Path(__file__).parent
TIMEOUT_SECONDS = 120.0
LONGEST_LINE = 1 << 22
"""In bytes. The stack of a failed test has the address of a module in it, which is the module itself."""


@dataclass(frozen=True)
class ScriptRunner:
    program: str

    @asynccontextmanager
    async def running(
        self, *arguments: str | Path, env: Mapping[str, str]
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """Start a script whose standard error is part of its output, and kill it at the end of the context."""
        process = await asyncio.create_subprocess_exec(
            self.program,
            *arguments,
            env={"PATH": os.environ["PATH"], "NODE_NO_WARNINGS": "1", **env},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LONGEST_LINE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def run(self, *arguments: str | Path, env: Mapping[str, str]) -> str:
        """Run a script, assert that it succeeds, and return its output."""
        async with self.running(*arguments, env=env) as process:
            assert process.stdout is not None
            output = b""
            with suppress(TimeoutError):
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    async for line in process.stdout:
                        output += line
                    await process.wait()
            assert process.returncode == 0, output.decode()
        return output.decode()


@cache
def install_packages() -> ScriptRunner:
    """Install the packages if they are missing, and return a runner."""
    found = find()
    found.install(HERE)
    return ScriptRunner(found.program)
