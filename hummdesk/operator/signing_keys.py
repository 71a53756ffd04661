"""The commands for the keys with which accounts sign tokens."""

import asyncio
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import IO
from uuid import UUID

import click
import orjson

from hummdesk.operator.options import account_option, home_option, json_option, settings_of


@click.group("signing-key")
def signing_key_command() -> None:
    """Manage the keys with which an account signs its tokens.

    A token names its key by the header `kid`. A key of an account verifies tokens of that account only.
    """


@signing_key_command.command("add")
@home_option
@account_option
@click.option("--kid", help="Name of the key, as in the header of tokens.  [default: random]")
@click.option("--secret", type=click.File("rb"), metavar="FILE", help="HS256 secret; `-` is standard input.")
@click.option("--public-key", type=click.File("r"), metavar="FILE", help="Public key as PEM.")
@click.option("--jwks", metavar="URL", help="Address of the account's public keys; --kid is only its name here.")
@click.option(
    "--algorithm",
    type=click.Choice(["RS256", "ES256", "EdDSA"]),
    help="Signature algorithm of --jwks.  [default: RS256]",
)
@click.option("--issuer", help="Required value of the claim `iss`.")
@click.option("--audience", help="Required value of the claim `aud`.  [default: JWT_AUDIENCE]")
@json_option
def add_command(
    home: Path,
    account: UUID,
    kid: str | None,
    secret: IO[bytes] | None,
    public_key: IO[str] | None,
    jwks: str | None,
    algorithm: str | None,
    issuer: str | None,
    audience: str | None,
    as_json: bool,
) -> None:
    """Add a key. Without --secret, --public-key and --jwks a secret is made, and printed once."""
    from hummdesk.operator import account_keys
    from hummdesk.storage import new_signing_keys

    given = sum(one is not None for one in (secret, public_key, jwks))
    if given > 1:
        raise click.UsageError("give one of --secret, --public-key and --jwks")
    if algorithm is not None and jwks is None:
        raise click.UsageError("--algorithm goes with --jwks: a secret or a public key determines it")
    settings = settings_of(home, needs_secret=False)
    name = new_signing_keys.KeyName(
        account_id=account, kid=kid or secrets.token_hex(8), issuer=issuer or None, audience=audience or None
    )
    made = None if given else secrets.token_urlsafe(48)
    if public_key is not None:
        key = new_signing_keys.of_public_key(name, public_key.read())
    elif jwks is not None:
        key = new_signing_keys.of_address(settings, name, jwks, algorithm or "RS256")
    else:
        key = new_signing_keys.of_secret(settings, name, secret.read().strip() if secret else (made or "").encode())
    asyncio.run(account_keys.add(settings, key))
    shown = {"account": str(account), "kid": key.kid, "algorithm": key.algorithm, "kind": key.kind}
    _print(shown | ({"secret": made} if made else {}), as_json=as_json)


@signing_key_command.command("list")
@home_option
@click.option("--account", type=click.UUID, help="Id of the account.  [default: all]")
@json_option
def list_command(home: Path, account: UUID | None, as_json: bool) -> None:
    """List the keys, also revoked ones, without their secrets."""
    from hummdesk.operator import account_keys

    for line in asyncio.run(account_keys.listed(settings_of(home, needs_secret=False), account, as_json=as_json)):
        click.echo(line)


@signing_key_command.command("revoke")
@home_option
@account_option
@json_option
@click.argument("kid")
def revoke_command(home: Path, account: UUID, kid: str, as_json: bool) -> None:
    """Revoke a key: its tokens are refused, and its sessions end within a second. Its kid cannot be used again."""
    from hummdesk.operator import account_keys

    asyncio.run(account_keys.revoke(settings_of(home, needs_secret=False), account, kid))
    _print({"account": str(account), "kid": kid, "revoked": True}, as_json=as_json)


def _print(shown: Mapping[str, object], *, as_json: bool) -> None:
    lines = [f"{name}: {value}" for name, value in shown.items()]
    click.echo(orjson.dumps(shown).decode() if as_json else "\n".join(lines))
