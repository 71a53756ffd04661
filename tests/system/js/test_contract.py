"""The generated contract: TypeScript types that compile, an AsyncAPI document that validates."""

import subprocess
from pathlib import Path

import pytest

from docs.generate import ROOT
from hummdesk.contract.table import EVENTS, REQUESTS
from tests.system.js.script_runner import HERE, ScriptRunner
from tests.unit.contract.test_generated import printed

WEB = ROOT / "web"


@pytest.mark.systems
def test_asyncapi_is_valid(node: ScriptRunner, tmp_path: Path) -> None:
    command: list[str | Path] = [node.program, HERE / "asyncapi.mjs"]
    done = subprocess.run(command, input=printed("--asyncapi"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"valid: {len(EVENTS) + 2 * len(REQUESTS)} ")


def test_built_client_compiles_and_runs_under_strict_rules(node: ScriptRunner, tmp_path: Path) -> None:
    """By its `exports`, under the strictest rules, with the declarations looked through as well."""
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "consumer.ts").write_text((HERE / "consumer.ts").read_text())
    (tmp_path / "node_modules/@hummdesk").mkdir(parents=True)
    (tmp_path / "node_modules/@hummdesk/client").symlink_to(WEB / "client")
    for command in (
        [WEB / "node_modules/.bin/tsc", "--strict", "--exactOptionalPropertyTypes", *TARGET, "consumer.ts"],
        ["consumer.js"],
    ):
        done = subprocess.run([node.program, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "done\n"


TARGET = ("--module", "nodenext", "--target", "es2022", "--lib", "es2023,dom")
