"""What the server says about fields and files is known to the pages, which translate it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hummdesk.core.errors import RateLimited, Unavailable
from hummdesk.server.actions import files
from hummdesk.server.http.files import BUSY
from hummdesk.storage.file_store import AWAY, FilesOff
from hummdesk.storage.files import UNSCANNABLE

ROOT = Path(__file__).parents[3]
UPLOADS = ROOT / "web/uploads/src/problems.ts"
SOURCE = ROOT / "web/console/src/extras/server-text.ts"
REFUSING = ("contract/fields.py", "routing/calendars.py", "storage/search_query.py", "storage/oidc.py")
SHOWN = ("categories", "contacts", "hours", "oidc", "saved_views", "settings", "signing_keys", "automatic", "reports")
"""Resources whose fields are those of forms of the console."""
NOT_SHOWN = re.compile(
    r"Must be (a string|a UUID|true or false|an object|JSON without|at most 7 bytes|a media type|a time like 2026"
    r"|7 of at most|7\.$)|Must not contain numbers|Give externalId"
)
"""Of fields that no form has, or of values that no form sends. Placeholders are 7."""


def patterns(source: Path = SOURCE) -> list[re.Pattern[str]]:
    found = re.findall(r'\[\s*/(.+)/,\s*"(?:extras|files)', source.read_text())
    return [re.compile(one.replace("(?<", "(?P<").replace("\\/", "/")) for one in found]


def sentences(path: Path) -> Iterator[str]:
    """The sentences with which a file refuses values."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in ("ValidationError", "_invalid", "Invalid", "PayloadTooLarge"):
            given = [*node.args[:1], *(key.value for key in node.keywords if key.arg == "details")]
            yield from (text for one in given for text in texts(one))


def texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)
    elif isinstance(node, ast.Dict):
        yield from (
            text for value in node.values if isinstance(value, ast.List) for one in value.elts for text in texts(one)
        )


FILES = [ROOT / "hummdesk" / name for name in REFUSING]
FILES += [ROOT / f"hummdesk/contract/resources/{name}.py" for name in SHOWN]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sentences_of_refused_values_are_known_to_the_console(path: Path) -> None:
    known = patterns()
    assert len(known) > 50
    found = [one for one in sentences(path) if not NOT_SHOWN.match(one)]
    assert [one for one in found if not any(pattern.search(one) for pattern in known)] == []


def test_sentences_about_refused_and_waiting_files_are_known_to_the_uploads() -> None:
    known = patterns(UPLOADS)
    found = [one for name in ("server/actions", "storage") for one in sentences(ROOT / f"hummdesk/{name}/files.py")]
    said = [one for one in found if not one.startswith("A file was")]  # that is about a message
    assert len(said) == 5
    said += [BUSY, AWAY, FilesOff.message, RateLimited.message, Unavailable.message]
    said += [files.BEING_SCANNED, files.PENDING_SCAN, UNSCANNABLE, f"{files.REFUSED}Eicar-Test-Signature"]
    assert [one for one in said if not any(pattern.search(one) for pattern in known)] == []
