"""Node.js with the packages of peers/package-lock.json, and Bun with those of peers/bun/package-lock.json."""

import subprocess
from functools import cache
from pathlib import Path

from hummdesk.core.errors import CommandError
from hummdesk.dev.nodejs import find

PEERS = Path(__file__).parent / "peers"
BUN = PEERS / "bun"


class PeerUnavailable(Exception):
    """A peer is not installed and cannot be installed; the message has the reason."""


@cache
def node() -> str:
    """Install the packages; return the path of Node.js."""
    return _installed(PEERS)


def _installed(folder: Path) -> str:
    """Install the packages of a folder; return the path of Node.js."""
    try:
        installation = find()
        installation.install(folder)
    except subprocess.CalledProcessError as error:
        errors = [line for line in error.stderr.decode().splitlines() if "error" in line.lower()]
        raise PeerUnavailable(f"npm ci failed: {(errors or ['without an error message'])[0]}") from error
    except (CommandError, OSError, subprocess.SubprocessError) as error:
        raise PeerUnavailable(f"Node.js or its packages are not installed: {error}") from error
    return installation.program


@cache
def bun() -> str:
    """Install the packages; return the path of the Bun for this machine."""
    node()
    _installed(BUN)
    for program in sorted(BUN.glob("node_modules/@oven/*/bin/bun")):
        try:
            subprocess.run([program, "--version"], check=True, capture_output=True, timeout=20)
        except (OSError, subprocess.SubprocessError):
            continue
        return str(program)
    raise PeerUnavailable("the npm package of Bun has no program for this machine")
