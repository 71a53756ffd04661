"""The business hours over REST and by command."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hummdesk.cli import main
from tests.integration.api.rest_client import RestClient
from tests.integration.server.accounts import Account

HOURS: dict[str, Any] = {
    "enabled": True,
    "timeZone": "Europe/Berlin",
    "weekly": [
        {"day": "monday", "opens": "09:00", "closes": "12:30"},
        {"day": "monday", "opens": "13:30", "closes": "24:00"},
        {"day": "saturday", "opens": "22:00", "closes": "02:00"},
    ],
    "country": "DE",
    "subdivision": "BW",
    "closedDates": ["2026-12-24"],
    "outside": "announce",
    "texts": {"en": "See you tomorrow", "de": "Bis morgen"},
    "routeOutsideHours": False,
}


async def test_hours_are_set_under_their_etag(admin: RestClient) -> None:
    found = await admin.call("get_hours")
    assert (found.body["enabled"], found.body["weekly"]) == (False, [])
    match = {"If-Match": found.headers["ETag"]}
    put = await admin.call("put_hours", HOURS, headers=match)
    assert put.body == HOURS == await admin.do("get_hours")
    await admin.refused("put_hours", HOURS | {"timeZone": "UTC"}, headers=match, status=412)
    assert await admin.do("put_hours", HOURS, headers={"If-Match": put.headers["ETag"]}) == HOURS
    logged = [
        entry for entry in (await admin.do("list_audit_entries"))["entries"] if entry["action"] == "hours.updated"
    ]
    assert len(logged) == 1, "the second time nothing changed"
    assert "time_zone" in logged[0]["details"]["fields"]


async def test_routing_is_set_under_its_etag(admin: RestClient, account: Account) -> None:
    found = await admin.call("get_routing")
    match = {"If-Match": found.headers["ETag"]}
    changed = await admin.call("update_routing", {"capacity": 7}, headers=match)
    assert changed.body["capacity"] == 7
    await admin.refused("update_routing", {"mode": "round_robin"}, headers=match, status=412)
    own = {"mode": "off"}
    await admin.refused("update_team_routing", own, teamId=account.team, headers=match, status=412)
    match = {"If-Match": changed.headers["ETag"]}
    await admin.do("update_team_routing", own, teamId=account.team, headers=match)


async def test_changes_of_routing_at_once_are_all_made(admin: RestClient) -> None:
    changes: list[dict[str, Any]] = [{"mode": "round_robin"}, {"capacity": 9}, {"answerSeconds": 5}]
    await asyncio.gather(*(admin.do("update_routing", change) for change in changes))
    found = await admin.do("get_routing")
    assert {name: found[name] for change in changes for name in change} == changes[0] | changes[1] | changes[2]


async def test_hours_are_for_admins(admin: RestClient, account: Account) -> None:
    agent = RestClient(admin.session, account.token("agent"))
    await agent.refused("get_hours", status=403)
    await agent.refused("put_hours", HOURS, status=403)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"timeZone": "Mars/Olympus"}, "timeZone"),
        ({"country": "XX", "subdivision": None}, "country"),
        ({"subdivision": "Bavaria"}, "subdivision"),
        ({"country": None}, "subdivision"),
        ({"weekly": [{"day": "monday", "opens": "25:00", "closes": "26:00"}]}, "weekly"),
        ({"weekly": [*HOURS["weekly"], {"day": "sunday", "opens": "01:00", "closes": "03:00"}]}, "weekly"),
        ({"closedDates": ["2027-02-29"]}, "closedDates"),
        ({"more": 1}, "more"),
    ],
)
async def test_invalid_hours_are_refused_under_their_field(
    admin: RestClient, change: dict[str, Any], field: str
) -> None:
    refusal = await admin.refused("put_hours", HOURS | change, status=422)
    assert {error["field"].partition(".")[0] for error in refusal["errors"]} == {field}


async def test_command_sets_and_shows_the_hours(
    admin: RestClient, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", account.settings.postgres)
    monkeypatch.setenv("REDIS_URL", account.settings.redis)

    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, main, ["hours", *arguments, "--account", str(account.id)])

    given = ["--time-zone", "Europe/Berlin", "--open", "sat-mon=20:00-02:00", "--open", "tue=09:00-12:00"]
    more = ["--text", "en=See you", "--closed", "2026-12-24", "--country", "DE", "--no-route-outside-hours", "--json"]
    done = await run("set", *given, *more)
    assert done.exit_code == 0, done.output
    stored = await admin.do("get_hours")
    assert json.loads(done.stdout) == stored
    assert [one["day"] for one in stored["weekly"]] == ["monday", "tuesday", "saturday", "sunday"]
    assert stored["routeOutsideHours"] is False
    shown = await run("show")
    assert "isOpen: " in shown.stdout
    assert "timeZone: Europe/Berlin" in shown.stdout
    for wrong, fault in (
        (["--open", "mon-fry=09:00-17:00"], "is not like mon-fri=09:00-17:00"),
        (["--open", "mon=09:00-25:00"], "Must be a time"),
        (["--open", "mon=09:00-17:00", "--country", "XX"], "country"),
        (["--open", "mon=09:00-17:00", "--text", "fr=Fermé"], "Unknown field"),
        ([], "--always-open"),
    ):
        refused = await run("set", *wrong)
        assert (refused.exit_code, fault in refused.stderr) == (2, True), refused.stderr
    assert await admin.do("get_hours") == stored
