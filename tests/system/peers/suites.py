"""The official test suites: where a folder of clones has them, how mocha runs them, and the accepted differences."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hummdesk.core.errors import CommandError

INSTRUCTIONS = "docs/conformance.md says how to prepare the folder"


@dataclass(frozen=True)
class Suite:
    name: str
    application: str
    """Of `applications`: the server that the tests connect to."""

    port: int
    """The port that the tests connect to."""

    folder: str
    """Below the folder of the clones."""

    arguments: tuple[str, ...]
    """Of mocha."""

    env: Mapping[str, str] = field(default_factory=dict)
    built: str = "."
    """What a build makes in the folder."""

    def find(self, clones: Path) -> tuple[Path, Path]:
        """Return the folder of the suite and the script of mocha. Raises CommandError if something is missing."""
        folder = (clones / self.folder).resolve()
        if not folder.is_dir():
            raise CommandError(f"{clones} has no {self.folder}: {INSTRUCTIONS}")
        if not (folder / self.built).exists():
            raise CommandError(f"{folder} is not built: {INSTRUCTIONS}")
        for above in (folder, *folder.parents):
            for script in above.glob("node_modules/mocha/bin/mocha*"):
                return folder, script
        raise CommandError(f"the packages of {folder} are not installed: {INSTRUCTIONS}")


def _engine_io_client(transports: str, env: Mapping[str, str]) -> Suite:
    name = f"engine.io-client, {transports}"
    folder = "socket.io/packages/engine.io-client"
    return Suite(name, "engine.io-client", 3000, folder, ("test/index.js",), env, built="build")


SUITES = (
    Suite("engine.io-protocol", "engine.io-protocol", 3000, "engine.io-protocol/test-suite", ("test-suite.js",)),
    Suite("socket.io-protocol", "socket.io-protocol", 3000, "socket.io-protocol/test-suite", ("test-suite.js",)),
    _engine_io_client("XMLHttpRequest and ws", {}),
    _engine_io_client("fetch", {"USE_FETCH": "1"}),
    _engine_io_client("WebSocket of Node.js", {"USE_BUILTIN_WS": "1", "NODE_OPTIONS": "--experimental-websocket"}),
    Suite(
        "socket.io-client",
        "socket.io-client",
        3210,
        "socket.io/packages/socket.io-client",
        ("--import=tsx", "test/index.ts"),
        built="build",
    ),
)

ACCEPTED = {
    "retry should not emit a packet twice in the 'connect' handler": (
        "it expects no NOOP in the first 100 ms: Node.js answers the pending poll of an upgrade 100 ms late, "
        "this engine at once"
    ),
}
"""Tests that fail, by full title, and why."""
