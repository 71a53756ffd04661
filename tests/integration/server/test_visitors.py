"""Widget visitors: origins, limits, credentials and tokens."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import jwt
import pytest
from click.testing import CliRunner

from hummdesk.cli import main
from hummdesk.core import tokens
from hummdesk.core.config import Settings
from hummdesk.core.errors import Unauthorized
from hummdesk.server.http import visitors
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running

SHOP = "https://shop.example"


class Widget:
    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        self.session = session
        self.account = account

    async def asks(self, *, origin: str | None = SHOP, status: int = 200, **body: Any) -> Any:
        """What the desk answers to a page of this origin."""
        headers = {} if origin is None else {"Origin": origin}
        asked = {"accountId": str(self.account.id)} | body
        async with self.session.post("/widget/session", json=asked, headers=headers) as answer:
            said = await answer.json()
            assert answer.status == status, said
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Vary"] == "Origin"
        return said


@pytest.fixture
async def widget(account: Account) -> AsyncIterator[Widget]:
    await account.execute(
        "UPDATE accounts SET widget_origins = %(origins)s WHERE account_id = %(account)s", origins=[SHOP]
    )
    async with aiohttp.ClientSession(account.url) as session:
        yield Widget(session, account)


async def connects(account: Account, token: str) -> Any:
    client = await account.client().connect(token=token)
    return client, await client.receives("authenticated")


async def test_visitor_is_customer_who_can_start_a_conversation(widget: Widget) -> None:
    admitted = await widget.asks()
    client, person = await connects(widget.account, admitted["token"])
    assert (person["role"], person["accountId"]) == ("customer", str(widget.account.id))
    agent = await widget.account.connect("agent")
    await client.do("start_conversation", {"content": "Hello"})
    assert (await agent.receives("new_message"))["senderName"] == "Visitor"
    other, _ = await connects(widget.account, (await widget.asks())["token"])
    assert (await other.do("list_conversations", {}))["conversations"] == []


async def test_session_has_the_look_of_the_widget(widget: Widget, account: Account) -> None:
    admitted = await widget.asks()
    assert admitted["look"] == {}
    look = {"color": "#7c3aed", "position": "left", "texts": {"en": {"title": "Ask us"}}}
    await account.execute(
        "UPDATE accounts SET widget_look = %(look)s::jsonb WHERE account_id = %(account)s", look=json.dumps(look)
    )
    assert (await widget.asks(**{"pass": admitted["pass"]}))["look"] == look
    assert "look" not in await widget.asks(origin="https://evil.example", status=403)


async def test_credential_authenticates_the_same_visitor(widget: Widget) -> None:
    first = await widget.asks()
    again = await widget.asks(**{"pass": first["pass"]})
    once_more = await widget.asks(**{"pass": again["pass"]})
    people = [(await connects(widget.account, one["token"]))[1]["userId"] for one in (first, again, once_more)]
    assert len(set(people)) == 1


async def test_credential_is_valid_for_its_origin_and_account_only_and_not_as_token(
    widget: Widget, account: Account
) -> None:
    admitted = await widget.asks()
    elsewhere = "https://other.example"
    await account.execute(
        "UPDATE accounts SET widget_origins = %(origins)s WHERE account_id = %(account)s", origins=[SHOP, elsewhere]
    )
    for stolen in (admitted["pass"] + "x", admitted["token"], account.token("agent"), "", "x.y.z"):
        assert (await widget.asks(status=401, **{"pass": stolen}))["code"] == "UNAUTHORIZED"
    assert (await widget.asks(origin=elsewhere, status=401, **{"pass": admitted["pass"]}))["code"] == "UNAUTHORIZED"
    with pytest.raises(Unauthorized):
        tokens.verify(account.settings, admitted["pass"])


async def test_credential_of_inactive_visitor_is_refused(widget: Widget) -> None:
    admitted = await widget.asks()
    client, person = await connects(widget.account, admitted["token"])
    await widget.account.execute("UPDATE contacts SET active = false WHERE id = %(id)s", id=person["userId"])
    await client.receives("authentication_error")
    assert (await widget.asks(status=401, **{"pass": admitted["pass"]}))["code"] == "UNAUTHORIZED"


@pytest.mark.parametrize("origin", [None, "https://evil.example", "https://shop.example.evil.example", "null", "self"])
async def test_other_origins_are_forbidden(widget: Widget, origin: str | None) -> None:
    assert (await widget.asks(origin=origin, status=403))["code"] == "FORBIDDEN"
    unknown = await widget.asks(status=403, accountId=str(uuid4()))
    assert unknown["code"] == "FORBIDDEN"
    rows = await widget.account.execute("SELECT id FROM contacts WHERE account_id = %(account)s AND name = 'Visitor'")
    assert rows == []


async def test_origin_self_allows_the_pages_of_the_server(widget: Widget, account: Account) -> None:
    await account.execute("UPDATE accounts SET widget_origins = '{self}' WHERE account_id = %(account)s")
    await widget.asks(origin=account.url)
    await widget.asks(status=403)
    await widget.asks(origin="self", status=403)


WRONG = [b"", b"[]", b"{", b'{"accountId": 7}', b'{"pass": "x"}', b'"x"', b"\xff", b"1" * 9999]


@pytest.mark.parametrize("body", WRONG)
async def test_invalid_body_is_refused(widget: Widget, body: bytes) -> None:
    async with widget.session.post("/widget/session", data=body, headers={"Origin": SHOP}) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, "VALIDATION_ERROR")


async def test_visitors_of_one_address_are_limited(web_settings: Settings, account: Account) -> None:
    await account.execute("UPDATE accounts SET widget_origins = '{self}' WHERE account_id = %(account)s")
    few = replace(web_settings, rate_limit_visitors_per_minute=3)
    async with running(few, name="few-visitors") as (url, _), aiohttp.ClientSession(url) as session:
        widget = Widget(session, account)
        for _ in range(3):
            await widget.asks(origin=url)
        assert (await widget.asks(origin=url, status=429))["code"] == "RATE_LIMITED"


async def test_operator_sets_the_origins_of_the_widget(
    widget: Widget, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", account.settings.postgres)
    monkeypatch.setenv("REDIS_URL", account.settings.redis)
    monkeypatch.setenv("JWT_SECRET", account.settings.jwt_secret)

    async def says(*arguments: str) -> Any:
        return await asyncio.to_thread(CliRunner().invoke, main, ["widget", *arguments])

    assert (await says(str(account.id), "shop.example")).exit_code == 2
    assert (await says(str(uuid4()), SHOP)).exit_code == 2
    assert (await widget.asks())["token"]
    set_anew = await says(str(account.id), "https://other.example", "self")
    assert f'data-account="{account.id}"' in set_anew.output
    await widget.asks(status=403)
    assert (await widget.asks(origin="https://other.example"))["token"]
    assert (await says(str(account.id))).exit_code == 0
    await widget.asks(origin="https://other.example", status=403)


@pytest.mark.parametrize("everyone", [False, True])
async def test_revoked_credential_is_refused_and_later_ones_are_accepted(
    widget: Widget,
    account: Account,
    foreign: Account,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    everyone: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", account.settings.postgres)
    monkeypatch.setenv("REDIS_URL", account.settings.redis)
    monkeypatch.setenv("JWT_SECRET", account.settings.jwt_secret)

    async def revoke(*arguments: str, of: Account = account) -> int:
        command = ["visitor", "revoke", "--account", str(of.id), "--json", *arguments]
        return (await asyncio.to_thread(CliRunner().invoke, main, command)).exit_code

    first, other = await widget.asks(), await widget.asks()
    visitor = str(tokens.verify(account.settings, first["token"]).user_id)
    assert await revoke() == await revoke(visitor, "--all") == await revoke(visitor, of=foreign) == 2
    assert (await widget.asks(**{"pass": first["pass"]}))["token"]
    assert await revoke("--all", of=foreign) == 0
    assert await revoke(*(["--all"] if everyone else [visitor])) == 0
    assert (await widget.asks(status=401, **{"pass": first["pass"]}))["code"] == "UNAUTHORIZED"
    others: Any = {"pass": other["pass"]}
    await (widget.asks(status=401, **others) if everyone else widget.asks(**others))
    new = await widget.asks()
    await widget.asks(**{"pass": new["pass"]})


async def test_credential_of_an_earlier_version_is_accepted_until_it_is_revoked(
    widget: Widget, account: Account
) -> None:
    person = account.people["customer"]
    claims = {"sub": str(person.id), "account": str(account.id), "origin": SHOP, "exp": int(time.time()) + 86_400}
    old: Any = jwt.encode(claims, visitors._key(account.settings), algorithm="HS256")
    assert (await widget.asks(**{"pass": old}))["token"]
    await account.execute("UPDATE accounts SET passes_revoked_at = now() WHERE account_id = %(account)s")
    await widget.asks(status=401, **{"pass": old})
