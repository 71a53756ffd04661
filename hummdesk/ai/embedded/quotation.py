"""Quotation: which sentences of a long article answer a message.

Each sentence has a share of the article's relevance, a softmax over what `evidence` returns. The units with the largest
shares are quoted, in the article's order, until they hold MASS of it: one sentence if one stands out, more if the
message asks for several things or resembles many. A unit is a sentence of a paragraph, a whole item of a list, all
steps of a short list, or the warning at the beginning of the article, which is also quoted before steps. What is longer
than a quotation may be is divided into sentences.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from statistics import fmean

import numpy as np

from hummdesk.ai.embedded.article_text import Sentence, count_words
from hummdesk.ai.embedded.encoder import Vectors
from hummdesk.ai.embedded.retrieval import clauses_of, similarity, word_overlap

MASS = 0.85
"""Share of an article's relevance that is quoted."""
MAX_WORDS, MAX_WORDS_OF_SEVERAL = 63, 45
"""Words that are quoted of a long article, and of each of several, unless the best sentence alone is longer."""
MAX_UNITS = 4
EVIDENCE = (
    "message",
    "title",
    "searched",
    "clause",
    "before",
    "line",
    "section",
    "heading",
    "words",
    "digits",
    "question",
)
WEIGHTS = (5.12, -4.25, 1.73, 1.62, 0.35, 1.41, 2.69, 1.56, 0.72, 0.48, -4.08)
"""Of EVIDENCE, fitted by `training/quotation.py`."""
NO_SENTENCE = -1.0
"""Relevance of what stands before the first sentence of a section."""

_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Unit:
    """Sentences of which none is quoted alone."""

    numbers: tuple[int, ...]
    words: int
    share: float
    """Of the relevance, all of them together."""
    best: float
    """The largest share of one of them."""


def quote(
    sentences: Sequence[Sentence], passages: Sequence[str], asked: Sequence[str], *, max_words: int = MAX_WORDS
) -> str:
    """Return the sentences that answer, in their order, with the headings of items of lists.

    `passages` are those of the source, the last ones for each sentence in context and alone; `asked` are the message
    and, if it was searched with it, the conversation.
    """
    found = evidence(sentences, passages, asked)
    chosen = select(sentences, found, np.array(WEIGHTS), max_words=max_words)
    return _joined([sentences[number] for number in chosen])


def select(
    sentences: Sequence[Sentence], evidence: Vectors, weights: Vectors, *, max_words: int = MAX_WORDS
) -> list[int]:
    """Return the indexes of the sentences that are quoted."""
    scores = evidence @ weights
    shares = np.exp(scores - scores.max())
    chosen = _chosen(list(_units(sentences, (shares / shares.sum()).tolist(), max_words)), max_words)
    numbers = {number for unit in chosen for number in unit.numbers}
    if any(sentences[number].is_step for number in numbers):
        numbers |= {number for number, one in enumerate(sentences) if one.is_warning}
    introductions = [_introduction(sentences, number) for number in numbers if sentences[number].mark]
    return sorted(numbers.union(number for number in introductions if number is not None))


def _introduction(sentences: Sequence[Sentence], item: int) -> int | None:
    """Return the index of the sentence with a colon before the list of an item; None if there is no such sentence."""
    in_list = {one.line for one in sentences if one.mark}
    before = next((number for number in range(item - 1, -1, -1) if sentences[number].line not in in_list), None)
    if before is None or sentences[before].heading != sentences[item].heading:
        return None
    return before if sentences[before].text.endswith((":", "：")) else None


def _units(sentences: Sequence[Sentence], shares: Sequence[float], max_words: int) -> Iterator[Unit]:
    for numbers in _whole_steps(sentences, list(_lines(sentences)), max_words):
        own = [shares[number] for number in numbers]
        yield Unit(numbers, _count(sentences, numbers), sum(own), max(own))


def _lines(sentences: Sequence[Sentence]) -> Iterator[tuple[int, ...]]:
    """Return the sentences of paragraphs one by one, those of an item of a list or of the warning together."""
    for _, grouped in groupby(range(len(sentences)), key=lambda number: sentences[number].line):
        line = tuple(grouped)
        first = sentences[line[0]]
        yield from [line] if first.mark or first.is_warning else [(number,) for number in line]


def _whole_steps(
    sentences: Sequence[Sentence], lines: Sequence[tuple[int, ...]], max_words: int
) -> Iterator[tuple[int, ...]]:
    """Join the steps of a list that is short enough to be quoted as a whole; divide what is too long into sentences."""
    firsts = [sentences[line[0]] for line in lines]
    lists = accumulate(first.is_first_step for first in firsts)
    keys = [(first.is_step, first.heading, number) for first, number in zip(firsts, lists, strict=True)]
    for (is_steps, *_), grouped in groupby(zip(keys, lines, strict=True), key=lambda pair: pair[0]):
        items = [line for _, line in grouped]
        whole = tuple(number for line in items for number in line)
        for unit in [whole] if is_steps and _count(sentences, whole) <= max_words else items:
            yield from [unit] if _count(sentences, unit) <= max_words else [(number,) for number in unit]


def _count(sentences: Sequence[Sentence], numbers: Sequence[int]) -> int:
    return sum(count_words(sentences[number].text) for number in numbers)


def _chosen(units: Sequence[Unit], max_words: int) -> list[Unit]:
    best, *others = sorted(units, key=lambda unit: (-unit.best, unit.numbers))
    chosen, free, seen = [best], max_words - best.words, best.share
    for unit in others:
        if seen >= MASS or len(chosen) == MAX_UNITS:
            break
        seen += unit.share
        if unit.words <= free:
            chosen.append(unit)
            free -= unit.words
    return chosen


def _joined(sentences: Sequence[Sentence]) -> str:
    """Return sentences as text; each item of a list is a line, the first one below the heading of its section."""
    text, last_heading, is_list = "", "", False
    for _, line in groupby(sentences, key=lambda one: one.line):
        first, *others = line
        sentence = " ".join(one.text for one in (first, *others))
        heading = f"{first.heading}\n" if first.mark and first.heading != last_heading else ""
        is_item = bool(first.mark)
        text += ("\n" if is_item or is_list else " ") if text else ""
        text += f"{heading}{first.mark} {sentence}" if is_item else sentence
        last_heading, is_list = first.heading, is_item
    return text


def evidence(sentences: Sequence[Sentence], passages: Sequence[str], asked: Sequence[str]) -> Vectors:
    """Return a row for each sentence, with a column for each of EVIDENCE.

    Similarities are relative to the largest one in the article: which sentences answer is another question than
    whether the article does. A message that is like the title asks for all of the article: the more it is, the less the
    similarity of a sentence says, which only repeats the title.
    """
    count = len(sentences)
    queries = [*asked, *(clauses_of(asked[0]) or asked[:1])]
    similar = similarity(queries, passages)
    title, similar = float(similar[0, 0]), (similar[:, -2 * count : -count] + similar[:, -count:]) / 2
    message, searched, clauses = similar[0], similar[: len(asked)].max(axis=0), similar[len(asked) :]
    relative = searched - searched.max()
    sections = [one.heading for one in sentences]
    before = [NO_SENTENCE, *relative[:-1].tolist()]
    texts = [one.text for one in sentences]
    return np.column_stack(
        [
            message - message.max(),
            title * (message - message.max()),
            relative,
            (clauses - clauses.max(axis=1, keepdims=True)).max(axis=0),
            [
                own if number == 0 or sections[number - 1] == sections[number] else NO_SENTENCE
                for number, own in enumerate(before)
            ],
            _of_groups(searched, [one.line for one in sentences], most=count),
            _of_groups(searched, sections, most=2),
            _headings(queries, len(asked), sections),
            word_overlap(asked[0], [f"{one.text} {one.heading}" for one in sentences]),
            [_DIGIT.search(text) is not None for text in texts],
            [text.endswith(("?", "？")) for text in texts],
        ]
    ).astype(float)


def _of_groups(values: Vectors, groups: Sequence[object], *, most: int) -> Vectors:
    """Return for each value the mean of the `most` largest ones of its group, relative to that of the best group."""
    members: dict[object, list[float]] = {}
    for value, group in zip(values.tolist(), groups, strict=True):
        members.setdefault(group, []).append(value)
    means = {group: fmean(sorted(own)[-most:]) for group, own in members.items()}
    return np.array([means[group] for group in groups]) - max(means.values())


def _headings(queries: Sequence[str], count: int, sections: Sequence[str]) -> Vectors:
    """Return the similarity of the first `count` queries to the heading of each sentence, relative to the largest."""
    headings = [one for one in dict.fromkeys(sections) if one]
    if not headings:
        return np.zeros(len(sections))
    similar = dict(zip(headings, similarity(queries, headings)[:count].max(axis=0).tolist(), strict=True))
    relative: Vectors = np.array([similar.get(one, 0.0) for one in sections]) - max(similar.values())
    return relative
