"""The commands for the articles and canned replies from which an account's drafts are made."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from hummdesk.operator.options import account_option, home_option, settings_of

canned_option = click.option(
    "--canned", "kind", flag_value="canned_reply", default="article", help="Canned replies instead of articles."
)


@click.group("knowledge")
def knowledge_command() -> None:
    """Manage the articles and canned replies used for drafts."""


@knowledge_command.command("import")
@home_option
@account_option
@canned_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def import_command(home: Path, account: UUID, kind: Any, file: Path) -> None:
    """Add or change articles: one {"id", "title", "body", "questions"} a line. Canned replies have no questions."""
    from hummdesk.operator import articles

    click.echo(asyncio.run(articles.put(settings_of(home), account, file, kind)))


@knowledge_command.command("list")
@home_option
@account_option
@canned_option
def list_command(home: Path, account: UUID, kind: Any) -> None:
    """Print the articles in the format that `import` reads."""
    from hummdesk.operator import articles

    for line in asyncio.run(articles.show(settings_of(home), account, kind)):
        click.echo(line)


@knowledge_command.command("remove")
@home_option
@account_option
@canned_option
@click.argument("article", type=str)
def remove_command(home: Path, account: UUID, kind: Any, article: str) -> None:
    """Remove an article, by its id."""
    from hummdesk.operator import articles

    asyncio.run(articles.remove(settings_of(home), account, article, kind))
