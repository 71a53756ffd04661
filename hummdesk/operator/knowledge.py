"""The commands for the articles and canned replies from which an account's drafts are made."""

import asyncio
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from hummdesk.operator.options import account_option, home_option, json_option, settings_of
from hummdesk.operator.records import print_record, print_records

kind_option = click.option(
    "--canned", "kind", flag_value="canned_reply", default="article", help="Canned replies, as `canned` does."
)
title_option = click.option("--title", help="Title.")
question_option = click.option("--question", "questions", multiple=True, help="A question that the article answers.")
language_option = click.option("--language", help="Language of the text, like `de`.")


@click.group("knowledge")
def knowledge_command() -> None:
    """Manage the articles used for drafts."""


@knowledge_command.command("import")
@home_option
@account_option
@kind_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def import_command(home: Path, account: UUID, kind: Any, file: Path) -> None:
    """Add or change articles: one {"id", "title", "body", "questions"} a line. Canned replies have no questions."""
    _import(home, account, kind, file)


@knowledge_command.command("list")
@home_option
@account_option
@kind_option
@click.option("--table", "as_table", is_flag=True, help="Print ids and titles as a table.")
@json_option
def list_command(home: Path, account: UUID, kind: Any, as_table: bool, as_json: bool) -> None:
    """Print the articles in the format that `import` reads."""
    _list(home, account, kind, as_table=as_table and not as_json)


@knowledge_command.command("show")
@home_option
@account_option
@kind_option
@json_option
@click.argument("article", type=str)
def show_command(home: Path, account: UUID, kind: Any, as_json: bool, article: str) -> None:
    """Show an article, by its id."""
    _show(home, account, kind, article, as_json=as_json)


@knowledge_command.command("create")
@home_option
@account_option
@click.option(
    "--id", "given_id", help="Id; the article that has it already is changed.  [default: made from the title]"
)
@click.option("--title", required=True, help="Title.")
@click.option("--body", required=True, help="Text, or `-` for standard input.")
@question_option
@language_option
@json_option
def create_command(home: Path, account: UUID, given_id: str | None, as_json: bool, **given: Any) -> None:
    """Create an article. An article with this title or id that exists is changed."""
    _put(home, account, "article", given_id or given["title"], given, as_json=as_json, creates=True)


@knowledge_command.command("update")
@home_option
@account_option
@title_option
@click.option("--body", help="Text, or `-` for standard input.")
@question_option
@language_option
@json_option
@click.argument("article", type=str)
def update_command(home: Path, account: UUID, article: str, as_json: bool, **given: Any) -> None:
    """Change what is given of an article. Questions replace the previous ones."""
    _put(home, account, "article", article, given, as_json=as_json, creates=False)


@knowledge_command.command("remove")
@home_option
@account_option
@kind_option
@click.argument("article", type=str)
def remove_command(home: Path, account: UUID, kind: Any, article: str) -> None:
    """Remove an article, by its id."""
    _remove(home, account, kind, article)


@click.group("canned")
def canned_command() -> None:
    """Manage the canned replies of agents, which are used for drafts, too."""


@canned_command.command("import")
@home_option
@account_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def import_canned_command(home: Path, account: UUID, file: Path) -> None:
    """Add or change canned replies: one {"id", "title", "body"} a line."""
    _import(home, account, "canned_reply", file)


@canned_command.command("list")
@home_option
@account_option
@click.option("--table", "as_table", is_flag=True, help="Print ids and titles as a table.")
@json_option
def list_canned_command(home: Path, account: UUID, as_table: bool, as_json: bool) -> None:
    """Print the canned replies in the format that `import` reads."""
    _list(home, account, "canned_reply", as_table=as_table and not as_json)


@canned_command.command("show")
@home_option
@account_option
@json_option
@click.argument("reply", type=str)
def show_canned_command(home: Path, account: UUID, as_json: bool, reply: str) -> None:
    """Show a canned reply, by its id."""
    _show(home, account, "canned_reply", reply, as_json=as_json)


@canned_command.command("create")
@home_option
@account_option
@click.option("--id", "given_id", help="Id; the reply that has it already is changed.  [default: made from the title]")
@click.option("--title", required=True, help="Title.")
@click.option("--body", required=True, help="Text, or `-` for standard input.")
@language_option
@json_option
def create_canned_command(home: Path, account: UUID, given_id: str | None, as_json: bool, **given: Any) -> None:
    """Create a canned reply. A reply with this title or id that exists is changed."""
    _put(home, account, "canned_reply", given_id or given["title"], given, as_json=as_json, creates=True)


@canned_command.command("update")
@home_option
@account_option
@title_option
@click.option("--body", help="Text, or `-` for standard input.")
@language_option
@json_option
@click.argument("reply", type=str)
def update_canned_command(home: Path, account: UUID, reply: str, as_json: bool, **given: Any) -> None:
    """Change what is given of a canned reply."""
    _put(home, account, "canned_reply", reply, given, as_json=as_json, creates=False)


@canned_command.command("remove")
@home_option
@account_option
@click.argument("reply", type=str)
def remove_canned_command(home: Path, account: UUID, reply: str) -> None:
    """Remove a canned reply, by its id."""
    _remove(home, account, "canned_reply", reply)


def _import(home: Path, account: UUID, kind: Any, file: Path) -> None:
    from hummdesk.operator import articles

    click.echo(asyncio.run(articles.put(settings_of(home), account, file, kind)))


def _list(home: Path, account: UUID, kind: Any, *, as_table: bool) -> None:
    from hummdesk.operator import articles

    found = asyncio.run(articles.listed(settings_of(home), account, kind))
    print_records(found, "id", "title", as_json=not as_table)


def _show(home: Path, account: UUID, kind: Any, article: str, *, as_json: bool) -> None:
    from hummdesk.operator import articles

    print_record(asyncio.run(articles.shown(settings_of(home), account, article, kind)), as_json=as_json)


def _put(
    home: Path, account: UUID, kind: Any, article: str, given: dict[str, Any], *, as_json: bool, creates: bool
) -> None:
    from hummdesk.operator import articles

    if given["body"] == "-":
        given["body"] = sys.stdin.read()
    settings = settings_of(home)
    if creates:
        changed = articles.create(settings, account, article, kind, given)
    else:
        changed = articles.change(settings, account, article, kind, given)
    print_record(asyncio.run(changed), as_json=as_json)


def _remove(home: Path, account: UUID, kind: Any, article: str) -> None:
    from hummdesk.operator import articles

    asyncio.run(articles.remove(settings_of(home), account, article, kind))
