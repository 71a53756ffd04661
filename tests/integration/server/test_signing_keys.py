"""Signing keys of accounts: commands, verification, rotation, revocation and isolation."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from hummdesk.cli import main
from hummdesk.core.encryption import Encryption
from hummdesk.core.errors import Unavailable
from hummdesk.server.node import Node
from hummdesk.server.token_verifier import MOST_UNKNOWN, TokenVerifier
from hummdesk.storage import signing_keys
from tests.integration.server.accounts import Account, Client
from tests.integration.server.reconnecting import ReconnectingClient
from tests.running_time import running_timeout

Command = Callable[..., Awaitable[Result]]

PRIVATE: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


@pytest.fixture
def hummdesk(account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command with the settings of the web process, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("jwt_secret", "encryption_keys"):
        monkeypatch.setenv(name.upper(), getattr(account.settings, name))
    monkeypatch.setenv("DATABASE_URL", account.settings.postgres)
    monkeypatch.setenv("REDIS_URL", account.settings.redis)

    async def run(*arguments: str, stdin: str | None = None) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, main, list(arguments), input=stdin)

    return run


@pytest.fixture
def add(hummdesk: Command, account: Account) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Add a key to the account, and return what the command prints as JSON."""

    async def add(*options: str, of: Account = account, stdin: str | None = None) -> dict[str, Any]:
        done = await hummdesk("signing-key", "add", "--account", str(of.id), "--json", *options, stdin=stdin)
        assert done.exit_code == 0, done.output
        return dict(json.loads(done.stdout))

    return add


Add = Callable[..., Awaitable[dict[str, Any]]]


def pem_of(private: Any) -> str:
    public = private.public_key()
    return str(
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    )


def token(account: Account, key: Any, kid: str | None, *, name: str = "agent", alg: str = "HS256", **more: Any) -> str:
    """A token of a person under a key of the account."""
    claims = account.people[name].wire() | {"exp": int(time.time()) + 600} | more
    return jwt.encode(claims, key, algorithm=alg, headers=None if kid is None else {"kid": kid})


async def is_accepted(account: Account, signed: str, *, url: str | None = None) -> bool:
    """Whether a socket is authenticated by a token; if not, it was refused as UNAUTHORIZED."""
    client = await account.client().connect(token=signed, url=url)
    answer = await client.ask("list_conversations", {})
    await (client.receives("authenticated") if answer["ok"] else refusal(client))
    return bool(answer["ok"])


async def refusal(client: Client) -> Any:
    return await client.receives("authentication_error", code="UNAUTHORIZED")


async def becomes_accepted(account: Account, signed: str, *, url: str | None = None) -> None:
    """A new key is accepted as soon as the web process was notified of it."""
    async with asyncio.timeout(20):
        while not await is_accepted(account, signed, url=url):
            await asyncio.sleep(0.02)


async def test_token_under_a_made_secret_is_accepted_by_every_process(
    account: Account, add: Add, second_url: str
) -> None:
    assert not await is_accepted(account, token(account, "x" * 32, "early"), url=second_url), "the account is known now"
    key = await add()
    assert (key["algorithm"], key["kind"], len(key["secret"])) == ("HS256", "secret", 64)
    for url in (account.url, second_url):
        await becomes_accepted(account, token(account, key["secret"], key["kid"]), url=url)
    assert await is_accepted(account, account.token("agent")), "the secret of the settings stays valid"


@pytest.mark.parametrize("algorithm", PRIVATE)
async def test_token_under_a_public_key_is_accepted(account: Account, add: Add, tmp_path: Path, algorithm: str) -> None:
    private = PRIVATE[algorithm]
    (tmp_path / "key.pem").write_text(pem_of(private))
    key = await add("--kid", "mine", "--public-key", str(tmp_path / "key.pem"))
    assert (key["kid"], key["algorithm"]) == ("mine", algorithm)
    await becomes_accepted(account, token(account, private, "mine", alg=algorithm))
    assert not await is_accepted(account, token(account, private, None, alg=algorithm))
    confused = jwt.api_jws.PyJWS().encode(
        json.dumps(account.people["agent"].wire() | {"exp": time.time() + 60}).encode(),
        "x" * 32,
        headers={"kid": "mine"},
    )
    assert not await is_accepted(account, confused)


async def test_given_secret_is_accepted_and_stored_encrypted(account: Account, add: Add) -> None:
    secret = "a secret that the tenant has made"
    assert "secret" not in await add("--kid", "theirs", "--secret", "-", stdin=f"{secret}\n")
    await becomes_accepted(account, token(account, secret, "theirs"))
    [[stored]] = await account.execute("SELECT secret FROM signing_keys WHERE account_id = %(account)s")
    assert secret.encode() not in stored


async def test_key_of_an_account_signs_for_no_other_account(account: Account, foreign: Account, add: Add) -> None:
    own = await add("--kid", "shared name")
    other = await add("--kid", "shared name", of=foreign)
    await becomes_accepted(account, token(account, own["secret"], "shared name"))
    await becomes_accepted(foreign, token(foreign, other["secret"], "shared name"))
    for victim, secret in ((foreign, own["secret"]), (account, other["secret"])):
        for kid in ("shared name", None, f"{account.id}/shared name"):
            assert not await is_accepted(victim, token(victim, secret, kid))
    crossing = foreign.people["agent"].wire() | {"accountId": str(account.id), "exp": time.time() + 60}
    signed = jwt.encode(crossing, own["secret"], headers={"kid": "shared name"})
    assert not await is_accepted(account, signed), "a person of another account"


async def test_secret_of_a_row_moved_to_another_account_is_unusable(
    account: Account, foreign: Account, add: Add
) -> None:
    key = await add("--kid", "moved")
    await account.execute(
        "UPDATE signing_keys SET account_id = %(other)s WHERE account_id = %(account)s", other=foreign.id
    )
    assert not await is_accepted(foreign, token(foreign, key["secret"], "moved"))
    await account.execute("DELETE FROM signing_keys WHERE kid = 'moved'")


async def test_revoked_key_ends_its_sessions_and_no_others(
    account: Account, add: Add, hummdesk: Command, second_url: str
) -> None:
    old, new = await add("--kid", "old"), await add("--kid", "new")
    signed = token(account, old["secret"], "old")
    await becomes_accepted(account, signed)
    await becomes_accepted(account, signed, url=second_url)
    await becomes_accepted(account, token(account, new["secret"], "new"))
    here = await account.client().connect(token=signed)
    there = await account.client().connect(token=signed, url=second_url)
    kept = await account.client().connect(token=token(account, new["secret"], "new", name="colleague"))
    by_settings = await account.connect("viewer")
    for client in (here, there, kept):
        await client.receives("authenticated")
    await here.do("join_conversation", str(account.conversation))

    assert (await hummdesk("signing-key", "revoke", "--account", str(account.id), "old")).exit_code == 0
    async with running_timeout(1.5):
        for client in (here, there):
            assert "revoked" in (await refusal(client))["message"]
            assert await client.refused("list_conversations", {}) == "UNAUTHORIZED"
    await kept.do("send_message", {"conversationId": str(account.conversation), "content": "Still here"})
    await by_settings.receives("new_message")
    assert "new_message" not in here.names()
    assert not await is_accepted(account, signed)
    assert await here.refused("authenticate", signed) == "UNAUTHORIZED"
    await here.do("authenticate", token(account, new["secret"], "new"))


async def test_revoked_key_ends_every_session_while_redis_is_silent(
    account: Account, add: Add, hummdesk: Command, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await add("--kid", "old")
    await becomes_accepted(account, token(account, key["secret"], "old"))
    clients = []
    for name in ("admin", "agent", "colleague"):
        client = await account.client().connect(token=token(account, key["secret"], "old", name=name))
        await client.receives("authenticated")
        clients.append(client)
    answers = asyncio.Event()

    async def wait(_: Any) -> None:
        await answers.wait()

    monkeypatch.setattr(node.context.presence, "leave", wait)
    await hummdesk("signing-key", "revoke", "--account", str(account.id), "old")
    for client in clients:
        await refusal(client)
    answers.set()


async def test_session_of_a_revoked_key_is_not_recovered(
    account: Account, add: Add, hummdesk: Command, clients: ReconnectingClient
) -> None:
    key = await add("--kid", "old")
    signed = token(account, key["secret"], "old", name="customer")
    await becomes_accepted(account, signed)
    connection = await clients.connect(account.url, signed)
    await connection.receives("authenticated")
    connection.cut()
    await hummdesk("signing-key", "revoke", "--account", str(account.id), "old")
    async with asyncio.timeout(20):
        while await is_accepted(account, signed):
            await asyncio.sleep(0.02)
    again = await clients.reconnect(account.url, signed, connection)
    assert again.sid != connection.sid
    await again.receives("authentication_error")


async def test_key_revoked_while_a_socket_authenticates_does_not_authenticate_it(
    account: Account, add: Add, hummdesk: Command, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await add("--kid", "old")
    signed = token(account, key["secret"], "old")
    await becomes_accepted(account, signed)
    find, is_revoked = node.context.people.find, False

    async def slow_find(*given: Any, **more: Any) -> Any:
        nonlocal is_revoked
        if not is_revoked:
            is_revoked = True
            changes = node.context.tokens.changes
            await hummdesk("signing-key", "revoke", "--account", str(account.id), "old")
            async with asyncio.timeout(20):
                while node.context.tokens.changes == changes:
                    await asyncio.sleep(0.01)
        return await find(*given, **more)

    monkeypatch.setattr(node.context.people, "find", slow_find)
    client = await account.client().connect(token=signed)
    await refusal(client)
    assert is_revoked


async def test_notification_that_was_lost_is_made_up_for_when_the_listener_is_back(
    account: Account, add: Add, node: Node
) -> None:
    key = await add("--kid", "old")
    signed = token(account, key["secret"], "old")
    await becomes_accepted(account, signed)
    client = await account.client().connect(token=signed)
    await client.receives("authenticated")
    await account.execute("ALTER TABLE signing_keys DISABLE TRIGGER signing_keys_announce")
    try:
        await account.execute("UPDATE signing_keys SET revoked_at = now() WHERE account_id = %(account)s")
    finally:
        await account.execute("ALTER TABLE signing_keys ENABLE TRIGGER signing_keys_announce")
    await account.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%'")
    await refusal(client)


async def test_unusable_notification_ends_no_session(account: Account, add: Add) -> None:
    key = await add("--kid", "one")
    signed = token(account, key["secret"], "one")
    await becomes_accepted(account, signed)
    client = await account.client().connect(token=signed)
    await client.receives("authenticated")
    for rubbish in ("", "{}", "[]", '{"accountId": 1}', json.dumps({"accountId": str(uuid4())})):
        await account.execute("SELECT pg_notify('hummdesk_signing_keys', %(payload)s)", payload=rubbish)
    assert await is_accepted(account, signed)
    await client.do("list_conversations", {})


async def test_list_shows_keys_without_secrets(
    account: Account, foreign: Account, add: Add, hummdesk: Command, tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_text(pem_of(PRIVATE["ES256"]))
    made = await add("--kid", "first", "--issuer", "https://tenant.example")
    await add("--kid", "second", "--public-key", str(tmp_path / "key.pem"))
    await add("--kid", "third", "--jwks", "https://id.example/jwks.json", "--algorithm", "EdDSA")
    await add("--kid", "theirs", of=foreign)
    await hummdesk("signing-key", "revoke", "--account", str(account.id), "first")
    shown = (await hummdesk("signing-key", "list", "--account", str(account.id), "--json")).stdout
    keys = [json.loads(line) for line in shown.splitlines()]
    assert [(key["kid"], key["kind"], key["algorithm"], "revoked" in key) for key in keys] == [
        ("first", "secret", "HS256", True),
        ("second", "public key", "ES256", False),
        ("third", "JWKS", "EdDSA", False),
    ]
    assert keys[0]["issuer"] == "https://tenant.example"
    everything = (await hummdesk("signing-key", "list")).output
    assert made["secret"] not in shown + everything
    assert "theirs" in everything


@pytest.mark.parametrize(
    ("options", "stdin", "reason"),
    [
        (["--secret", "-"], "short", "shorter than 32 bytes"),
        (["--public-key", "-"], "no key", "not a public key"),
        (["--public-key", "-"], "PRIVATE", "private key"),
        (["--public-key", "-"], "WEAK", "none of RSA with 2048 bits"),
        (["--public-key", "-"], "CURVE", "none of RSA with 2048 bits"),
        (["--jwks", "http://id.example/jwks.json"], None, "is not an address like https://"),
        (["--jwks", "https://127.0.0.1/jwks.json"], None, "internal address"),
        (["--jwks", "https://id.example/j", "--secret", "-"], "x" * 32, "give one of"),
        (["--algorithm", "RS256"], None, "--algorithm goes with --jwks"),
        (["--kid", "k" * 129], None, "1 to 128 printable characters"),
        (["--kid", "a\nb"], None, "1 to 128 printable characters"),
        (["--account", "01890000-0000-7000-8000-000000000001"], None, "no account has the id"),
    ],
)
async def test_unusable_key_is_not_added(
    account: Account, hummdesk: Command, options: list[str], stdin: str | None, reason: str
) -> None:
    made: dict[str, Callable[[], str]] = {
        "PRIVATE": lambda: (
            PRIVATE["ES256"]
            .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            .decode()
        ),
        "WEAK": lambda: pem_of(rsa.generate_private_key(public_exponent=65537, key_size=1024)),  # noqa: S505
        "CURVE": lambda: pem_of(ec.generate_private_key(ec.SECP384R1())),
    }
    given = made[stdin]() if stdin is not None and stdin in made else stdin
    named = [] if "--account" in options else ["--account", str(account.id)]
    refused = await hummdesk("signing-key", "add", *named, *options, stdin=given)
    assert refused.exit_code == 2
    assert reason in refused.output
    assert await account.execute("SELECT kid FROM signing_keys WHERE account_id = %(account)s") == []


async def test_kid_is_used_once(account: Account, add: Add, hummdesk: Command) -> None:
    await add("--kid", "one")
    named = ("--account", str(account.id))
    assert "had a key 'one'" in (await hummdesk("signing-key", "add", *named, "--kid", "one")).output
    assert (await hummdesk("signing-key", "revoke", *named, "one", "--json")).exit_code == 0
    assert (await hummdesk("signing-key", "revoke", *named, "one")).exit_code == 2
    assert (await hummdesk("signing-key", "add", *named, "--kid", "one")).exit_code == 2
    assert (await hummdesk("signing-key", "revoke", *named, "two")).exit_code == 2


async def test_missing_encryption_key_is_an_error_only_for_a_secret(
    account: Account, hummdesk: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENCRYPTION_KEYS")
    named = ("signing-key", "add", "--account", str(account.id))
    refused = await hummdesk(*named)
    assert refused.exit_code == 2
    assert "ENCRYPTION_KEYS: not set; `openssl rand -hex 32` makes one" in refused.output
    (tmp_path / "key.pem").write_text(pem_of(PRIVATE["ES256"]))
    assert (await hummdesk(*named, "--public-key", str(tmp_path / "key.pem"))).exit_code == 0
    assert (await hummdesk("signing-key", "list")).exit_code == 0


async def test_rotation_of_the_encryption_key_keeps_the_signing_keys(
    account: Account, add: Add, hummdesk: Command, monkeypatch: pytest.MonkeyPatch, node: Node
) -> None:
    key = await add("--kid", "one")
    old, new = account.settings.encryption_keys, "the next encryption key of the tests"
    signed = token(account, key["secret"], "one")
    await becomes_accepted(account, signed)
    try:
        monkeypatch.setenv("ENCRYPTION_KEYS", new)
        assert "lacks the key of signing_keys/" in (await hummdesk("encryption", "rotate")).output
        monkeypatch.setenv("ENCRYPTION_KEYS", f"{new},{old}")
        assert json.loads((await hummdesk("encryption", "rotate", "--json")).stdout)["rotated"] >= 1
        assert json.loads((await hummdesk("encryption", "rotate", "--json")).stdout)["rotated"] == 0
        rotated = TokenVerifier(replace(account.settings, encryption_keys=new), node.context.database)
        assert (await rotated.verify(signed)).signed_with == "one"
    finally:
        monkeypatch.setenv("ENCRYPTION_KEYS", f"{old},{new}")
        await hummdesk("encryption", "rotate")


async def test_unknown_accounts_of_tokens_are_bounded(
    node: Node, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anyone can name an account: each costs one query once, at most two at a time, and a bounded entry."""
    verifier = TokenVerifier(account.settings, node.context.database)
    running, most, queries = 0, 0, 0
    original = signing_keys.active

    async def active(tx: Any) -> Any:
        nonlocal running, most, queries
        running, queries = running + 1, queries + 1
        most = max(most, running)
        try:
            return await original(tx)
        finally:
            running -= 1

    monkeypatch.setattr(signing_keys, "active", active)
    for _ in range(2):
        found = await asyncio.gather(*(verifier.active(uuid4() if number % 2 else account.id) for number in range(100)))
        assert set(found) == {frozenset()}
    assert (most, queries) == (2, 101)
    for _ in range(MOST_UNKNOWN + 10):
        verifier._keep(uuid4(), (await verifier._keys_of(account.id)))
    assert len(verifier._without_keys) == MOST_UNKNOWN


async def test_unusable_key_of_an_account_does_not_affect_its_others(
    account: Account, add: Add, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "key.pem").write_text(pem_of(PRIVATE["ES256"]))
    good = await add("--kid", "good")
    await add("--kid", "broken", "--public-key", str(tmp_path / "key.pem"))
    for pem in (pem_of(PRIVATE["RS256"]), "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"):
        await account.execute("UPDATE signing_keys SET public_key = %(pem)s WHERE kid = 'broken'", pem=pem)
        await account.execute("UPDATE signing_keys SET revoked_at = NULL WHERE account_id = %(account)s")
        await becomes_accepted(account, token(account, good["secret"], "good"))
        assert not await is_accepted(account, token(account, PRIVATE["ES256"], "broken", alg="ES256"))
    assert "signing_keys.unusable" in caplog.text


async def test_keys_that_cannot_be_read_are_unavailable_and_not_unauthorized(
    account: Account, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def active(_: Any) -> Any:
        raise Unavailable

    monkeypatch.setattr(signing_keys, "active", active)
    client = await account.client().connect(token=token(account, "x" * 32, "one"))
    assert (await client.receives("authentication_error"))["code"] == "UNAVAILABLE"


def test_context_binds_a_secret_to_account_and_kid(account: Account) -> None:
    encryption = Encryption.of(account.settings)
    sealed = encryption.encrypt(b"secret", context=signing_keys.context_of(account.id, "a"))
    assert encryption.decrypt(sealed, context=signing_keys.context_of(account.id, "a")) == b"secret"
