"""Node.js and Bun, with the packages of peers/package-lock.json."""

import subprocess
from functools import cache
from pathlib import Path

from hummdesk.core.errors import CommandError
from hummdesk.dev.nodejs import find

PEERS = Path(__file__).parent / "peers"
MODULES = PEERS / "node_modules"


class Missing(Exception):
    """A peer cannot be had on this machine; says why."""


@cache
def node() -> str:
    """The program, once the packages are installed."""
    try:
        found = find()
        found.install(PEERS)
    except subprocess.CalledProcessError as failure:
        errors = [line for line in failure.stderr.decode().splitlines() if "error" in line.lower()]
        raise Missing(f"npm ci failed: {(errors or ['it does not say why'])[0]}") from failure
    except (CommandError, OSError, subprocess.SubprocessError) as failure:
        raise Missing(f"no Node.js with its packages: {failure or 'not installed'}") from failure
    return found.program


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
