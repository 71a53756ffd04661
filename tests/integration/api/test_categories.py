"""Own categories and tags of messages over REST, by command, and in corrections and skills."""

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
LEAK = {"key": "leak", "name": "Leak", "description": "Water where it must not be", "examples": ["Water runs down"]}
PETS = {"key": "pets", "name": "Pets", "description": "", "examples": []}
TAGS: dict[str, Any] = {"tags": [LEAK, PETS]}


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


async def test_tags_are_set_under_their_etag_beside_the_categories(admin: RestClient) -> None:
    found = await admin.call("get_tags")
    assert found.body == {"tags": []}
    match = {"If-Match": found.headers["ETag"]}
    put = await admin.call("put_tags", TAGS, headers=match)
    assert put.body == TAGS == await admin.do("get_tags")
    await admin.refused("put_tags", {"tags": []}, headers=match, status=412)
    await admin.do("put_categories", OWN)
    assert await admin.do("put_tags", TAGS, headers={"If-Match": put.headers["ETag"]}) == TAGS
    assert await admin.do("get_categories") == OWN
    entries = (await admin.do("list_audit_entries"))["entries"]
    logged = [(entry["action"], entry["details"]) for entry in entries if entry["action"].endswith("s.updated")]
    assert logged == [("categories.updated", {"fields": ["is_enabled", "own"]}), ("tags.updated", {"fields": ["tags"]})]


async def test_tags_are_changed_by_admins_of_the_account_only(
    admin: RestClient, account: Account, foreigner: RestClient
) -> None:
    await admin.do("put_tags", TAGS)
    viewer = RestClient(admin.session, account.token("viewer"))
    assert await viewer.do("get_tags") == TAGS
    await viewer.refused("put_tags", TAGS, status=403)
    names = (await (await account.connect("viewer")).do("get_categories"))["tags"]
    assert names == [{name: one[name] for name in ("key", "name")} for one in (LEAK, PETS)]
    await RestClient(admin.session, account.token("customer")).refused("get_tags", status=403)
    assert await foreigner.do("get_tags") == {"tags": []}


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
    return CliRunner().invoke(main, arguments, prog_name="hummdesk")


async def test_categories_are_managed_by_command(
    admin: RestClient, account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", account.settings.postgres)
    monkeypatch.setenv("REDIS_URL", account.settings.redis)
    monkeypatch.chdir(tmp_path)

    async def command(name: str, *arguments: str) -> Result:
        return await asyncio.to_thread(run, "category", name, "--account", str(account.id), *arguments)

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


async def test_tags_are_managed_by_command(
    admin: RestClient, account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", account.settings.postgres)
    monkeypatch.setenv("REDIS_URL", account.settings.redis)
    monkeypatch.chdir(tmp_path)

    async def command(name: str, *arguments: str) -> Result:
        return await asyncio.to_thread(run, "tag", name, "--account", str(account.id), *arguments)

    example = ("--description", "Water where it must not be", "--example", "Water runs down")
    assert (await command("set", "leak", "--name", "Leak", *example)).stdout == "1 own tags, in use\n"
    await command("set", "pets", "--name", "Pets", "--description", "Dogs", "--example", "My dog")
    both = await command("set", "pets", "--example", "My cat", "--no-examples")
    assert (both.exit_code, "exclude each other" in both.stderr) == (2, True)
    await command("set", "pets", "--description", "", "--no-examples")
    assert await admin.do("get_tags") == TAGS
    listed = (await command("list", "--json")).stdout
    assert [json.loads(line) for line in listed.splitlines()] == [LEAK, PETS]
    (tmp_path / "own.jsonl").write_text(json.dumps(PETS))
    assert (await command("import", "own.jsonl")).stdout == "1 own tags, in use\n"
    (tmp_path / "own.jsonl").write_text(json.dumps(PETS | {"key": "P"}))
    assert "the tags are not valid" in (await command("import", "own.jsonl")).stderr
    assert (await command("remove", "pets")).stdout == "0 own tags, the built-in ones are used\n"
