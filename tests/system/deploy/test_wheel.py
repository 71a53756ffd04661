"""The wheel: what it contains, that it runs where it is installed, and that its base needs neither AI nor Celery."""

import asyncio
import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from docs.generate import ROOT
from hummdesk import __version__
from hummdesk.core.config import Settings
from hummdesk.dev.redis import free_port
from tests.system.deploy.test_image import BLOCKER
from tests.system.js.web_process import environment, until_ready

BASE = ("hummdesk.server.app", "hummdesk.dev.sign_in", "hummdesk.storage.migrations", "hummdesk.operator.people")
NOT_IN_BASE = {"numpy", "celery", "kombu", "anthropic", "openai", "flower", "psutil"}
FILES = """
import hummdesk, json
from hummdesk.storage.queries import SQL, load
from hummdesk.server.http.pages import BUILT
load("conversations")
migrations = sorted(path.name for path in (SQL / "migrations").glob("*.sql"))
print(json.dumps([hummdesk.__file__, str(SQL), migrations, (BUILT / "index.html").is_file()]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel, which finds its dependencies where the tests find theirs."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    install = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "--disable-pip-version-check"]
    subprocess.run([*install, "install", "--quiet", "--no-index", "--no-deps", str(wheel)], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    return folder / "bin"


def run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_wheel_contains_sql_pages_models_and_tasks_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    queries = {f"hummdesk/{path.relative_to(ROOT)}" for path in (ROOT / "sql").rglob("*.sql")}
    assert queries <= names
    assert {"hummdesk/web/index.html", "hummdesk/web/widget.js", "tasks/classify.py"} <= names
    models = {"weights.npz", "letters.npz", "cross_encoder.npz", "lid.176.ftz"}
    models |= {"cross_encoder.md", "cross_encoder.LICENSE.txt", "lid.176.md"}
    assert {f"hummdesk/ai/embedded/{name}" for name in models} <= names
    assert {name.partition("/")[0] for name in names} == {"hummdesk", "tasks", f"hummdesk-{__version__}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or name == "hummdesk/web/built"]


def test_wheel_has_the_version_of_the_package_and_pins_what_the_engine_overrides(wheel: Path) -> None:
    metadata = zipfile.ZipFile(wheel).read(f"hummdesk-{__version__}.dist-info/METADATA").decode()
    assert f"\nVersion: {__version__}\n" in metadata
    assert re.search(r"\nRequires-Dist: python-engineio==[\d.]+\n", metadata)
    assert re.search(r"\nRequires-Dist: python-socketio==[\d.]+\n", metadata)
    extras = set(re.findall(r"^Provides-Extra: (.+)$", metadata, re.MULTILINE))
    assert extras == {"relay", "ai", "external-models", "flower", "images", "all", "up"}


def test_installed_command_prints_version_help_and_completion(installed: Path) -> None:
    assert run(installed / "hummdesk", "--version") == f"hummdesk, version {__version__}\n"
    assert "\n  serve " in run(installed / "hummdesk", "--help")
    assert "_HUMMDESK_COMPLETE=zsh_complete" in run(installed / "hummdesk", "completion", "zsh")


def test_installed_package_finds_its_sql_and_pages(installed: Path) -> None:
    package, sql, migrations, has_pages = json.loads(run(installed / "python", "-c", FILES))
    assert Path(package).is_relative_to(installed.parent)
    assert Path(sql).is_relative_to(installed.parent)
    assert migrations == sorted(path.name for path in (ROOT / "sql/migrations").glob("*.sql"))
    assert has_pages


@pytest.fixture(scope="module")
def missing() -> list[str]:
    """The installed modules that the base of the wheel does not require."""
    required = set[str]()
    project = (ROOT / "pyproject.toml").read_text().partition("\ndependencies = [")[2].partition("\n]")[0]
    waiting = [Requirement(text) for text in re.findall(r'"(.+?)"', project)]
    while waiting:
        requirement = waiting.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        for extra in ("", *requirement.extras):
            if f"{name}[{extra}]" not in required:
                required.add(f"{name}[{extra}]")
                needed = map(Requirement, distribution(name).requires or [])
                waiting += [one for one in needed if one.marker is None or one.marker.evaluate({"extra": extra})]
    names = {one.partition("[")[0] for one in required}
    owned = packages_distributions().items()
    return [module for module, owners in owned if not names & {re.sub(r"[-_.]+", "-", one).lower() for one in owners}]


def test_base_imports_neither_ai_nor_celery(missing: list[str]) -> None:
    assert set(missing) >= NOT_IN_BASE
    program = BLOCKER + "".join(f"import {module}\n" for module in BASE)
    run(sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program}", json.dumps(missing))


async def test_base_serves_until_it_is_ready(missing: list[str], settings: Settings) -> None:
    port = free_port(0)
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{BLOCKER}"
    program += f"sys.argv[:] = ['hummdesk', 'serve', '--port', '{port}']; from hummdesk.cli import main; main()"
    env = os.environ | environment(settings)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, json.dumps(missing), env=env)
    try:
        await until_ready(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        assert await process.wait() == 0
