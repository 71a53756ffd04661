"""Own categories of messages over REST, by command, and in corrections and skills."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hummdesk.cli import main
from tests.integration.api.rest_client import RestClient
from tests.integration.server.accounts import Account

REPAIRS = {"key": "repairs", "name": "Repairs", "description": "Broken things", "examples": ["The tap drips"]}
RENT = {"key": "rent", "name": "Rent", "description": "", "examples": []}
OWN: dict[str, Any] = {"enabled": True, "categories": [REPAIRS, RENT]}


async def test_categories_are_set_under_their_etag_and_logged_without_texts(admin: RestClient) -> None:
    found = await admin.call("get_categories")
    assert found.body == {"enabled": False, "categories": []}
    match = {"If-Match": found.headers["ETag"]}
    put = await admin.call("put_categories", OWN, headers=match)
    assert put.body == OWN == await admin.do("get_categories")
    await admin.refused("put_categories", OWN | {"enabled": False}, headers=match, status=412)
    assert await admin.do("put_categories", OWN, headers={"If-Match": put.headers["ETag"]}) == OWN
    entries = (await admin.do("list_audit_entries"))["entries"]
    logged = [entry for entry in entries if entry["action"] == "categories.updated"]
    assert [entry["details"] for entry in logged] == [{"fields": ["is_enabled", "own"]}], "the second time: no change"


async def test_categories_are_changed_by_admins_of_the_account_only(
    admin: RestClient, account: Account, foreigner: RestClient
) -> None:
    await admin.do("put_categories", OWN)
    for role in ("agent", "viewer"):
        staff = RestClient(admin.session, account.token(role))
        assert await staff.do("get_categories") == OWN
        await staff.refused("put_categories", OWN, status=403)
        names = (await (await account.connect(role)).do("get_categories"))["categories"]
        assert names == [{name: one[name] for name in ("key", "name", "description")} for one in (REPAIRS, RENT)]
    await RestClient(admin.session, account.token("customer")).refused("get_categories", status=403)
    customer = await account.connect("customer")
    assert (await customer.ask("get_categories"))["error"]["code"] == "FORBIDDEN"
    assert await foreigner.do("get_categories") == {"enabled": False, "categories": []}


async def test_correction_names_a_category_of_the_account(admin: RestClient, account: Account) -> None:
    customer, agent = await account.connect("customer"), await account.connect("agent")
    conversation = str(account.conversation)
    sent = await customer.do("send_message", {"conversationId": conversation, "content": "The tap drips"})
    about = {"conversationId": conversation, "messageId": sent["messageId"]}
    early = await agent.ask("correct_classification", about | {"category": "repairs"})
    assert early["error"]["code"] == "VALIDATION_ERROR"
    await admin.do("put_categories", OWN)
    assert (await agent.do("correct_classification", about | {"category": "repairs"}))["category"] == "repairs"
    assert (await agent.do("correct_classification", about | {"category": "general"}))["category"] == "general"
    refused = await agent.ask("correct_classification", about | {"category": "billing"})
    assert refused["error"]["details"] == {"category": ["Must be one of: repairs, rent, general."]}


async def test_skill_names_a_category_of_the_account(admin: RestClient, account: Account) -> None:
    colleague = account.people["colleague"].id
    refused = await admin.refused("update_user", {"skills": ["de", "repairs"]}, id=colleague, status=422)
    assert [one["field"] for one in refused["errors"]] == ["skills.1"]
    await admin.do("put_categories", OWN)
    changed = await admin.do("update_user", {"skills": ["de", "repairs", "billing"]}, id=colleague)
    assert changed["skills"] == ["de", "repairs", "billing"]
    await admin.do("put_categories", {"enabled": False, "categories": []})
    await admin.do(
        "update_user", {"skills": ["repairs", "fr"]}, id=colleague
    )  # a skill whose category is gone may stay
    await admin.refused("update_user", {"skills": ["rent"]}, id=colleague, status=422)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["category", *arguments], prog_name="hummdesk")


async def test_categories_are_managed_by_command(
    admin: RestClient, account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", account.settings.postgres)
    monkeypatch.setenv("REDIS_URL", account.settings.redis)
    monkeypatch.chdir(tmp_path)

    async def command(name: str, *arguments: str) -> Result:
        return await asyncio.to_thread(run, name, "--account", str(account.id), *arguments)

    example = ("--description", "Broken things", "--example", "The tap drips")
    assert (await command("set", "repairs", "--name", "Repairs", *example)).stdout == "1 own categories, not in use\n"
    early = await command("enable")
    assert (early.exit_code, "at least 2" in early.stderr) == (2, True)
    await command("set", "rent", "--name", "Lease")
    await command("set", "rent", "--name", "Rent")
    assert (await command("enable")).stdout == "2 own categories, in use\n"
    assert await admin.do("get_categories") == OWN
    listed = (await command("list", "--json")).stdout
    assert [json.loads(line) for line in listed.splitlines()] == [REPAIRS, RENT]
    (tmp_path / "own.jsonl").write_text(listed + json.dumps(RENT | {"key": "parking", "name": "Parking"}))
    assert (await command("import", "own.jsonl")).stdout == "3 own categories, in use\n"
    assert (await command("remove", "parking")).stdout == "2 own categories, in use\n"
    assert "no category 'parking'" in (await command("remove", "parking")).stderr
    (tmp_path / "own.jsonl").write_text("repairs")
    assert (await command("import", "own.jsonl")).exit_code == 2
    assert (await command("disable")).stdout == "2 own categories, not in use\n"
    assert (await admin.do("get_categories"))["enabled"] is False
