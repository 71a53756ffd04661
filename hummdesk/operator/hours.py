"""The commands for the business hours of an account."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError, Invalid
from hummdesk.operator.options import account_option, home_option, json_option, settings_of
from hummdesk.operator.records import print_record

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ABBREVIATIONS = {day[:3]: index for index, day in enumerate(DAYS)}
OPEN = re.compile(r"([a-z]{3})(?:-([a-z]{3}))?=(\d\d:\d\d)-(\d\d:\d\d)")


@click.group("hours")
def hours_command() -> None:
    """Set and show the business hours of an account."""


@hours_command.command("set")
@home_option
@account_option
@click.option("--time-zone", default="UTC", show_default=True, metavar="ZONE", help="Such as Europe/Berlin.")
@click.option("--open", "weekly", multiple=True, metavar="DAYS=FROM-TO", help="Such as mon-fri=09:00-17:00.")
@click.option("--country", metavar="CODE", help="Whose public holidays are closed, such as DE.  [default: none]")
@click.option("--subdivision", metavar="CODE", help="State or province with holidays of its own, such as BW.")
@click.option(
    "--closed", "closed_dates", multiple=True, metavar="DATE", help="Further closed date, such as 2026-12-24."
)
@click.option(
    "--outside",
    type=click.Choice(["announce", "queue"]),
    default="announce",
    show_default=True,
    help="Whether customers are shown that the desk is closed.",
)
@click.option("--text", "texts", multiple=True, metavar="LANGUAGE=TEXT", help="What customers read outside the hours.")
@click.option(
    "--route-outside-hours/--no-route-outside-hours",
    default=True,
    show_default=True,
    help="Whether conversations are assigned automatically outside the hours.",
)
@click.option("--always-open", is_flag=True, help="Remove the business hours: the desk is always open.")
@json_option
def set_command(home: Path, account: UUID, as_json: bool, **given: Any) -> None:
    """Set the business hours. All settings are replaced."""
    settings = settings_of(home, needs_secret=False)
    print_record(asyncio.run(set_hours(settings, account, body_of(**given))), as_json=as_json)


@hours_command.command("show")
@home_option
@account_option
@json_option
def show_command(home: Path, account: UUID, as_json: bool) -> None:
    """Show the business hours, and whether the account is open now."""
    print_record(asyncio.run(shown(settings_of(home, needs_secret=False), account)), as_json=as_json)


async def set_hours(settings: Settings, account_id: UUID, body: dict[str, Any]) -> dict[str, Any]:
    """Raises NotFound for an unknown account, and CommandError."""
    from hummdesk.routing.calendars import require_calendar
    from hummdesk.storage import hours
    from hummdesk.storage.database import operator
    from hummdesk.storage.hours import BusinessHours

    wanted = BusinessHours.of(_loaded(body))
    try:
        require_calendar(wanted)
    except Invalid as fault:
        raise CommandError(f"the business hours are not valid: {fault.details}") from fault
    async with operator(settings) as database, database.account(account_id) as tx:
        return (await hours.put(tx, None, account_id, wanted)).wire()


async def shown(settings: Settings, account_id: UUID) -> dict[str, Any]:
    """Raises NotFound for an unknown account."""
    from datetime import UTC, datetime

    from hummdesk.core.clock import wire_time
    from hummdesk.routing.hours import opening
    from hummdesk.storage import accounts, hours
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        found = await hours.get(tx)
    now = opening(found, datetime.now(UTC))
    changes = {} if now.changes_at is None else {"changesAt": wire_time(now.changes_at)}
    return found.wire() | {"isOpen": now.is_open} | changes


def body_of(
    *,
    time_zone: str,
    weekly: Sequence[str],
    country: str | None,
    subdivision: str | None,
    closed_dates: Sequence[str],
    outside: str,
    texts: Sequence[str],
    route_outside_hours: bool,
    always_open: bool,
) -> dict[str, Any]:
    """The body of the contract. Raises UsageError and CommandError."""
    if always_open == bool(weekly):
        raise click.UsageError("give --open, once or more, or --always-open")
    return {
        "enabled": not always_open,
        "timeZone": time_zone,
        "weekly": [interval for text in weekly for interval in _intervals(text)],
        "country": country,
        "subdivision": subdivision,
        "closedDates": list(closed_dates),
        "outside": outside,
        "texts": dict(_text(text) for text in texts),
        "routeOutsideHours": route_outside_hours,
    }


def _intervals(text: str) -> Iterator[dict[str, str]]:
    found = OPEN.fullmatch(text.strip().lower())
    first, last, opens, closes = found.groups() if found else ("", None, "", "")
    if not {first, last or first} <= ABBREVIATIONS.keys():
        raise CommandError(f"{text!r} is not like mon-fri=09:00-17:00 or sat=10:00-14:00")
    begins = ABBREVIATIONS[first]
    for offset in range((ABBREVIATIONS[last or first] - begins) % len(DAYS) + 1):
        yield {"day": DAYS[(begins + offset) % len(DAYS)], "opens": opens, "closes": closes}


def _text(text: str) -> tuple[str, str]:
    language, equals, content = text.partition("=")
    if not equals:
        raise CommandError(f"{text!r} is not like en=TEXT")
    return language, content


def _loaded(body: dict[str, Any]) -> dict[str, Any]:
    from marshmallow import ValidationError

    from hummdesk.contract.resources.hours import NewHours

    try:
        loaded: dict[str, Any] = NewHours().load(body)
    except ValidationError as error:
        raise CommandError(f"the business hours are not valid: {error.messages}") from error
    return loaded
