"""The command for the keys that encrypt the secrets in the database."""

import asyncio
from pathlib import Path

import click
import orjson

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator.options import home_option, json_option, settings_of


@click.group("encryption")
def encryption_command() -> None:
    """Manage the encryption of secrets in the database, such as signing keys."""


@encryption_command.command("rotate")
@home_option
@json_option
def rotate_command(home: Path, as_json: bool) -> None:
    """Encrypt all secrets again, with the first of ENCRYPTION_KEYS. Afterwards the others can be removed."""
    rotated = asyncio.run(rotate(settings_of(home, needs_secret=False)))
    click.echo(orjson.dumps({"rotated": rotated}).decode() if as_json else f"{rotated} secrets encrypted again")


async def rotate(settings: Settings) -> int:
    """Return how many secrets had an older key. Raises CommandError, and changes nothing, if one has no known key."""
    from hummdesk.core.encryption import Encryption, Undecryptable
    from hummdesk.storage import oidc, signing_keys, webhooks
    from hummdesk.storage.database import operator

    encryption = Encryption.of(settings)
    async with operator(settings) as database, database.all_accounts() as tx:
        try:
            nouns = (signing_keys, oidc, webhooks)
            return sum([await noun.reencrypt(tx, encryption) for noun in nouns])
        except Undecryptable as unknown:
            raise CommandError(f"ENCRYPTION_KEYS lacks the key of {unknown}: add it at the end") from None
