"""What the documents say of the code is what the code says."""

import ast
import re
from collections.abc import Iterator
from io import StringIO

import pytest
from dotenv import dotenv_values

from hummdesk.core import config
from hummdesk.core.config import Settings
from tests.system.deploy.documents import DOCUMENTS, ROOT, events_table, renewed


@pytest.mark.parametrize("file", DOCUMENTS)
def test_the_parts_that_are_made_from_the_code_are_up_to_date(file: str) -> None:
    assert (ROOT / file).read_text() == renewed(file), "run: python -m tests.system.deploy.documents"


def test_the_example_shows_the_defaults() -> None:
    example = (ROOT / ".env.example").read_text().partition("# <settings>")[2]
    values = dotenv_values(stream=StringIO(re.sub(r"^#([A-Z_]+=)", r"\1", example, flags=re.MULTILINE)))
    shown = config.read({name: value or "" for name, value in values.items()}, needs_servers=False)
    assert shown == Settings()
    assert len(values) == len(Settings.__dataclass_fields__)


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md"])
def test_every_path_that_is_named_exists(document: str) -> None:
    text = (ROOT / document).read_text()
    named = set(re.findall(r"`((?:hummdesk|tasks|tests|sql|deploy|docs)/[\w./-]*)`", text))
    linked = set(re.findall(r"\]\((?!https?://|#)([^)#]+)\)", text))
    assert named | linked
    assert [path for path in sorted(named | linked) if not (ROOT / path).exists()] == []


def test_every_link_into_a_document_has_its_heading() -> None:
    for document in ("README.md", "ARCHITECTURE.md"):
        text = (ROOT / document).read_text()
        for target, anchor in re.findall(r"\]\(([\w.]*)#([\w-]+)\)", text):
            headings = re.findall(r"^#+ (.+)$", (ROOT / (target or document)).read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_event_leads_to_the_code_that_sends_it() -> None:
    rows = [row for row in events_table().splitlines() if row.startswith("| `")]
    assert [row for row in rows if "](hummdesk/" not in row] == []


def test_every_message_in_the_troubleshooting_is_one_that_the_code_says() -> None:
    section = (ROOT / "README.md").read_text().partition("## Troubleshooting")[2].partition("\n## ")[0]
    messages = [found[1] for found in re.findall(r"^\| (`+)(hummdesk: .+?)\1 \|", section, re.MULTILINE)]
    assert len(messages) > 10
    said = sayings()
    assert [message for message in messages if not any(one.fullmatch(bare(message)) for one in said)] == []


def bare(message: str) -> str:
    """Without what the command line puts before it."""
    return message.removeprefix("hummdesk: ").removeprefix("invalid setting: ")


def sayings() -> list[re.Pattern[str]]:
    """Every text of the product, with anything where it fills in a value."""
    files = [*(ROOT / "hummdesk").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")]
    return [re.compile(text) for file in files for text in texts(ast.parse(file.read_text()))]


def texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        yield "".join(re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in node.values)  # type: ignore[arg-type]
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield re.escape(node.value)
    else:
        for child in ast.iter_child_nodes(node):
            yield from texts(child)
