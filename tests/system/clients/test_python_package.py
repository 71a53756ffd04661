"""The wheel of hummdesk-client, installed into an empty environment and used there."""

import asyncio
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from docs.generate import ROOT
from hummdesk import __version__
from hummdesk.core.config import Settings
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running

PACKAGE = ROOT / "clients/python"
OUTSIDER = Path(__file__).with_name("outsider.py")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=PACKAGE, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment that has the wheel and what it requires from PyPI."""
    folder = tmp_path_factory.mktemp("environment")
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
    python = folder / "bin/python"
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(python), f"{wheel}[socket]"], check=True)
    return python


def test_wheel_contains_the_typed_package_alone(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "hummdesk_client/py.typed" in names
    assert {name.partition("/")[0] for name in names} == {
        "hummdesk_client",
        f"hummdesk_client-{__version__}.dist-info",
    }


async def test_installed_package_serves_an_outsider(python: Path, settings: Settings) -> None:
    async with running(settings, name="outsider") as (url, _):
        account = await Account(settings=settings, url=url).make()
        tokens = {f"{name.upper()}_TOKEN": account.token(name) for name in ("admin", "agent", "customer")}
        process = await asyncio.create_subprocess_exec(
            *(python, "-I", OUTSIDER),
            env={"DESK_URL": url, "CONVERSATION_ID": str(account.conversation), **tokens},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
    assert output.splitlines() == ["403 FORBIDDEN", "revoked outsider", "1 customer Hello", "False"]


def test_types_of_installed_package_find_the_only_mistake(python: Path, tmp_path: Path) -> None:
    script = tmp_path / "mistaken.py"
    script.write_text(OUTSIDER.read_text().replace('"scope": "read"', '"scope": "all"'))
    mypy = [sys.executable, "-m", "mypy", "--strict", f"--python-executable={python}", "--cache-dir", str(tmp_path)]
    done = subprocess.run([*mypy, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "\nFound 1 error in 1 file" in done.stdout, done.stdout + done.stderr
    assert 'TypedDict item "scope"' in done.stdout
