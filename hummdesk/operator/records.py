"""How commands print what they list, show, create and change: tables and lines for people, or JSON."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import click

from hummdesk.core import json_encoding
from hummdesk.operator.tables import aligned

PAGE = 100

Record = TypeVar("Record")
Wire = Mapping[str, object]


def print_record(record: Wire, *, as_json: bool, indent: str = "") -> None:
    """Print one object, or a line for each field."""
    if as_json:
        click.echo(json_encoding.encode(record).decode())
        return
    for name, value in record.items():
        click.echo(f"{indent}{name}: {_text(value)}")


def print_records(records: Sequence[Wire], *columns: str, as_json: bool) -> None:
    """Print one object a line, or a table with these fields as columns."""
    if as_json:
        for record in records:
            click.echo(json_encoding.encode(record).decode())
        return
    rows = [columns, *([_text(record.get(name)) for name in columns] for record in records)]
    for line in aligned(rows):
        click.echo(line)


async def every(page: Callable[..., Awaitable[tuple[list[Record], str | None]]], *arguments: object) -> list[Record]:
    """All records of a list that has pages."""
    found, cursor = await page(*arguments, limit=PAGE, cursor=None)
    while cursor is not None:
        more, cursor = await page(*arguments, limit=PAGE, cursor=cursor)
        found += more
    return found


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return json_encoding.encode(value).decode()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
