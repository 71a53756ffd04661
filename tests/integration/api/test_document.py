"""The OpenAPI document against the running server, by schemathesis: valid and invalid requests that it makes up."""

import asyncio
import os
import sys
from pathlib import Path

import orjson
import pytest

from hummdesk.contract import openapi
from hummdesk.contract.rest import BASE
from tests.integration.api import schemathesis_checks
from tests.integration.server.accounts import Account

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "invalid_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)
ROOT = Path(__file__).parents[3]
SEED = [] if os.environ.get("CHAOS") == "full" else ["--seed", "1"]
"""Alike in each run, so that a change is not refused for what it did not touch; CHAOS=full varies them."""
ENDS_ITSELF = ("revoke_key", "rotate_key", "update_user", "disable_user", "revoke_session")
"""They could end the access with which the test runs, once it knows ids from other answers."""


def document() -> bytes:
    """The document without the time that a call may wait for news: each request would wait as long."""
    found = openapi.document()
    for operations in found["paths"].values():
        for operation in operations.values():
            operation["parameters"] = [one for one in operation["parameters"] if one["name"] != "wait"]
    return orjson.dumps(found)


async def check(account: Account, directory: Path, *options: str) -> None:
    """Run schemathesis with the token of an admin, and print its summary."""
    (directory / "openapi.json").write_bytes(document())
    command = [sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", f"{account.url}{BASE}"]
    command += ["--header", f"Authorization: Bearer {account.token('admin')}", "--checks", ",".join(CHECKS)]
    command += [*SEED, "--no-color", "--continue-on-failure", "--warnings", "off", *options]
    command += ["--suppress-health-check", "too_slow"]  # a machine that stands still
    environment = os.environ | {"SCHEMATHESIS_HOOKS": schemathesis_checks.__name__, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=directory, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    text = output.decode()
    print(text)
    assert process.returncode == 0, text[-20_000:]


async def test_answers_conform_to_the_document(account: Account, tmp_path: Path) -> None:
    await check(account, tmp_path, "--phases", "fuzzing", "--max-examples", "5", "--max-time", "20")


@pytest.mark.systems
@pytest.mark.timeout(300)
@pytest.mark.parametrize("phase", ["coverage", "fuzzing", "stateful"])
async def test_answers_to_many_requests_conform_to_the_document(account: Account, tmp_path: Path, phase: str) -> None:
    excluded = [option for name in ENDS_ITSELF for option in ("--exclude-operation-id", name)]
    options = excluded if phase == "stateful" else []
    await check(account, tmp_path, "--phases", phase, "--max-examples", "100", "--max-time", "60", *options)
