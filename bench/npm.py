"""Node.js and Bun, with the packages of peers/package-lock.json."""

import os
import subprocess
from functools import cache
from pathlib import Path

from tests.js.node import _programs

PEERS = Path(__file__).parent / "peers"
MODULES = PEERS / "node_modules"
INSTALL_SECONDS = 300


class Missing(Exception):
    """A peer cannot be had on this machine; says why."""


@cache
def node() -> str:
    """The program, once the packages are installed."""
    try:
        program, npm = _programs()
        _install(program, npm)
    except subprocess.CalledProcessError as failure:
        errors = [line for line in failure.stderr.decode().splitlines() if "error" in line.lower()]
        raise Missing(f"npm ci failed: {(errors or ['it does not say why'])[0]}") from failure
    except (AssertionError, OSError, subprocess.SubprocessError) as failure:
        raise Missing(f"no Node.js with its packages: {failure or 'not installed'}") from failure
    return program


@cache
def bun() -> str:
    """The program of the npm package for this machine; its installer only links to that."""
    node()
    for program in sorted(MODULES.glob("@oven/*/bin/bun")):
        try:
            subprocess.run([program, "--version"], check=True, capture_output=True, timeout=20)
        except (OSError, subprocess.SubprocessError):
            continue
        return str(program)
    raise Missing("npm has no Bun that runs on this machine")


def _install(program: str, npm: list[str]) -> None:
    lock, made = PEERS / "package-lock.json", MODULES / ".package-lock.json"
    if made.exists() and made.stat().st_mtime >= lock.stat().st_mtime:
        return
    command = [*npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    env = os.environ | {"PATH": f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(command, cwd=PEERS, env=env, check=True, capture_output=True, timeout=INSTALL_SECONDS)
    made.touch()
