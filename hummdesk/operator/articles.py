"""Import, list, change and remove an account's articles and canned replies."""

import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from hummdesk.ai import knowledge_base
from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator import ai_trial
from hummdesk.operator.records import every
from hummdesk.storage import accounts
from hummdesk.storage import articles as stored
from hummdesk.storage.articles import Kind
from hummdesk.storage.database import Database, operator
from hummdesk.storage.logins import url_of

NAMES: dict[Kind, tuple[str, str]] = {
    "article": ("article", "articles"),
    "canned_reply": ("canned reply", "canned replies"),
}


async def put(settings: Settings, account_id: UUID, file: Path, kind: Kind = "article") -> str:
    """Add or change the articles of a file, index them, and return a summary.

    An id that is not a UUID always maps to the same UUID. Raises CommandError, also for a canned reply with questions,
    and NotFound for an unknown account.
    """
    read = ai_trial.articles(file)
    if kind == "canned_reply" and (asked := next((one.title for one in read if one.questions), None)):
        raise CommandError(f"{file}: {asked!r} has questions; a canned reply takes none")
    written = 0
    with _progress(f"Importing {NAMES[kind][1]}", len(read)) as bar:
        async with operator(settings) as database, database.account(account_id) as tx:
            await accounts.get(tx)
            for one in read:
                written += await stored.put(
                    tx,
                    None,
                    kind,
                    stored.id_of(account_id, one.id),
                    title=one.title,
                    body=one.body,
                    questions=one.questions,
                    language=one.language,
                )
                bar.update(1)
    await _index(settings, account_id, len(read))
    return f"{written} of {len(read)} {NAMES[kind][1]} added or changed, all indexed"


async def listed(settings: Settings, account_id: UUID, kind: Kind = "article") -> list[dict[str, Any]]:
    """The articles in the format that `put` reads, oldest first."""
    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        found = await every(stored.page, tx, kind)
    return [_shown(article, kind) for article in reversed(found)]


async def shown(settings: Settings, account_id: UUID, given: str, kind: Kind) -> dict[str, Any]:
    """An article by its own id or the imported one. Raises NotFound."""
    async with operator(settings) as database, database.account(account_id) as tx:
        return (await stored.get(tx, kind, stored.id_of(account_id, given))).wire(kind)


async def create(
    settings: Settings, account_id: UUID, given: str, kind: Kind, values: dict[str, Any]
) -> dict[str, Any]:
    """Add an article, or change the one that has this id. Raises NotFound for an unknown account."""
    article_id = stored.id_of(account_id, given)
    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        await stored.put(tx, None, kind, article_id, **values)
        article = await stored.get(tx, kind, article_id)
    await _index(settings, account_id, 1)
    return article.wire(kind)


async def change(
    settings: Settings, account_id: UUID, given: str, kind: Kind, values: dict[str, Any]
) -> dict[str, Any]:
    """Change what is given of an article. Raises NotFound."""
    given_values = {name: value for name, value in values.items() if value}
    async with operator(settings) as database, database.account(account_id) as tx:
        article = await stored.update(tx, None, kind, stored.id_of(account_id, given), **given_values)
    await _index(settings, account_id, 1)
    return article.wire(kind)


async def remove(settings: Settings, account_id: UUID, given: str, kind: Kind = "article") -> None:
    """Remove an article by its own id or the imported one. Raises CommandError if there is none."""
    async with operator(settings) as database, database.account(account_id) as tx:
        if not await stored.remove(tx, None, kind, stored.id_of(account_id, given)):
            raise CommandError(f"the account has no {NAMES[kind][0]} {given!r}")


async def _index(settings: Settings, account_id: UUID, number: int) -> None:
    database = Database(url_of(settings, "operator"), role="hummdesk_app", size=1, timeout=settings.db_timeout_seconds)
    await database.open()
    try:
        with _progress("Indexing", number) as bar:
            while await knowledge_base.index(database, account_id):
                bar.update(knowledge_base.BATCH)
    finally:
        await database.close()


def _progress(label: str, length: int) -> Any:
    """A progress bar on the terminal; none where standard error is a file."""
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())


def _shown(article: stored.Article, kind: Kind) -> dict[str, Any]:
    return {name: value for name, value in article.wire(kind).items() if name != "createdAt"}
