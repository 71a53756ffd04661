"""The commands for the sessions of staff: the browsers in which users are signed in."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from hummdesk.core.config import Settings
from hummdesk.operator.options import account_option, home_option, json_option, settings_of
from hummdesk.operator.records import every, print_record, print_records


@click.group("session")
def session_command() -> None:
    """Manage the sessions of staff: the browsers in which users are signed in."""


@session_command.command("list")
@home_option
@account_option
@click.option("--user", metavar="EMAIL_OR_ID", help="Only those of this user.")
@json_option
def list_command(home: Path, account: UUID, user: str | None, as_json: bool) -> None:
    """List the sessions that have not ended, newest first."""
    found = asyncio.run(listed(settings_of(home, needs_secret=False), account, user))
    columns = ("id", "userId", "signedInBy", "network", "createdAt", "lastUsedAt", "expiresAt")
    print_records(found, *columns, as_json=as_json)


@session_command.command("revoke")
@home_option
@account_option
@json_option
@click.argument("session", type=click.UUID, metavar="ID")
def revoke_command(home: Path, account: UUID, session: UUID, as_json: bool) -> None:
    """End a session: its browser is signed out within a second, with all its tabs."""
    asyncio.run(revoke(settings_of(home, needs_secret=False), account, session))
    print_record({"account": str(account), "id": str(session), "revoked": True}, as_json=as_json)


async def listed(settings: Settings, account_id: UUID, user: str | None = None) -> list[dict[str, Any]]:
    """Raises NotFound for an unknown account, CommandError for an unknown user."""
    from hummdesk.operator.user import id_of
    from hummdesk.storage import accounts, staff_sessions
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        user_id = None if user is None else await id_of(tx, user)
        page = partial(staff_sessions.page, user_id=user_id, idle_hours=settings.session_idle_hours)
        found = await every(page, tx)
    return [session.wire() for session in found]


async def revoke(settings: Settings, account_id: UUID, session_id: UUID) -> None:
    """Raises NotFound for an unknown session, and one that has ended."""
    from hummdesk.core.errors import NotFound
    from hummdesk.storage import staff_sessions
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        if not await staff_sessions.revoke(tx, None, session_id):
            raise NotFound("The account has no active session with this id")
