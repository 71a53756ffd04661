"""Conversations of a filled database in which messages are read and sent."""

from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import sql

from hummdesk.core.models import Person

Connection = psycopg.AsyncConnection[tuple[Any, ...]]

ACTIVE = 1_000
"""Conversations in which messages are sent."""

OF_ANY_ACCOUNT = """
SELECT
    chosen.account_id,
    chosen.id,
    chosen.contact_id,
    users.id
FROM (
    SELECT account_id, id, contact_id
    FROM conversations
    WHERE client_message_id ~ '^[0-9a-f]{32}$'  -- generated, not of the seed of the plans
      AND status = ANY (%s)
    ORDER BY hashtext(id::text)
    LIMIT %s
) AS chosen
JOIN users
  ON users.account_id = chosen.account_id
 AND users.email = '1@example.com'
ORDER BY hashtext(chosen.id::text)
"""

COPIED: dict[LiteralString, tuple[LiteralString, LiteralString]] = {
    "accounts": ("account_id name", "true"),
    "users": ("account_id id email name role", "email = '1@example.com'"),
    "contacts": ("account_id id email name", "id = ANY (%(contacts)s)"),
    "conversations": ("account_id id contact_id status assigned_to", "id = ANY (%(ids)s)"),
}


@dataclass(frozen=True, kw_only=True)
class Active:
    """A conversation with the two who write in it."""

    account_id: UUID
    id: UUID
    customer: Person
    agent: Person


async def of_any_account(connection: Connection, *, statuses: list[str], limit: int) -> list[Active]:
    """Conversations by chance: a large account has more of them."""
    cursor = await connection.execute(OF_ANY_ACCOUNT.encode(), (statuses, limit))
    return [
        Active(
            account_id=account_id,
            id=id_,
            customer=_person(account_id, contact_id, "customer"),
            agent=_person(account_id, user_id, "agent"),
        )
        for account_id, id_, contact_id, user_id in await cursor.fetchall()
    ]


async def agent_of_largest(connection: Connection) -> Person:
    account_id, user_id = await row(
        connection,
        "SELECT account_id, users.id FROM users JOIN (SELECT account_id FROM conversations GROUP BY account_id "
        "ORDER BY count(*) DESC LIMIT 1) AS largest USING (account_id) WHERE email = '1@example.com'",
    )
    return _person(account_id, user_id, "agent")


async def row(connection: Connection, statement: str, *values: Any) -> tuple[Any, ...]:
    """The only row of a statement. Raises RuntimeError if there is none."""
    found = await (await connection.execute(statement.encode(), values)).fetchone()
    if found is None:
        raise RuntimeError(f"no row: {statement}")
    return found


async def choose(url: str, empty_url: str) -> list[Active]:
    """Choose conversations in which messages are sent, and copy them without their messages to the empty database."""
    async with (
        await psycopg.AsyncConnection.connect(url) as source,
        await psycopg.AsyncConnection.connect(empty_url) as target,
    ):
        chosen = await of_any_account(source, statuses=["open", "pending"], limit=ACTIVE)
        await _copy(source, target, chosen)
    return chosen


async def _copy(source: Connection, target: Connection, chosen: list[Active]) -> None:
    """Copy conversations with their people and accounts."""
    accounts = list({one.account_id for one in chosen})
    ids = {"accounts": accounts, "ids": [one.id for one in chosen], "contacts": [one.customer.id for one in chosen]}
    await target.execute("SET session_replication_role = replica")
    for table, (names, condition) in COPIED.items():
        columns = sql.SQL(", ").join(map(sql.Identifier, names.split()))
        select = sql.SQL("SELECT {} FROM {} WHERE account_id = ANY (%(accounts)s) AND {}").format(
            columns, sql.Identifier(table), sql.SQL(condition)
        )
        insert = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table), columns, sql.SQL(", ").join([sql.Placeholder()] * len(names.split()))
        )
        cursor = await source.execute(select, ids)
        await target.cursor().executemany(insert, await cursor.fetchall())


def _person(account_id: UUID, id_: UUID, role: Any) -> Person:
    return Person(account_id=account_id, id=id_, email="1@example.com", name="Somebody", role=role)
