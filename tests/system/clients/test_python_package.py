"""The wheel of hummdesk-client, installed into an empty environment and used there."""

import asyncio
import json
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import pytest
from hummdesk_client.rest import RestClient

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


async def test_example_whose_position_is_lost_acknowledges_each_conversation_once(
    python: Path, settings: Settings, tmp_path: Path
) -> None:
    async with running(settings, name="acknowledging") as (url, _):
        account = await Account(settings=settings, url=url).make()
        agent, customer = await account.connect("agent"), await account.connect("customer")
        async with RestClient(url, token=account.token("admin")) as admin:
            key = (await admin.create_key({"name": "bot", "scope": "write"}))["key"]
            position = json.dumps(asdict(await admin.feed_position()))
        for content in ("first", "second"):
            (tmp_path / "position.json").write_text(position)
            async with example(python, tmp_path, {"DESK_URL": url, "HUMMDESK_KEY": key}):
                await customer.do("start_conversation", {"content": content})
                await agent.receives("new_message", senderType="system")
        senders = await account.execute(
            "SELECT array_agg(sender_type::text ORDER BY seq) FROM messages WHERE account_id = %(account)s"
            " GROUP BY conversation_id"
        )
    assert [row[0] for row in senders] == [["customer", "system"]] * 2


@asynccontextmanager
async def example(python: Path, folder: Path, env: dict[str, str]) -> AsyncIterator[None]:
    """Run docs/examples/acknowledge.py, as soon as it follows the feed."""
    process = await asyncio.create_subprocess_exec(
        *(python, "-I", ROOT / "docs/examples/acknowledge.py"),
        cwd=folder,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    assert (await process.stdout.readline()).startswith(b"after number ")
    try:
        yield
        assert process.returncode is None
    finally:
        process.kill()
        await process.wait()


def test_types_of_installed_package_find_the_only_mistake(python: Path, tmp_path: Path) -> None:
    script = tmp_path / "mistaken.py"
    script.write_text(OUTSIDER.read_text().replace('"scope": "read"', '"scope": "all"'))
    (tmp_path / "mypy.ini").write_text("[mypy]\n[mypy-httpx2.*,socketio.*]\nfollow_imports = skip\n")
    mypy = [sys.executable, "-m", "mypy", "--strict", f"--python-executable={python}", "--cache-dir", str(tmp_path)]
    done = subprocess.run([*mypy, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "\nFound 1 error in 1 file" in done.stdout, done.stdout + done.stderr
    assert 'TypedDict item "scope"' in done.stdout
