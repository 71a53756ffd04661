"""The commands for webhooks: created once by their address, in tables and as JSON, recorded in the audit log."""

import json
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from hummdesk.core.config import Settings
from tests.integration.operator.test_people_commands import account, ask, deployment, refusal, run

__all__ = ["account", "deployment"]

URL = "https://hooks.example/desk"


@pytest.fixture(autouse=True)
def keys(deployment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCRYPTION_KEYS", "a key of the tests with at least 32 bytes")


@pytest.fixture
def hook(account: str) -> Any:
    return ask("webhook", "create", URL, "--account", account)


def of(account: str, *arguments: str) -> tuple[str, ...]:
    return ("webhook", *arguments, "--account", account)


def test_webhook_is_created_once_by_its_address(account: str, hook: Any) -> None:
    assert hook["secret"].startswith("whsec_")
    assert hook["events"] == ["*"]
    again = ask(*of(account, "create", URL, "--event", "new_message", "--event", "ai_draft"))
    assert again["id"] == hook["id"]
    assert again["events"] == ["new_message", "ai_draft"]
    assert "secret" not in again
    assert ask(*of(account, "create", URL)) == again, "nothing is changed but what is given"
    assert [json.loads(line)["id"] for line in run(*of(account, "list", "--json")).splitlines()] == [hook["id"]]
    assert URL in run(*of(account, "list"))


def test_webhook_is_shown_changed_disabled_and_enabled(account: str, hook: Any) -> None:
    assert ask(*of(account, "show", hook["id"]))["pending"] == 0
    assert ask(*of(account, "disable", hook["id"]))["disabledReason"] == "requested"
    changed = ask(*of(account, "update", hook["id"], "--enable", "--url", f"{URL}/2", "--rotate-secret"))
    assert (changed["enabled"], changed["url"]) == (True, f"{URL}/2")
    assert changed["secret"] != hook["secret"]
    assert "No webhook of this account" in refusal(*of(account, "show", str(uuid4())))


def test_deliveries_are_listed_and_replayed(account: str, hook: Any, settings: Settings) -> None:
    assert ask(*of(account, "test", hook["id"]))["queued"] == 1
    (delivery,) = [json.loads(line) for line in run(*of(account, "deliveries", hook["id"], "--json")).splitlines()]
    assert (delivery["number"], delivery["type"], delivery["status"]) == (0, "test", "pending")
    assert ask(*of(account, "replay", hook["id"], "--number", "0"))["queued"] == 0
    with psycopg.connect(settings.postgres, autocommit=True) as superuser:
        superuser.execute(
            "UPDATE webhook_deliveries SET status = 'set_aside', finished_at = now() WHERE webhook_id = %s",
            (hook["id"],),
        )
    assert "set_aside" in run(*of(account, "deliveries", hook["id"], "--status", "set_aside"))
    assert ask(*of(account, "replay", hook["id"], "--set-aside"))["queued"] == 1
    assert ask(*of(account, "replay", hook["id"], "--after", "0"))["after"] == 0
    assert "has not reached this number" in refusal(*of(account, "replay", hook["id"], "--after", "999"))
    assert "give one of" in refusal(*of(account, "replay", hook["id"]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("http://hooks.example/",), "is not an address like"),
        (("https://127.0.0.1/",), "internal address"),
        ((URL, "--event", "unknown"), "'unknown' is not a type of the feed's events"),
    ],
)
def test_invalid_webhook_is_refused(account: str, arguments: tuple[str, ...], message: str) -> None:
    assert message in refusal(*of(account, "create", *arguments))


def test_webhook_of_an_unknown_account_is_refused() -> None:
    assert "no account has the id" in refusal(*of(str(uuid4()), "list"))
