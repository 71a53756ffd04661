"""Everything that is stored about a contact, or of an account, by table, as the classification says."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

from hummdesk.core.errors import NotFound
from hummdesk.storage import erasure
from hummdesk.storage import personal_statements as statements
from hummdesk.storage.database import Database, Transaction
from hummdesk.storage.personal_data import TABLES, Scope, Table
from hummdesk.storage.queries import load

queries = load("erasures")

PAGE = 1_000

Rows = list[dict[str, Any]]


async def contact_rows(database: Database, contact_id: UUID) -> dict[str, Rows]:
    """The rows about a contact by table. Raises NotFound."""
    found: dict[str, Rows] = defaultdict(list)
    async with database.all_accounts() as tx:
        account_id = await erasure.account_of(tx, contact_id)
    async with database.account(account_id) as tx:
        await _collect(tx, found, "contact", {"contact": contact_id})
        theirs = await erasure.conversations_of(tx, contact_id)
    for conversation_id in theirs:
        async with database.account(account_id) as tx:
            await _collect(tx, found, "conversation", {"conversation": conversation_id})
        after_seq, is_last = 0, False
        while not is_last:
            async with database.account(account_id) as tx:
                batch = await erasure.next_batch(tx, conversation_id=conversation_id, after_seq=after_seq)
                await _collect(tx, found, "message", {"messages": batch.ids})
            after_seq, is_last = batch.last_seq, batch.is_last
    return dict(found)


async def account_rows(database: Database, account_id: UUID) -> AsyncIterator[tuple[Table, Rows]]:
    """The rows of an account, in pages of a table. Raises NotFound."""
    async with database.account(account_id) as tx:
        if await queries.account_exists(tx) is None:
            raise NotFound("No account has this id")
    for table in reversed(TABLES):
        async for page in _pages(database, table, account_id):
            yield table, page


async def _collect(tx: Transaction, found: dict[str, Rows], scope: Scope, values: Mapping[str, object]) -> None:
    for table in TABLES:
        if table.scope == scope and table.exported:
            found[table.name] += await (await tx.execute(statements.select(table), values)).fetchall()


async def _pages(database: Database, table: Table, account_id: UUID) -> AsyncIterator[Rows]:
    """Pages by primary key, each in a transaction: an export may take longer than one may."""
    if not table.exported:
        return
    position: dict[str, Any] = {}
    while True:
        async with database.account(account_id) as tx:
            key = [row["name"] async for row in queries.primary_key(tx, table_name=table.name)]
            statement = statements.page(table, key, is_first=not position)
            page = await (await tx.execute(statement, position | {"most": PAGE})).fetchall()
        if page:
            yield page
        if len(page) < PAGE:
            return
        position = {name: page[-1][name] for name in key}
