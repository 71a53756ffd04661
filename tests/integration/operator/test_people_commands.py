"""The commands for accounts, people and keys: created once, in tables and as JSON, recorded in the audit log."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner

from hummdesk.cli import main
from hummdesk.core.api_keys import PREFIX
from hummdesk.core.config import Settings


@pytest.fixture(autouse=True)
def deployment(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", settings.postgres)
    monkeypatch.setenv("REDIS_URL", settings.redis)
    monkeypatch.setenv("JWT_SECRET", settings.jwt_secret)


def run(*arguments: str, text: str | None = None) -> str:
    result = CliRunner().invoke(main, arguments, prog_name="hummdesk", input=text)
    assert result.exit_code == 0, result.stderr or result.exception
    return result.stdout


def ask(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def refusal(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments, prog_name="hummdesk")
    assert result.exit_code == 2, result.output
    return result.stderr


@pytest.fixture
def account() -> str:
    return str(ask("account", "create", f"Acme {uuid4()}")["account"]["id"])


def test_account_is_created_once_with_an_admin_and_a_link() -> None:
    name = f"Acme {uuid4()}"
    made = ask("account", "create", name, "--admin", "ada@acme.example")
    assert made["account"]["name"] == name
    assert (made["admin"]["email"], made["admin"]["role"]) == ("ada@acme.example", "admin")
    assert "/sign-in#" in made["signInUrl"]
    again = ask("account", "create", name, "--admin", "ADA@acme.example")
    assert again == {"account": made["account"], "admin": made["admin"]}
    assert ask("account", "create", name, "--admin", "ada@acme.example", "--new-link")["signInUrl"]
    assert "signInUrl: " in run("account", "create", name, "--admin", "grace@acme.example")


def test_account_commands_show_rename_and_disable(account: str) -> None:
    assert ask("account", "show", account)["id"] == account
    name = f"Renamed {uuid4()}"
    assert ask("account", "update", account, "--name", name)["name"] == name
    assert name in run("account", "list")
    assert name in [json.loads(line)["name"] for line in run("account", "list", "--json").splitlines()]
    assert ask("account", "disable", account)["disabledAt"]
    assert "no active user" in refusal("token", "--email", "ada@acme.example", "--account", account)
    assert "disabledAt" not in ask("account", "enable", account)
    assert "No account has this id" in refusal("account", "disable", str(uuid4()))


def test_user_commands_create_update_and_disable(account: str) -> None:
    made = ask("user", "create", "--account", account, "ada@acme.example", "--skill", "sales")
    assert (made["name"], made["role"], made["skills"]) == ("ada", "agent", ["sales"])
    again = ask("user", "create", "--account", account, "ADA@acme.example", "--role", "viewer")
    assert again == made | {"role": "viewer"}
    changed = ask("user", "update", "--account", account, "ada@acme.example", "--name", "Ada")
    assert changed["name"] == "Ada"
    assert not ask("user", "disable", "--account", account, "ada@acme.example")["active"]
    assert ask("user", "enable", "--account", account, made["id"])["active"]
    assert ask("user", "show", "--account", account, "ada@acme.example")["id"] == made["id"]
    table = run("user", "list", "--account", account).splitlines()
    assert table[0].split() == ["id", "email", "name", "role", "active", "skills"]
    assert table[1].split() == [made["id"], "ada@acme.example", "Ada", "viewer", "yes", "sales"]


def test_user_commands_set_the_capacity_and_return_it_to_the_queue(account: str) -> None:
    user = ("--account", account, "ada@acme.example")
    assert ask("user", "create", *user, "--capacity", "3")["capacity"] == 3
    assert ask("user", "update", *user, "--name", "Ada")["capacity"] == 3
    assert ask("user", "update", *user, "--capacity", "0")["capacity"] == 0
    assert ask("user", "update", *user, "--capacity", "queue")["capacity"] is None
    assert ask("user", "create", *user, "--capacity", "1000")["capacity"] == 1000
    assert ask("user", "create", *user, "--capacity", "queue")["capacity"] is None
    new = ("--account", account, "bob@acme.example")
    assert ask("user", "create", *new, "--capacity", "queue")["capacity"] is None
    assert "--capacity" in refusal("user", "update", *user, "--capacity", "1001")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("user", "create", "ada"), "not an e-mail"),
        (("user", "create", "a@b.example", "--name", " "), "not a name"),
        (("user", "create", "a@b.example", "--skill", "yodelling"), "not a skill"),
        (("user", "create", "a@b.example", "--team", "Nobody"), "no team 'Nobody'"),
        (("user", "show", "nobody@acme.example"), "no user"),
        (("team", "update", "Nobody"), "no team"),
        (("team", "create", "Team", "--member", "nobody@acme.example"), "no user"),
        (("contact", "create"), "--external-id"),
        (("contact", "create", "--email", "x@y.example", "--attribute", "plan"), "not an attribute"),
        (("contact", "show", "nobody"), "no contact"),
        (("key", "disable", "nothing"), "no key"),
        (("skills", "show", "--email", "nobody@acme.example"), "no user"),
    ],
)
def test_invalid_value_is_refused_in_one_line(account: str, arguments: tuple[str, ...], reason: str) -> None:
    refused = refusal(*arguments, "--account", account)
    assert reason in refused
    assert refused.count("\n") == 1


def test_team_commands_manage_members(account: str) -> None:
    ada = ask("user", "create", "--account", account, "ada@acme.example")["id"]
    made = ask("team", "create", "--account", account, "Support")
    assert ask("team", "create", "--account", account, "Support", "--member", "ada@acme.example") == made | {
        "memberIds": [ada]
    }
    assert ask("user", "show", "--account", account, ada)["teamIds"] == [made["id"]]
    assert ask("team", "update", "--account", account, "Support", "--remove", ada)["memberIds"] == []
    assert not ask("team", "disable", "--account", account, "Support")["active"]
    assert ask("team", "enable", "--account", account, made["id"])["active"]
    assert "Support" in run("team", "list", "--account", account)


def test_team_commands_set_description_and_examples(account: str) -> None:
    made = ask("team", "create", "--account", account, "Money", "--description", "Invoices", "--example", "Pay twice?")
    assert (made["description"], made["examples"]) == ("Invoices", ["Pay twice?"])
    changed = ask("team", "update", "--account", account, "Money", "--example", "One", "--example", "Two")
    assert changed == made | {"examples": ["One", "Two"]}
    again = ask("team", "create", "--account", account, "Money", "--description", "Payments")
    assert again == changed | {"description": "Payments"}
    cleared = ask("team", "update", "--account", account, "Money", "--description", "", "--no-examples")
    assert cleared == made | {"description": "", "examples": []}
    assert "texts of the team are not valid" in refusal(
        "team", "update", "Money", "--account", account, "--description", "x" * 301
    )


def test_contact_commands_find_by_any_id(account: str) -> None:
    made = ask("contact", "create", "--account", account, "--external-id", "c-7", "--attribute", "plan=gold")
    assert (made["externalId"], made["attributes"], "email" in made) == ("c-7", {"plan": "gold"}, False)
    again = ask("contact", "create", "--account", account, "--external-id", "c-7", "--email", "c@shop.example")
    assert again == made | {"email": "c@shop.example"}
    for name in ("c-7", "C@shop.example", made["id"]):
        assert ask("contact", "show", "--account", account, name)["id"] == made["id"]
    assert not ask("contact", "disable", "--account", account, "c-7")["active"]
    assert ask("contact", "enable", "--account", account, "c-7")["active"]
    assert ask("contact", "update", "--account", account, "c-7", "--name", "Cleo")["name"] == "Cleo"
    assert "Cleo" in run("contact", "list", "--account", account)


def test_key_is_printed_once_and_revoked(account: str) -> None:
    made = ask("key", "create", "--account", account, "--scope", "admin")
    assert made["key"].startswith(PREFIX)
    named = ask("key", "create", "--account", account, "--scope", "read", "--name", "shop")
    assert "key" not in ask("key", "create", "--account", account, "--scope", "read", "--name", "shop")
    assert ask("key", "rotate", "--account", account, "shop")["key"] != named["key"]
    assert ask("key", "disable", "--account", account, "shop")["revokedAt"]
    assert ask("key", "show", "--account", account, made["id"])["scope"] == "admin"
    listed = run("key", "list", "--account", account)
    assert "shop" in listed
    assert made["key"] not in listed


def test_skills_are_set_as_before_and_by_update(account: str) -> None:
    run("user", "create", "--account", account, "ada@acme.example")
    assert run("skills", "--account", account, "--email", "ada@acme.example", "sales", "de") == "ada: sales, de\n"
    assert ask("skills", "show", "--account", account, "--email", "ada@acme.example")["skills"] == ["sales", "de"]
    assert "sales, de" in run("skills", "list", "--account", account)
    assert run("skills", "update", "--account", account, "--email", "ada@acme.example") == "ada: no skills\n"


def test_knowledge_and_canned_replies_are_created_and_changed(account: str) -> None:
    of = ("--account", account)
    made = ask("knowledge", "create", *of, "--title", "Returns", "--body", "Within 30 days.", "--question", "How long?")
    assert made["questions"] == ["How long?"]
    changed = ask("knowledge", "create", *of, "--title", "Returns", "--body", "Within 60 days.", "--language", "en")
    assert (changed["id"], changed["body"], changed["language"]) == (made["id"], "Within 60 days.", "en")
    updated = ask("knowledge", "update", *of, made["id"], "--title", "Refunds")
    assert (updated["title"], updated["body"]) == ("Refunds", "Within 60 days.")
    [listed] = [json.loads(line) for line in run("knowledge", "list", *of).splitlines()]
    assert listed == {name: value for name, value in updated.items() if name != "createdAt"}
    reply = ask("canned", "create", *of, "--title", "Hello", "--body", "Hello!")
    assert "questions" not in reply
    assert ask("canned", "show", *of, "Hello") == reply
    assert ask("canned", "update", *of, "Hello", "--body", "Hi!")["body"] == "Hi!"
    assert "Hello" in run("knowledge", "list", "--canned", *of)
    run("canned", "remove", *of, "Hello")
    assert run("canned", "list", *of) == ""


def test_settings_that_commands_change_are_in_the_audit_log(account: str, settings: Settings) -> None:
    run("widget", account, "https://shop.example")
    run("account", "retention", account, "--days", "30")
    run("ai", "budget", "--account", account, "--tokens", "1000")
    assert ask("account", "files", account, "--quota", "5") == {"bytes": 0, "quotaBytes": 5 << 20}
    assert ask("account", "files", account) == {"bytes": 0, "quotaBytes": 5 << 20}
    run("ai", "provider", "--account", account, "embedded")
    assert " 0.6 " in run("ai", "threshold", "--account", account, "0.6")
    shown = ask("account", "show", account)
    assert (shown["widgetOrigins"], shown["retentionDays"], shown["aiDailyTokens"], shown["aiProvider"]) == (
        ["https://shop.example"],
        30,
        1000,
        "embedded",
    )
    with psycopg.connect(settings.postgres) as connection:
        rows = connection.execute(
            "SELECT actor_type, action, details -> 'fields' ->> 0 FROM audit_log WHERE account_id = %s ORDER BY id",
            (account,),
        ).fetchall()
    assert rows == [
        ("system", "account.created", None),
        ("system", "account.updated", "widget_origins"),
        ("system", "account.updated", "retention_days"),
        ("system", "account.updated", "ai_daily_tokens"),
        ("system", "account.updated", "file_quota"),
        ("system", "account.updated", "ai_provider"),
        ("system", "account.updated", "ai_min_confidence"),
    ]
    assert shown["aiMinConfidence"] == 0.6
    assert "company: We sell boots" in run("ai", "profile", "--account", account, "--company", " We sell boots")
    assert ask("account", "show", account)["aiCompany"] == "We sell boots"
    assert run("ai", "profile", "--account", account, "--company", "", "--voice", "Short").splitlines() == [
        "company: -",
        "voice: Short",
        "policies: -",
    ]
    assert "more than 8000" in refusal("ai", "profile", "--account", account, "--policies", "x" * 8001)
    assert "none (default)" in run("ai", "threshold", "--account", account, "default")
    for wrong in ("1.5", "-1", "nan", "much"):
        assert "not a number from 0 to 1" in refusal("ai", "threshold", "--account", account, "--", wrong)
