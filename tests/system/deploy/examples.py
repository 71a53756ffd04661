"""The examples of docs/examples, run as a reader runs them: in a new directory, against a running desk."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.system.js.script_runner import HERE, ScriptRunner

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "docs/examples"
TYPESCRIPT = ("--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2023,dom")


async def run_examples(node: ScriptRunner, directory: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Run each example and return its output, by file name."""
    (directory / "package.json").write_text('{"type": "module"}')
    (directory / "node_modules/@hummdesk").mkdir(parents=True)
    (directory / "node_modules/@hummdesk/client").symlink_to(ROOT / "web/client")
    (directory / "node_modules/socket.io-client").symlink_to(HERE / "node_modules/socket.io-client")
    for name in ("first_session.mjs", "first_session.ts"):
        (directory / name).write_text((EXAMPLES / name).read_text())
    compiler = [node.program, str(ROOT / "web/node_modules/.bin/tsc"), *TYPESCRIPT, "first_session.ts"]
    compiled = subprocess.run(compiler, cwd=directory, capture_output=True, text=True, check=False)
    assert compiled.returncode == 0, compiled.stdout
    return {
        "first_session.mjs": await node.run(directory / "first_session.mjs", env=env),
        "first_session.ts": await node.run(directory / "first_session.js", env=env),
        "first_session.py": await run_python(EXAMPLES / "first_session.py", env),
    }


async def run_python(script: Path, env: Mapping[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, script),
        env=os.environ | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(120):
        output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    return output
