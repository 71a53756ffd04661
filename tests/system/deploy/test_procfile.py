"""The Procfile, run by honcho with real PostgreSQL and Redis: all processes started, used and stopped."""

import asyncio
import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from honcho.environ import parse_procfile

from hummdesk.core.config import Settings
from hummdesk.dev.redis import free_port
from tests.system.deploy.examples import run_examples
from tests.system.js.script_runner import ScriptRunner
from tests.system.js.web_process import body, environment, get, until_ready

ROOT = Path(__file__).parents[3]
PROCESSES = parse_procfile((ROOT / "Procfile").read_text()).processes
WAIT_SECONDS = 60.0
STOP_SECONDS = 50.0
HONCHO = f"from honcho import manager; manager.KILL_WAIT = {STOP_SECONDS}; from honcho.command import main; main()"
"""Honcho kills processes that have not stopped after five seconds, for which a machine may stand still."""
FLOWER_USER = "operator:secret"
BASIC_AUTH = f"Basic {base64.b64encode(FLOWER_USER.encode()).decode()}"


ALIVE = {f"{queue}@{socket.gethostname()}": True for queue in ("classification", "draft", "bulk")}


@pytest.fixture
def env(settings: Settings, fresh_database_url: str) -> dict[str, str]:
    """With its own database and Redis, so that no worker of another test takes the runs."""
    redis_url = f"{settings.redis_url.removesuffix('/0')}/3"
    own = replace(settings, database_url=fresh_database_url, redis_url=redis_url)
    return environment(own) | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "FLOWER_BASIC_AUTH": FLOWER_USER,
        "FLOWER_PORT": str(free_port(0)),
        "LOG_LEVEL": "INFO",
    }


@asynccontextmanager
async def honcho(env: dict[str, str], port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HONCHO, "start", "--env", os.devnull, "--port", str(port)),
        cwd=ROOT,
        env=env,
        start_new_session=True,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            for left in psutil.Process(process.pid).children(recursive=True):
                left.kill()
            process.kill()
            await process.wait()


@pytest.mark.systems
@pytest.mark.timeout(300)
async def test_procfile_processes_start_work_and_stop(env: dict[str, str], node: ScriptRunner, tmp_path: Path) -> None:
    port = free_port(0)
    url, flower = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{env['FLOWER_PORT']}"
    async with honcho(env, port) as process:
        output = read_all(process)
        await until_ready(url, process)
        await until_flower_sees_workers(flower)

        expected = lines(
            (ROOT / "docs/quickstart.md").read_text().partition("It prints:\n\n```text\n")[2].partition("```")[0]
        )
        for name, output_of in (await run_examples(node, tmp_path, await demo_tokens(env) | {"DESK_URL": url})).items():
            assert lines(output_of) == expected - ({"sent once"} if name.endswith(".ts") else set()), name
        seen = await seen_tasks(flower)
        assert {"hummdesk.classify", "hummdesk.draft"} <= {task["name"] for task in seen.values()}
        arguments = [task["args"] for task in seen.values() if task["args"] is not None]  # Flower may miss an event
        assert arguments
        for one in arguments:
            assert re.fullmatch(r"\[?[\[(' ,)\]0-9a-f-]*", one), "ids only, no message text"

        await stop(process, output)


@pytest.mark.timeout(300)
async def test_procfile_processes_start_and_stop(env: dict[str, str]) -> None:
    """The short form of the test above: without the examples, which are Node.js programs."""
    port = free_port(0)
    async with honcho(env, port) as process:
        output = read_all(process)
        await until_ready(f"http://127.0.0.1:{port}", process)
        await until_flower_sees_workers(f"http://127.0.0.1:{env['FLOWER_PORT']}")
        await stop(process, output)


def read_all(process: asyncio.subprocess.Process) -> "asyncio.Future[bytes]":
    assert process.stdout is not None
    return asyncio.ensure_future(process.stdout.read())


async def until_flower_sees_workers(flower: str) -> None:
    """Wait until Flower, which asks for its password, has seen every worker."""
    async with asyncio.timeout(WAIT_SECONDS):
        while await get(f"{flower}/workers") != 401:
            await asyncio.sleep(0.1)
    assert await get(f"{flower}/workers", Authorization=BASIC_AUTH) == 200
    assert await get(f"{flower}/api/workers", Authorization="Basic b3BlcmF0b3I6d3Jvbmc=") == 401
    assert await get(f"{flower}/healthcheck") == 200
    async with asyncio.timeout(WAIT_SECONDS):
        while json.loads(await body(f"{flower}/api/workers?status=1", Authorization=BASIC_AUTH)) != ALIVE:
            await asyncio.sleep(0.1)


async def stop(process: asyncio.subprocess.Process, output: "asyncio.Future[bytes]") -> None:
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(STOP_SECONDS):
        await process.wait()
    text = (await output).decode()
    assert all(f"{name}.1 started" in text for name in PROCESSES), text
    assert "SIGKILL" not in text, text
    assert not [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


async def seen_tasks(flower: str) -> dict[str, dict[str, Any]]:
    """Return the tasks that Flower has seen, by id, once a draft run is among them."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            tasks: dict[str, dict[str, Any]] = json.loads(await body(f"{flower}/api/tasks", Authorization=BASIC_AUTH))
            if any(task["name"] == "hummdesk.draft" for task in tasks.values()):
                return tasks
            await asyncio.sleep(0.1)


def lines(output: str) -> set[str]:
    """Return the lines of an example's output in no order, without the text of the draft."""
    return {line.partition("AI draft: ")[1] or line for line in output.splitlines()}


async def demo_tokens(env: dict[str, str]) -> dict[str, str]:
    """Return the tokens of a demo agent and a demo customer."""
    command = (sys.executable, "-m", "hummdesk", "demo", "--json")
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=asyncio.subprocess.PIPE)
    account = json.loads((await process.communicate())[0])["accounts"][0]
    agent = next(user for user in account["users"] if user["role"] == "agent")
    return {"AGENT_TOKEN": agent["token"], "CUSTOMER_TOKEN": account["customers"][0]["token"]}


def test_flower_without_a_password_does_not_start(env: dict[str, str]) -> None:
    del env["FLOWER_BASIC_AUTH"]
    command = ("sh", "-c", PROCESSES["flower"])
    refused = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "FLOWER_BASIC_AUTH: set it to user:password" in refused.stderr


def test_procfile_has_the_four_processes() -> None:
    assert set(PROCESSES) == {"web", "worker", "relay", "flower"}
