"""What the operator does with an account's articles."""

from pathlib import Path
from uuid import UUID, uuid5

import orjson

from hummdesk import library
from hummdesk.ai import cli
from hummdesk.config import Settings
from hummdesk.faults import Fault
from hummdesk.storage import accounts, knowledge
from hummdesk.storage.database import Database, operator


async def put(settings: Settings, account_id: UUID, file: Path) -> str:
    """Add or change those of a file, and index them; what was done. An id that is no UUID is the same one each time."""
    read = [
        knowledge.Article(id=_id(account_id, one.id), title=one.title, body=one.body, questions=list(one.questions))
        for one in cli.articles(file)
    ]
    async with operator(settings) as database, database.everywhere() as tx:
        if account_id not in {one.account_id for one in await accounts.accounts(tx)}:
            raise Fault(f"there is no account {account_id}")
        written = [await knowledge.put_article(tx, account_id, article) for article in read]
    await _index(settings, account_id)
    return f"{sum(written)} of {len(read)} articles added or changed, all can be found"


async def show(settings: Settings, account_id: UUID) -> list[str]:
    async with operator(settings) as database, database.everywhere() as tx:
        found = await knowledge.articles(tx, account_id)
    return [
        orjson.dumps({"id": str(one.id), "title": one.title, "body": one.body, "questions": one.questions}).decode()
        for one in found
    ]


async def remove(settings: Settings, account_id: UUID, article: str) -> None:
    """By the id that `show` tells, or that was imported. Raises Fault."""
    async with operator(settings) as database, database.everywhere() as tx:
        if not await knowledge.remove_article(tx, account_id, _id(account_id, article)):
            raise Fault(f"the account has no article {article!r}")


async def _index(settings: Settings, account_id: UUID) -> None:
    database = Database(settings.postgres, role="hummdesk_app", size=1, timeout=settings.db_timeout_seconds)
    await database.open()
    try:
        while await library.update(database, account_id):
            pass
    finally:
        await database.close()


def _id(account_id: UUID, given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        return uuid5(account_id, given)
