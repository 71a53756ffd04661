"""The commands for the identity provider of an account (OpenID Connect)."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import UUID

import click

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator.options import account_option, home_option, json_option, settings_of
from hummdesk.operator.records import print_record

if TYPE_CHECKING:
    from hummdesk.storage.database import Transaction

NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")


@click.group("oidc")
def oidc_command() -> None:
    """Manage the identity provider at which the staff of an account sign in (OpenID Connect)."""


@oidc_command.command("set")
@home_option
@account_option
@click.option("--issuer", required=True, metavar="URL", help="Address of the provider, as it names itself.")
@click.option("--client-id", required=True, help="What HummDesk is registered as at the provider.")
@click.option("--client-secret", type=click.File("r"), metavar="FILE", help="`-` is standard input.  [default: kept]")
@click.option("--public-client", is_flag=True, help="The provider gave no client secret.")
@click.option("--scope", "scopes", multiple=True, help="Scope to request.  [default: openid, email, profile]")
@click.option("--groups-claim", help="Claim with the groups of a user.  [default: groups]")
@click.option("--group", "groups", multiple=True, metavar="GROUP=ROLE[:TEAM,…]", help="What a group grants.")
@click.option("--email-domain", "email_domains", multiple=True, help="Domain of users who may sign in.  [default: any]")
@click.option("--create-users", is_flag=True, help="Create users whom HummDesk does not know yet.")
@click.option(
    "--default-role",
    type=click.Choice(["admin", "agent", "viewer"]),
    default="agent",
    show_default=True,
    help="Role of new users, if no --group is given.",
)
@click.option("--name", "names", multiple=True, help="Name of the account on the sign-in page, or domain of e-mails.")
@json_option
def set_command(
    home: Path,
    account: UUID,
    client_secret: IO[str] | None,
    public_client: bool,
    names: tuple[str, ...],
    as_json: bool,
    **given: Any,
) -> None:
    """Set the provider. All settings are replaced, but for the client secret and the names if none are given."""
    if client_secret is not None and public_client:
        raise click.UsageError("give one of --client-secret and --public-client")
    secret: dict[str, Any] = {} if client_secret is None else {"clientSecret": client_secret.read().strip()}
    if public_client:
        secret = {"clientSecret": None}
    settings = settings_of(home, needs_secret=False)
    print_record(asyncio.run(set_provider(settings, account, secret, names, **given)), as_json=as_json)


@oidc_command.command("show")
@home_option
@account_option
@json_option
def show_command(home: Path, account: UUID, as_json: bool) -> None:
    """Show the provider without the client secret, and the address to register there."""
    print_record(asyncio.run(shown(settings_of(home, needs_secret=False), account)), as_json=as_json)


@oidc_command.command("remove")
@home_option
@account_option
@json_option
def remove_command(home: Path, account: UUID, as_json: bool) -> None:
    """Remove the provider. Sessions that exist go on until they end."""
    asyncio.run(remove(settings_of(home, needs_secret=False), account))
    print_record({"account": str(account), "removed": True}, as_json=as_json)


@oidc_command.command("unlink")
@home_option
@account_option
@json_option
@click.argument("user", metavar="EMAIL_OR_ID")
def unlink_command(home: Path, account: UUID, user: str, as_json: bool) -> None:
    """Forget as whom the provider knows a user: the next sign-in with the user's e-mail links it again."""
    user_id = asyncio.run(unlink(settings_of(home, needs_secret=False), account, user))
    print_record({"account": str(account), "id": str(user_id), "unlinked": True}, as_json=as_json)


async def set_provider(
    settings: Settings,
    account_id: UUID,
    secret: dict[str, Any],
    names: Sequence[str],
    *,
    issuer: str,
    client_id: str,
    scopes: Sequence[str] = (),
    groups_claim: str | None = None,
    groups: Sequence[str] = (),
    email_domains: Sequence[str] = (),
    create_users: bool = False,
    default_role: str = "agent",
) -> dict[str, Any]:
    """Raises NotFound for an unknown account, CommandError, or SettingsError without ENCRYPTION_KEYS."""
    from hummdesk.storage import accounts, oidc
    from hummdesk.storage.database import operator

    wanted = [_checked_name(name) for name in names]
    body: dict[str, Any] = {"issuer": issuer, "clientId": client_id, **secret}
    body |= {"emailDomains": list(email_domains), "createsUsers": create_users, "defaultRole": default_role}
    body |= {"scopes": list(scopes)} if scopes else {}
    body |= {} if groups_claim is None else {"groupsClaim": groups_claim}
    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        body["groups"] = dict([await _grant(tx, group) for group in groups])
        await oidc.put_body(tx, None, account_id, _loaded(body), settings)
        if wanted:
            await oidc.set_names(tx, account_id, wanted)
        return await oidc.described(tx, account_id, settings)


async def shown(settings: Settings, account_id: UUID) -> dict[str, Any]:
    """Raises NotFound for an account without a provider."""
    from hummdesk.storage import oidc
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        return await oidc.described(tx, account_id, settings)


async def remove(settings: Settings, account_id: UUID) -> None:
    """Raises NotFound for an account without a provider."""
    from hummdesk.storage import oidc
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        await oidc.require(tx)
        await oidc.set_names(tx, account_id, [])
        await oidc.remove(tx, None, account_id)


async def unlink(settings: Settings, account_id: UUID, user: str) -> UUID:
    """Raises CommandError for an unknown user."""
    from hummdesk.operator.user import id_of
    from hummdesk.storage import oidc
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        user_id = await id_of(tx, user)
        await oidc.unlink(tx, user_id)
    return user_id


async def _grant(tx: "Transaction", text: str) -> tuple[str, dict[str, Any]]:
    """The group and what it grants. Raises CommandError for an unknown team."""
    from hummdesk.operator.team import id_of

    name, equals, granted = text.rpartition("=")
    role, _, teams = granted.partition(":")
    if not equals or not name:
        raise CommandError(f"{text!r} is not like support=agent or support=agent:Billing,Sales")
    grant: dict[str, Any] = {"teamIds": [str(await id_of(tx, team.strip())) for team in teams.split(",") if team]}
    return name, grant | ({"role": role} if role else {})


def _checked_name(name: str) -> str:
    name = name.strip().lower()
    if not NAME.fullmatch(name):
        raise CommandError(f"{name!r} is not a name like acme or acme.example: letters, digits, dots and hyphens")
    return name


def _loaded(body: dict[str, Any]) -> dict[str, Any]:
    from marshmallow import ValidationError

    from hummdesk.contract.resources.oidc import NewOidcProvider

    try:
        loaded: dict[str, Any] = NewOidcProvider().load(body)
    except ValidationError as error:
        raise CommandError(f"the provider is not valid: {error.messages}") from error
    return loaded
