"""The Dockerfile, without a container engine: the files it copies, and that they are enough to run."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from docs.generate import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMMANDS = ("serve", "relay", "migrate", "demo", "token", "env", "widget", "contract", "ai classify", "ai draft")
IMPORTS = """
import hummdesk.server.app, hummdesk.relay.process, tasks.classify, tasks.draft, flower.app, kombu.transport.redis
import hummdesk.dev.banner, hummdesk.dev.demo, hummdesk.operator.ai_trial, hummdesk.operator.articles
"""
SERVERS = {
    "DATABASE_URL": "postgresql://nobody@localhost/x",
    "REDIS_URL": "redis://localhost/0",
    "JWT_SECRET": "x" * 32,
}

BLOCKER = """
import json, sys
class Blocked:
    names = set(json.loads(sys.argv[1]))
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"{name} is not in requirements.txt", name=name)
sys.meta_path.insert(0, Blocked())
"""


def requirements(file: str) -> set[str]:
    return {normal(name) for name in re.findall(r"^([\w.-]+)==", (ROOT / file).read_text(), re.MULTILINE)}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the files that the image has of this repository, and the pages of `make web`."""
    folder = tmp_path_factory.mktemp("image")
    for source, target in re.findall(r"^COPY (\w+) (\w+)$", DOCKERFILE, re.MULTILINE):
        shutil.copytree(ROOT / source, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def only_for_development() -> list[str]:
    """Modules that are installed here but not in the image."""
    production = requirements("requirements.txt")
    return [name for name, owners in packages_distributions().items() if not production & set(map(normal, owners))]


def run(image: Path, missing: list[str], program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BLOCKER + program, json.dumps(missing), *arguments]
    return subprocess.run(command, cwd=image, env=os.environ | SERVERS, capture_output=True, text=True, check=False)


def test_image_imports_only_packages_that_it_installs(image: Path, only_for_development: list[str]) -> None:
    assert {"psutil", "pytest", "honcho"} <= set(only_for_development)
    done = run(image, only_for_development, IMPORTS)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_image_runs_every_command(command: str, image: Path, only_for_development: list[str]) -> None:
    program = "sys.argv[0:2] = ['hummdesk']; from hummdesk.cli import main; main()"
    done = run(image, only_for_development, program, *command.split(), "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage: " in done.stdout


def test_image_is_slim_and_runs_without_privileges() -> None:
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert stages == ["python:3.12-slim", "node:24-slim", "python:3.12-slim"]
    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", DOCKERFILE, re.MULTILINE)
    assert "--require-hashes" in DOCKERFILE
    assert "HEALTHCHECK" in DOCKERFILE


def test_dockerignore_admits_exactly_the_copied_files() -> None:
    sent = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = set(re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE))
    assert sent == copied
    assert all((ROOT / name).exists() for name in copied)


def test_pages_are_built_where_the_image_copies_them_from() -> None:
    stage = DOCKERFILE.split(" AS pages\n")[1].split("\nFROM ")[0]
    assert stage.startswith("WORKDIR /build/web\nCOPY web .\nRUN npm ci ")
    assert stage.strip().endswith("npm run build")
    assert "../hummdesk/web" in json.loads((ROOT / "web/package.json").read_text())["scripts"]["build"]
    assert "COPY --from=pages /build/hummdesk/web hummdesk/web\n" in DOCKERFILE
    assert {"hummdesk/web", "**/node_modules"} <= set((ROOT / ".dockerignore").read_text().splitlines())


def test_no_package_lock_names_a_registry() -> None:
    for lock in ROOT.glob("*/**/package-lock.json"):
        if "node_modules" not in lock.parts:
            assert not re.search(r'"resolved": "\w+://', lock.read_text()), lock
