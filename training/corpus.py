"""The examples in training/examples: labelled texts and letters, and articles of invented companies with questions."""

import json
from dataclasses import dataclass
from pathlib import Path

from hummdesk.ai.protocol import Article, Turn

EXAMPLES = Path(__file__).with_name("examples")


@dataclass(frozen=True, slots=True)
class Example:
    label: str
    text: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter to a help desk with all its labels. Letters of one `trade` are left out together."""

    trade: str
    language: str
    category: str
    priority: str
    sentiment: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerQuestion:
    """`sources`: ids of the articles that answer it; empty if none does. `facts`: for each, its spellings."""

    kind: str
    text: str
    history: tuple[Turn, ...]
    sources: frozenset[str]
    facts: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpCentre:
    name: str
    articles: tuple[Article, ...]
    questions: tuple[CustomerQuestion, ...]


def load_help_centres(name: str = "help_centres") -> list[HelpCentre]:
    return [_help_centre(company) for company in sorted((EXAMPLES / name).iterdir())]


def _help_centre(folder: Path) -> HelpCentre:
    articles, questions = (
        [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
        for name in ("articles.jsonl", "questions.jsonl")
    )
    return HelpCentre(
        name=folder.name,
        articles=tuple(
            Article(id=row["id"], title=row["title"], body=row["body"], questions=tuple(row["questions"]))
            for row in articles
        ),
        questions=tuple(
            CustomerQuestion(
                kind=row["kind"],
                text=row["question"],
                history=tuple(Turn(**turn) for turn in row.get("history", ())),
                sources=frozenset(row["sources"]),
                facts=tuple(tuple(spellings) for spellings in row["facts"]),
            )
            for row in questions
        ),
    )


def load_letters(folder: Path = EXAMPLES) -> list[Letter]:
    lines = (folder / "letters.jsonl").read_text(encoding="utf-8").splitlines()
    return [Letter(**json.loads(line)) for line in lines]


def load_examples(name: str, folder: Path = EXAMPLES) -> list[Example]:
    """Return the examples of the files `name.txt` and `name.LANGUAGE.txt`."""
    return [
        example
        for path in sorted([*folder.glob(f"{name}.txt"), *folder.glob(f"{name}.*.txt")])
        for example in _read(path)
    ]


def load_companies(folder: Path = EXAMPLES) -> list[list[list[str]]]:
    """Return the texts of questions.txt by company and article: title, title with body, then the questions."""
    companies: list[list[list[str]]] = []
    for line in (folder / "questions.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            companies.append([])
        elif line.startswith("["):
            title, body = line[1:].split("] ", maxsplit=1)
            companies[-1].append([title, f"{title}. {body}"])
        else:
            companies[-1][-1].append(line[2:])
    return companies


def _read(path: Path) -> list[Example]:
    examples, label = [], ""
    language = path.name.split(".")[1]
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            label = line.strip("[]")
        elif line:
            examples.append(Example(label, line, language))
    return examples
