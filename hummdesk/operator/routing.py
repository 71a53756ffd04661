"""The commands for routing: how the conversations that wait are assigned, and why one was."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from hummdesk.core.config import Settings
from hummdesk.operator.options import account_option, home_option, json_option, settings_of
from hummdesk.operator.records import print_record, print_records

MODES = ("off", "round_robin", "least_loaded")
LONGEST_SECONDS = 86_400
RECORDS = 500
"""Stored decisions that are read at a time."""

seconds = click.IntRange(0, LONGEST_SECONDS)


@click.group("routing")
def routing_command() -> None:
    """Assign waiting conversations automatically, and check how that was decided."""


@routing_command.command("show")
@home_option
@account_option
@json_option
def show_command(home: Path, account: UUID, as_json: bool) -> None:
    """Show how conversations are assigned in an account and its teams."""
    print_record(asyncio.run(shown(settings_of(home, needs_secret=False), account)), as_json=as_json)


@routing_command.command("set")
@home_option
@account_option
@click.option("--team", type=click.UUID, help="Id of a team.  [the account, and teams without own settings]")
@click.option("--mode", type=click.Choice(MODES), help="How to choose among the free agents.")
@click.option("--capacity", type=click.IntRange(0, 1000), help="Open conversations of an agent; an urgent one is two.")
@click.option("--skills-wait-seconds", type=seconds, help="After this, the best match of skills is taken.")
@click.option("--answer-seconds", type=seconds, help="Back to the queue without an answer; 0: never.")
@click.option("--offline-seconds", type=seconds, help="Back to the queue from an agent who is offline.")
@click.option("--as-account", is_flag=True, help="Use the settings of the account for the team.")
@json_option
def set_command(home: Path, account: UUID, team: UUID | None, as_account: bool, as_json: bool, **given: Any) -> None:
    """Change how conversations are assigned. Options that are not given keep their values."""
    changes = {name: value for name, value in given.items() if value is not None}
    if team is not None and changes.keys() - {"mode", "capacity"}:
        raise click.UsageError("a team has only --mode and --capacity")
    if as_account and (team is None or changes):
        raise click.UsageError("give --as-account with --team only")
    if as_account:
        changes = {"mode": None, "capacity": None}
    if not changes:
        raise click.UsageError("give what is to be changed, for example --mode least_loaded")
    changed = asyncio.run(update(settings_of(home, needs_secret=False), account, team, **changes))
    print_record(changed, as_json=as_json)


@routing_command.command("replay")
@home_option
@account_option
@json_option
def replay_command(home: Path, account: UUID, as_json: bool) -> None:
    """Make all stored decisions of an account again; fail and list those that differ.

    Each is made from what was stored with it, and compared with the stored choices and the log of the conversations.
    """
    decisions, differences = asyncio.run(replay(settings_of(home, needs_secret=False), account))
    if differences:
        print_records(differences, "number", "conversationId", "difference", as_json=as_json)
    if not as_json:
        click.echo(f"{decisions} decisions, {len(differences)} differences")
    if differences:
        raise click.exceptions.Exit(1)


async def shown(settings: Settings, account_id: UUID) -> dict[str, Any]:
    """Raises NotFound."""
    from hummdesk.storage import accounts, routing
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        return (await routing.settings(tx)).wire()


async def update(settings: Settings, account_id: UUID, team_id: UUID | None, **changes: Any) -> dict[str, Any]:
    """Raises NotFound."""
    from hummdesk.storage import accounts, routing
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        if team_id is None:
            return (await routing.update(tx, None, **changes)).wire()
        return (await routing.update_team(tx, None, team_id, **changes)).wire()


async def replay(settings: Settings, account_id: UUID) -> tuple[int, list[dict[str, Any]]]:
    """Return the number of decisions, and the differences. Raises NotFound."""
    from hummdesk.routing.replay import differences
    from hummdesk.storage import accounts, routing
    from hummdesk.storage.database import operator

    found: list[dict[str, Any]] = []
    after, decisions = 0, 0
    async with operator(settings) as database:
        async with database.account(account_id) as tx:
            await accounts.get(tx)
        while True:
            async with database.account(account_id) as tx:
                page = await routing.records(tx, after=after, limit=RECORDS)
            if not page:
                return decisions, found
            for stored in page:
                decisions += len(stored.moved)
                found += differences(stored)
            after = page[-1].number
