"""The commands for webhooks."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import orjson

from hummdesk.operator.options import account_option, home_option, json_option, settings_of

id_argument = click.argument("webhook", type=click.UUID, metavar="ID")
events_option = click.option(
    "--event", "events", multiple=True, metavar="TYPE", help="Type of the feed's events; repeat it for several."
)


@click.group("webhook")
def webhook_command() -> None:
    """Send the events of an account to its other systems, and show and repeat deliveries."""


@webhook_command.command("list")
@home_option
@account_option
@json_option
def list_command(home: Path, account: UUID, as_json: bool) -> None:
    """List the webhooks, also disabled ones."""
    from hummdesk.operator import account_webhooks

    found = asyncio.run(account_webhooks.listed(settings_of(home, needs_secret=False), account))
    _print_rows(found, account_webhooks.HEADINGS, as_json=as_json)


@webhook_command.command("show")
@home_option
@account_option
@json_option
@id_argument
def show_command(home: Path, account: UUID, as_json: bool, webhook: UUID) -> None:
    """Show a webhook, and how far its deliveries are."""
    from hummdesk.operator import account_webhooks

    _print(asyncio.run(account_webhooks.show(settings_of(home, needs_secret=False), account, webhook)), as_json=as_json)


@webhook_command.command("create")
@home_option
@account_option
@events_option
@json_option
@click.argument("url")
def create_command(home: Path, account: UUID, events: Sequence[str], as_json: bool, url: str) -> None:
    """Create a webhook, for all events unless --event is given. Prints its secret, once.

    If a webhook has this address, prints that, and changes its events to those that are given.
    """
    from hummdesk.operator import account_webhooks

    settings = settings_of(home, needs_secret=False)
    _print(asyncio.run(account_webhooks.create(settings, account, url, events)), as_json=as_json)


@webhook_command.command("update")
@home_option
@account_option
@click.option("--url", help="New address.")
@events_option
@click.option("--enable", is_flag=True, help="Continue where it was disabled.")
@click.option("--rotate-secret", is_flag=True, help="Replace the secret; the old one signs as well for a day.")
@json_option
@id_argument
def update_command(
    home: Path,
    account: UUID,
    url: str | None,
    events: Sequence[str],
    enable: bool,
    rotate_secret: bool,
    as_json: bool,
    webhook: UUID,
) -> None:
    """Change or enable a webhook."""
    from hummdesk.operator import account_webhooks

    changes = {"url": url, "events": list(events) or None, "enabled": True if enable else None}
    given = {name: value for name, value in changes.items() if value is not None}
    settings = settings_of(home, needs_secret=False)
    shown = asyncio.run(account_webhooks.update(settings, account, webhook, given, rotates=rotate_secret))
    _print(shown, as_json=as_json)


@webhook_command.command("disable")
@home_option
@account_option
@json_option
@id_argument
def disable_command(home: Path, account: UUID, as_json: bool, webhook: UUID) -> None:
    """Stop deliveries. `update --enable` continues with the events since then."""
    from hummdesk.operator import account_webhooks

    settings = settings_of(home, needs_secret=False)
    _print(asyncio.run(account_webhooks.update(settings, account, webhook, {"enabled": False})), as_json=as_json)


@webhook_command.command("test")
@home_option
@account_option
@json_option
@id_argument
def test_command(home: Path, account: UUID, as_json: bool, webhook: UUID) -> None:
    """Send the event `test`, with the number 0. `deliveries` shows its result."""
    from hummdesk.operator import account_webhooks

    _print(asyncio.run(account_webhooks.test(settings_of(home, needs_secret=False), account, webhook)), as_json=as_json)


@webhook_command.command("deliveries")
@home_option
@account_option
@click.option("--status", type=click.Choice(["pending", "delivered", "set_aside"]), help="Only those.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Number of deliveries.")
@json_option
@id_argument
def deliveries_command(home: Path, account: UUID, status: Any, limit: int, as_json: bool, webhook: UUID) -> None:
    """List the deliveries of a webhook, newest event first."""
    from hummdesk.operator import account_webhooks

    settings = settings_of(home, needs_secret=False)
    found = asyncio.run(account_webhooks.deliveries(settings, account, webhook, status=status, limit=limit))
    _print_rows(found, account_webhooks.DELIVERY_HEADINGS, as_json=as_json)


@webhook_command.command("replay")
@home_option
@account_option
@click.option("--number", type=click.IntRange(0), help="Only this event.")
@click.option("--after", type=click.IntRange(0), help="All events after this number of the feed.")
@click.option("--set-aside", is_flag=True, help="All deliveries that were set aside.")
@json_option
@id_argument
def replay_command(
    home: Path, account: UUID, number: int | None, after: int | None, set_aside: bool, as_json: bool, webhook: UUID
) -> None:
    """Deliver events again."""
    from hummdesk.operator import account_webhooks

    if (number is not None) + (after is not None) + set_aside != 1:
        raise click.UsageError("give one of --number, --after and --set-aside")
    settings = settings_of(home, needs_secret=False)
    _print(
        asyncio.run(account_webhooks.replay(settings, account, webhook, number=number, after=after)), as_json=as_json
    )


def _print(shown: Mapping[str, object], *, as_json: bool) -> None:
    lines = [f"{name}: {_text(value)}" for name, value in shown.items()]
    click.echo(orjson.dumps(shown).decode() if as_json else "\n".join(lines))


def _print_rows(rows: Sequence[Mapping[str, object]], headings: Sequence[str], *, as_json: bool) -> None:
    from hummdesk.operator.tables import aligned

    if as_json:
        lines = [orjson.dumps(row).decode() for row in rows]
    else:
        lines = aligned([headings, *([_text(row.get(name, "")) for name in headings] for row in rows)])
    for line in lines:
        click.echo(line)


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
