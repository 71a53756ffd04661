"""The documentation agrees with the code: generated parts, paths, links, settings and quoted messages."""

import ast
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values

from docs.generate import DOCUMENTS, ROOT, renewed
from hummdesk.core import config
from hummdesk.core.config import Settings

PAGES = [
    *sorted({*ROOT.glob("*.md")} - {ROOT / "CHANGELOG.md"}),
    *sorted((ROOT / "docs").rglob("*.md")),
]
README_BYTES = 8192


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("file", DOCUMENTS)
def test_generated_parts_are_current(file: str) -> None:
    assert (ROOT / file).read_text() == renewed(file), "run: python -m docs.generate"


def test_env_example_shows_the_defaults() -> None:
    example = (ROOT / ".env.example").read_text().partition("# <settings>")[2]
    values = dotenv_values(stream=StringIO(re.sub(r"^#([A-Z0-9_]+=)", r"\1", example, flags=re.MULTILINE)))
    shown = config.read({name: value or "" for name, value in values.items()}, needs_servers=False)
    assert shown == Settings()
    assert len(values) == len(Settings.__dataclass_fields__)


def test_readme_fits_its_limit() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= README_BYTES


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_names_existing_paths(page: Path) -> None:
    roots = "bench|deploy|docs|hummdesk|sql|tasks|tests|training|web"
    named = set(re.findall(rf"`((?:{roots})/[\w./-]*)`", page.read_text()))
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_links_to_existing_pages_and_headings(page: Path) -> None:
    broken = []
    for target, anchor in links(page):
        file = page if not target else (page.parent / target).resolve()
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(f"{target}#{anchor}")
    assert broken == []


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = set()
    for page in (ROOT / "docs").rglob("*.md"):
        for block in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(), re.DOTALL):
            entries = [line for line in block.splitlines() if line and not line.startswith(":")]
            listed |= {(page.parent / f"{entry}.md").resolve() for entry in entries}
    assert set((ROOT / "docs").rglob("*.md")) - listed == {ROOT / "docs/index.md"}
    assert [page for page in listed if not page.exists()] == []


def links(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the internal links of a page: the target, empty for the page itself, and the anchor or an empty string."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"\]\((?!\w+:)([^)#\s]*)#?([\w-]*)\)", text)


def anchors(file: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_troubleshooting_quotes_messages_of_the_code() -> None:
    text = (ROOT / "docs/troubleshooting.md").read_text()
    quoted = [found[1] for found in re.findall(r"^\| (`+)(hummdesk: .+?)\1 \|", text, re.MULTILINE)]
    assert len(quoted) > 10
    patterns = message_patterns()
    prefix = re.compile(r"hummdesk: (invalid setting: )?")
    assert [message for message in quoted if not any(one.fullmatch(prefix.sub("", message)) for one in patterns)] == []


def message_patterns() -> list[re.Pattern[str]]:
    """Return every string of the product, with a wildcard in place of each interpolated value."""
    files = [*(ROOT / "hummdesk").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")]
    return [re.compile(text) for file in files for text in strings(ast.parse(file.read_text()))]


def strings(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        yield "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield re.escape(node.value)
    else:
        for child in ast.iter_child_nodes(node):
            yield from strings(child)
