"""The commands for sign-in links, sessions and identity providers."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from hummdesk.cli import main
from hummdesk.core.encryption import Encryption
from hummdesk.storage import oidc
from tests.integration.server.accounts import Account
from tests.integration.server.test_staff_sessions import Browser, browsing, socket

Command = Callable[..., Awaitable[Result]]


@pytest.fixture
def hummdesk(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command with the settings of the web process, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("jwt_secret", "encryption_keys", "hummdesk_env"):
        monkeypatch.setenv(name.upper(), getattr(account.settings, name))
    monkeypatch.setenv("DATABASE_URL", account.settings.postgres)
    monkeypatch.setenv("REDIS_URL", account.settings.redis)
    monkeypatch.setenv("PUBLIC_URL", account.url)

    async def run(*arguments: str, stdin: str | None = None) -> Result:
        options = [*arguments, "--account", str(account.id)]
        return await asyncio.to_thread(CliRunner().invoke, main, options, input=stdin)

    return run


@pytest.fixture
def does(hummdesk: Command) -> Callable[..., Awaitable[list[Any]]]:
    async def run(*arguments: str, stdin: str | None = None) -> list[Any]:
        done = await hummdesk(*arguments, "--json", stdin=stdin)
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


Does = Callable[..., Awaitable[list[Any]]]


async def signed_in(account: Account, does: Does, browser: Browser, name: str = "agent") -> str:
    """Sign in by a link of the command; return a token."""
    [link] = await does("user", "sign-in-link", "--email", account.people[name].email)
    page, _, secret = link["signInUrl"].partition("#")
    assert page == f"{account.url}/sign-in"
    await browser.opens(secret)
    return str(await browser.token())


async def test_session_of_a_link_is_listed_and_revoked(account: Account, does: Does, hummdesk: Command) -> None:
    async with browsing(account.url) as browser, browsing(account.url) as other:
        client = await socket(account, await signed_in(account, does, browser))
        await signed_in(account, does, other, "admin")
        listed = await does("session", "list")
        assert {one["userId"] for one in listed} == {str(account.people[name].id) for name in ("agent", "admin")}
        [session] = await does("session", "list", "--user", account.people["agent"].email)
        assert (session["signedInBy"], session["network"]) == ("link", "127.0.0.1")
        await does("session", "revoke", session["id"])
        await client.receives("authentication_error", code="UNAUTHORIZED")
        await browser.token(status=401)
        await other.token()
        assert (await hummdesk("session", "revoke", session["id"])).exit_code == 2
    actions = await account.execute("SELECT action FROM audit_log WHERE account_id = %(account)s ORDER BY id")
    assert {action for (action,) in actions} == {"sign_in_link.created", "user.signed_in", "session.revoked"}


async def test_sessions_of_a_disabled_user_do_not_revive(account: Account, does: Does) -> None:
    async with browsing(account.url) as browser:
        await signed_in(account, does, browser)
        email = account.people["agent"].email
        await does("user", "disable", email)
        assert await does("session", "list") == []
        await does("user", "enable", email)
        await browser.token(status=401)


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "sign-in-link", "--email", "nobody@example.com"),
        ("user", "sign-in-link", "--email", str(uuid4())),
        ("session", "revoke", str(uuid4())),
        ("session", "list", "--user", "nobody@example.com"),
        ("oidc", "show"),
        ("oidc", "remove"),
        ("oidc", "set", "--issuer", "x", "--client-id", "c"),
        ("oidc", "set", "--issuer", "https://id.example", "--client-id", "c", "--group", "support"),
        ("oidc", "set", "--issuer", "https://id.example", "--client-id", "c", "--group", "a=boss"),
        ("oidc", "set", "--issuer", "https://id.example", "--client-id", "c", "--group", "a=agent:Nobody"),
        ("oidc", "set", "--issuer", "https://id.example", "--client-id", "c", "--scope", "email"),
        ("oidc", "set", "--issuer", "https://id.example", "--client-id", "c", "--name", "a b"),
        ("oidc", "set", "--issuer", "https://id.example?x", "--client-id", "c"),
    ],
)
async def test_invalid_arguments_are_refused_in_one_line(hummdesk: Command, arguments: tuple[str, ...]) -> None:
    done = await hummdesk(*arguments)
    assert done.exit_code == 2
    assert len(done.output.splitlines()) == 1, done.output


async def test_provider_is_set_shown_and_removed(
    account: Account, foreign: Account, does: Does, hummdesk: Command
) -> None:
    mark = account.id.hex
    options = ("--issuer", "http://127.0.0.1:1", "--client-id", "desk", "--name", mark, "--name", f"{mark}.example")
    group = f"support=agent:{account.team}"
    [provider] = await does("oidc", "set", *options, "--client-secret", "-", "--group", group, stdin="very secret\n")
    assert provider["groups"] == {"support": {"role": "agent", "teamIds": [str(account.team)]}}
    assert provider["redirectUri"] == f"{account.url}/sign-in/callback/{account.id}"
    assert (provider["hasClientSecret"], provider["names"]) == (True, [mark, f"{mark}.example"])
    assert "very secret" not in json.dumps(provider)
    assert await does("oidc", "show") == [provider]

    [[stored]] = await account.execute("SELECT client_secret FROM oidc_providers WHERE account_id = %(account)s")
    encryption = Encryption.of(account.settings)
    assert encryption.decrypt(stored, context=oidc.context_of(account.id)) == b"very secret"
    [kept] = await does("oidc", "set", *options)
    assert (kept["hasClientSecret"], kept["groups"]) == (True, {})
    moved = await hummdesk("oidc", "set", "--issuer", "https://evil.example", "--client-id", "desk")
    assert moved.exit_code == 2, "the secret would be sent to another issuer"

    async with browsing(account.url) as browser:
        for name, status in ((mark, 503), (f"Ada@{mark}.example", 503), (str(account.id), 503), ("other", 404)):
            await browser.does("POST", "/session/oidc", json={"account": name}, status=status)
        for invalid in (None, 7, "", "x" * 999, "\0"):
            await browser.does("POST", "/session/oidc", json={"account": invalid}, status=400)
        await does("oidc", "remove")
        await browser.does("POST", "/session/oidc", json={"account": mark}, status=404)
        await browser.does("POST", "/session/oidc", json={"account": str(account.id)}, status=404)


async def test_sign_in_name_belongs_to_one_account(
    account: Account, foreign: Account, does: Does, hummdesk: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--issuer", "http://127.0.0.1:1", "--client-id", "desk", "--public-client", "--name", account.id.hex)
    await does("oidc", "set", *options)
    arguments = ["oidc", "set", *options, "--account", str(foreign.id)]
    done = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    assert (done.exit_code, "Another account has the sign-in name" in done.output) == (2, True)
