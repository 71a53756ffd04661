"""The archive of an export: a zip file with JSON for machines and an index for people."""

import html
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from hummdesk.core import json_encoding
from hummdesk.core.errors import CommandError
from hummdesk.storage.personal_data import table

Row = Mapping[str, Any]

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>body {{ font: 16px/1.5 sans-serif; margin: 2em auto; max-width: 60em }} table {{ border-collapse: collapse }}
td, th {{ border: 1px solid #ccc; padding: .3em .6em; text-align: left; vertical-align: top }}
.note {{ background: #fffbe6 }}</style>
<h1>{title}</h1>
{body}
</html>
"""


@contextmanager
def new_archive(path: Path) -> Iterator[ZipFile]:
    """Create a zip file that only its owner can read; it is removed if an error occurs. Refuses to replace a file."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CommandError(f"{path} exists: name another file") from None
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file, ZipFile(file, "w", ZIP_DEFLATED) as archive:
            yield archive
    except BaseException:
        path.unlink()
        raise


def add_rows(archive: ZipFile, name: str, rows: Iterable[Row]) -> None:
    """Add the rows of a table as a JSON array."""
    archive.writestr(f"{name}.json", json_encoding.encode(list(rows), indented=True))


def contact_index(found: Mapping[str, list[dict[str, Any]]]) -> str:
    """The index of a contact's export: who it is, what the archive has, and the conversations to read."""
    [contact] = found["contacts"]
    title = f"{contact['name']} <{contact['email']}>"
    parts = [_contents({name: len(rows) for name, rows in found.items()})]
    for conversation in found.get("conversations", ()):
        heading = f"{conversation['subject'] or 'Conversation'}, {_time(conversation['created_at'])}"
        lines = [one for one in found["messages"] if one["conversation_id"] == conversation["id"]]
        lines.sort(key=lambda message: int(message["seq"]))
        parts += [f"<h2>{_text(heading)}</h2>", _table(("", "from", "at", "message"), map(_line, lines))]
    return PAGE.format(title=_text(title), body="\n".join(parts))


def account_index(name: str, numbers: Mapping[str, int]) -> str:
    """The index of an account's export: what the archive has."""
    return PAGE.format(title=_text(name), body=_contents(numbers))


def _contents(numbers: Mapping[str, int]) -> str:
    rows = ((f"{name}.json", str(number), table(name).holds) for name, number in numbers.items())
    return _table(("file", "rows", "holds"), rows)


def _line(message: Row) -> tuple[str, str, str, str]:
    attached = "".join(f"\n{one.get('filename', '')}: {one.get('url', '')}" for one in message["attachments"])
    sender = f"{message['sender_name']}{' (note)' if message['private'] else ''}"
    content = "(erased)" if message["erased_at"] else message["content"]
    return str(message["seq"]), sender, _time(message["created_at"]), content + attached


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>\n" for row in rows)
    return f"<table><tr>{''.join(f'<th>{_text(head)}</th>' for head in heads)}</tr>\n{lines}</table>"


def _text(value: str) -> str:
    return html.escape(value).replace("\n", "<br>")


def _time(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
