"""The other programs that tests run with, and their versions; the mark `engine` of a test names one."""

import functools
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hummdesk.dev import postgres, redis
from hummdesk.dev.directories import server_user
from hummdesk.storage.migrations import MINIMUM_SERVER

BUNDLED = ("PostgreSQL", "Valkey")
"""Those of a test without the mark: the bundled ones."""
PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
SWIFT = Path(__file__).parents[2] / ".venv-swift/bin/python"


def _asked(program: str | Path | None, *arguments: str) -> str:
    if program is None or not Path(program).exists():
        return ""
    answer = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=30)
    return answer.stdout + answer.stderr


VERSIONS: dict[str, Callable[[], str]] = {
    "HAProxy": lambda: _asked(shutil.which("haproxy", path=PATH), "-v"),
    "OpenStack Swift": lambda: _asked(SWIFT, "-c", "from importlib.metadata import version; print(version('swift'))"),
    "PgBouncer": lambda: _asked(shutil.which("pgbouncer", path=PATH), "-V"),
    "PostgreSQL": lambda: _asked(postgres.find_binaries(server_user()) / "postgres", "--version"),
    "oldest PostgreSQL": lambda: _asked(f"/usr/lib/postgresql/{MINIMUM_SERVER}/bin/postgres", "--version"),
    "RabbitMQ": lambda: _asked(shutil.which("dpkg-query"), "--show", "--showformat", "${Version}", "rabbitmq-server"),
    "Redis": lambda: _asked(shutil.which("redis-server"), "--version"),
    "Valkey": lambda: str(redis.find_programs()[0].version),
}


@functools.cache
def version(engine: str) -> str:
    """The version of an installed engine; empty if it is not installed."""
    found = re.search(r"\d+(?:\.\d+)+", VERSIONS[engine]())
    return found[0] if found else ""


def of_test(item: pytest.Item) -> list[str]:
    """The engines of a test with their versions, from the mark that is closest to it."""
    mark = item.get_closest_marker("engine")
    names, details = (mark.args, mark.kwargs.get("kind", "")) if mark else (BUNDLED, "")
    return [f"{name} {version(name)} {details}".replace("  ", " ").strip() for name in names]
