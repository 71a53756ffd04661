"""From an empty database to a customer who is answered, by commands only."""

import asyncio
import json
import secrets
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from click.testing import CliRunner

from hummdesk.cli import main
from hummdesk.core.config import Settings
from tests.integration.server.accounts import Client
from tests.integration.server.conftest import running


async def command(*arguments: str) -> Any:
    """Run a command, and return what it prints as JSON."""
    done = await asyncio.to_thread(CliRunner().invoke, main, [*arguments], prog_name="hummdesk")
    assert done.exit_code == 0, done.stderr or done.exception
    return json.loads(done.stdout)


async def test_agent_answers_a_customer_after_commands_only(
    settings: Settings, fresh_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = replace(settings, database_url=fresh_database_url, encryption_keys=secrets.token_hex(32))
    monkeypatch.chdir(tmp_path)
    for name in ("database_url", "redis_url", "jwt_secret", "encryption_keys"):
        monkeypatch.setenv(name.upper(), getattr(own, name))

    made = await command("account", "create", "Acme", "--admin", "ada@acme.example", "--json")
    account = made["account"]["id"]
    of = ("--account", account, "--json")
    team = await command("team", "create", "Support", "--member", "ada@acme.example", *of)
    await command("user", "create", "grace@acme.example", "--name", "Grace", "--team", "Support", *of)
    key = await command("signing-key", "add", *of)
    signed_in = await asyncio.to_thread(CliRunner().invoke, main, ["token", "--email", "grace@acme.example"])
    claims = {"accountId": account, "externalId": "1001", "name": "Cleo", "exp": int(time.time()) + 600}
    customer_token = jwt.encode(claims, key["secret"], algorithm="HS256", headers={"kid": key["kid"]})

    async with running(own, name="first-run") as (url, _):
        agent = await Client(url).connect(token=signed_in.stdout.strip())
        assert (await agent.receives("authenticated"))["accountId"] == account
        customer = await Client(url).connect(token=customer_token)
        await customer.receives("authenticated")
        started = await customer.do("start_conversation", {"content": "Where is my parcel?"})
        conversation = started["conversation"]["conversationId"]
        asked = await agent.receives("new_message", content="Where is my parcel?")
        assert asked["senderName"] == "Cleo"
        await agent.do("join_conversation", conversation)
        await customer.do("join_conversation", conversation)
        await agent.do("send_message", {"conversationId": conversation, "content": "On its way."})
        assert (await customer.receives("new_message", content="On its way."))["senderName"] == "Grace"
        assert team["id"] in str(await agent.do("get_teams"))
        await command("user", "disable", "grace@acme.example", *of)
        await agent.receives("authentication_error", code="UNAUTHORIZED")
        await agent.close()
        await customer.close()
