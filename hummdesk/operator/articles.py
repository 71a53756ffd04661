"""Import, list and remove an account's articles and canned replies."""

from pathlib import Path
from uuid import UUID, uuid5

import orjson

from hummdesk.ai import knowledge_base
from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator import ai_trial
from hummdesk.storage import accounts, knowledge
from hummdesk.storage.database import Database, operator
from hummdesk.storage.knowledge import Managed
from hummdesk.storage.logins import url_of

NAMES: dict[Managed, tuple[str, str]] = {
    "article": ("article", "articles"),
    "canned_reply": ("canned reply", "canned replies"),
}


async def put(settings: Settings, account_id: UUID, file: Path, kind: Managed = "article") -> str:
    """Add or change the articles of a file, index them, and return a summary.

    An id that is not a UUID always maps to the same UUID. Raises CommandError, also for a canned reply with questions.
    """
    read = [
        knowledge.Article(id=_id(account_id, one.id), title=one.title, body=one.body, questions=list(one.questions))
        for one in ai_trial.articles(file)
    ]
    if kind == "canned_reply" and (asked := next((one.title for one in read if one.questions), None)):
        raise CommandError(f"{file}: {asked!r} has questions; a canned reply takes none")
    async with operator(settings) as database, database.all_accounts() as tx:
        if account_id not in {one.account_id for one in await accounts.accounts(tx)}:
            raise CommandError(f"no account has the id {account_id}")
        written = [await knowledge.put(tx, account_id, kind, article) for article in read]
    await _index(settings, account_id)
    return f"{sum(written)} of {len(read)} {NAMES[kind][1]} added or changed, all indexed"


async def show(settings: Settings, account_id: UUID, kind: Managed = "article") -> list[str]:
    """Return the articles as JSON lines, in the format that `put` reads."""
    async with operator(settings) as database, database.all_accounts() as tx:
        found = await knowledge.listed(tx, account_id, kind)
    return [
        orjson.dumps(
            {"id": str(one.id), "title": one.title, "body": one.body}
            | ({"questions": one.questions} if kind == "article" else {})
        ).decode()
        for one in found
    ]


async def remove(settings: Settings, account_id: UUID, given: str, kind: Managed = "article") -> None:
    """Remove an article by its own id or the imported one. Raises CommandError if there is none."""
    async with operator(settings) as database, database.all_accounts() as tx:
        if not await knowledge.remove(tx, account_id, kind, _id(account_id, given)):
            raise CommandError(f"the account has no {NAMES[kind][0]} {given!r}")


async def _index(settings: Settings, account_id: UUID) -> None:
    database = Database(url_of(settings, "operator"), role="hummdesk_app", size=1, timeout=settings.db_timeout_seconds)
    await database.open()
    try:
        while await knowledge_base.index(database, account_id):
            pass
    finally:
        await database.close()


def _id(account_id: UUID, given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        return uuid5(account_id, given)
