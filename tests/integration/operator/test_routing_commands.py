"""The commands for routing: settings of accounts and teams, and the replay of decisions."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner

from hummdesk.cli import main
from hummdesk.core.config import Settings


@pytest.fixture(autouse=True)
def deployment(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "REDIS_URL", "JWT_SECRET"):
        monkeypatch.setenv(name, str(getattr(settings, name.lower())))


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, arguments, prog_name="hummdesk")
    assert result.exit_code == code, result.output
    return result.stdout


def ask(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_routing_commands_set_show_and_replay() -> None:
    account = ask("account", "create", f"Acme {uuid4()}")["account"]["id"]
    team = ask("team", "create", "--account", account, "Billing")["id"]
    routing = ("--account", account)
    assert ask("routing", "show", *routing)["mode"] == "off"
    changed = ask("routing", "set", *routing, "--mode", "least_loaded", "--capacity", "3")
    assert (changed["mode"], changed["capacity"], changed["offlineSeconds"]) == ("least_loaded", 3, 30)
    changed = ask("routing", "set", *routing, "--team", team, "--mode", "round_robin")
    assert changed["teams"] == [{"teamId": team, "mode": "round_robin", "capacity": None}]
    assert ask("routing", "set", *routing, "--team", team, "--as-account")["teams"][0]["mode"] is None
    assert run("routing", "replay", *routing) == "0 decisions, 0 differences\n"
    for wrong in (("--capacity", "-1"), ("--mode", "best"), (), ("--team", team, "--answer-seconds", "5")):
        run("routing", "set", *routing, *wrong, code=2)
