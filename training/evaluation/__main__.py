"""`make eval`: print each figure with its target and whether it is met.

The final part of the yardstick is read with `--final` only: it shows what holds for texts that nobody looked at.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from training.corpus import load_examples
from training.evaluation import cost, own_categories, quality, yardstick
from training.evaluation.quality import HELD_BACK, OPEN_DATA, open_rows
from training.evaluation.yardstick import FAR, SINGLE_SOURCE, Part, Share


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    figure: float
    target: float | None = None
    at_most: bool = False
    interval: tuple[float, float] | None = None

    @classmethod
    def of(cls, name: str, share: Share, target: float | None = None, *, at_most: bool = False) -> "Line":
        return cls(f"{name}, of {share.trials}", share.value, target, at_most, share.interval)

    def __str__(self) -> str:
        figure = f"{self.name:<66} {self.figure:8.3f}"
        if self.interval is not None:
            figure += " ({:.2f} to {:.2f})".format(*self.interval)
        if self.target is None:
            return figure
        met = self.figure <= self.target if self.at_most else self.figure >= self.target
        bound = f"{'≤' if self.at_most else '≥'} {self.target:<6g}"
        return f"{figure}   {bound} {'met' if met else 'NOT MET'}"


def lines(part: Part) -> Iterator[Line]:
    yield from letter_lines(part)
    yield from own_category_lines(part)
    yield from draft_lines(part)
    yield from held_back_lines()
    if OPEN_DATA.is_dir():
        yield from open_data_lines()
    yield from latency_lines()
    yield from memory_lines()


def letter_lines(part: Part) -> Iterator[Line]:
    letters = yardstick.classify(yardstick.load_letters(part))
    yield Line.of(f"letters, {part}: category", letters.category, 0.85)
    yield Line.of(f"letters, {part}: category, if the product has it", letters.category_of_defaults)
    trade, share = letters.worst_trade
    yield Line.of(f"letters, {part}: category, worst trade ({trade})", share, 0.75)
    yield Line.of(f"letters, {part}: category, where confidence is 0.9", letters.right_if_confident, 0.95)
    yield Line.of(f"letters, {part}: negative found", letters.negative_recall, 0.75)
    yield Line.of(f"letters, {part}: negative, precision", letters.negative_precision)
    yield Line.of(f"letters, {part}: high or urgent found", letters.pressing_recall, 0.85)
    yield Line.of(f"letters, {part}: high or urgent, precision", letters.pressing_precision, 0.7)
    yield Line.of(f"letters, {part}: language", letters.language, 0.98)
    short = quality.short_messages(part)
    yield Line(f"short messages, {part}: language, of {len(short)}", quality.languages(short), 0.95)


def own_category_lines(part: Part) -> Iterator[Line]:
    found = own_categories.classify(part)
    yield Line.of(f"own categories, {part}: right", found.accuracy, 0.85)
    trade, share = found.worst_trade
    yield Line.of(f"own categories, {part}: right, worst trade ({trade})", share)
    yield Line.of(f"own categories, {part}: right, where confidence is 0.9", found.right_if_confident)
    yield Line.of(f"own categories, {part}: of no category, found unknown", found.unknown_recall)
    yield Line.of(f"own categories, {part}: of a category, found unknown", found.unknown_though_known)
    tags = own_categories.tag(part)
    yield Line.of(f"own tags, {part}: right", tags.precision)
    yield Line.of(f"own tags, {part}: found", tags.recall)
    teams = own_categories.suggest_teams(part)
    yield Line.of(f"teams, {part}: right if suggested, all described", teams.all_described.right)
    yield Line.of(f"teams, {part}: suggested, all described", teams.all_described.suggested)
    yield Line.of(f"teams, {part}: right if suggested, half described", teams.half_described.right)
    yield Line.of(f"teams, {part}: suggested for one of these, half described", teams.half_described.suggested)
    corrections = own_categories.correct(part)
    yield Line.of(f"corrections, {part}: followed by a paraphrase", corrections.paraphrases)
    yield Line.of(f"corrections, {part}: not followed by another matter", corrections.others)


def draft_lines(part: Part) -> Iterator[Line]:
    drafts = yardstick.draft(yardstick.load_companies(part))
    single = drafts.of_kind(*SINGLE_SOURCE)
    without_samples = single.where(lambda one: not one.has_samples)
    yield Line.of(f"drafts, {part}: right source", single.right_source, 0.8)
    yield Line.of(f"drafts, {part}: right source, without samples", without_samples.right_source, 0.7)
    yield Line.of(f"drafts, {part}: every fact", single.every_fact, 0.72)
    for kind, target in (("verbatim", 0.96), ("two_in_one", 0.7), ("follow_up", 0.75), ("paraphrase", 0.75)):
        yield Line.of(f"drafts, {part}: right source, {kind}", drafts.of_kind(kind).right_source, target)
    for kind in ("direct", "negated", "other_language"):
        yield Line.of(f"drafts, {part}: right source, {kind}", drafts.of_kind(kind).right_source)
    yield Line.of(
        f"drafts, {part}: drafted though nothing answers, near", drafts.of_kind("near").drafted, 0.08, at_most=True
    )
    yield Line.of(
        f"drafts, {part}: drafted though nothing answers, far", drafts.of_kind(*FAR).drafted, 0.02, at_most=True
    )
    if part == "development":
        yield Line.of("drafts, development: right source, new matter", drafts.of_kind("new_matter").right_source)
        new = drafts.of_kind("new_matter_near").drafted
        yield Line.of("drafts, development: drafted though nothing answers, new matter", new, 0.08, at_most=True)
    yield Line.of("contradicting articles: found", quality.contradictions("contradicting"))
    yield Line.of(
        "articles about different things: taken to contradict each other", quality.contradictions("different")
    )
    consistent = quality.false_contradictions(yardstick.load_companies(part))
    yield Line.of(f"articles, {part}: taken to contradict each other", consistent)
    yield Line(f"drafts, {part}: mean words", drafts.mean_words, 60, at_most=True)


def held_back_lines() -> Iterator[Line]:
    categories = quality.held_back_categories()
    yield Line("category, held back: accuracy", categories.accuracy, 0.95)
    yield Line("category, held back: precision at 90 % coverage", categories.precision_at_coverage, 0.97)
    for language in ("en", "de", "fr", "es", "zh"):
        yield Line(f"category, held back, {language}: accuracy", categories.accuracy_in(language), 0.9)
    error = categories.calibration_error
    yield Line("category, held back: expected calibration error", error, 0.05, at_most=True)
    yield Line("sentiment, held back, to a help desk: macro-F1", quality.held_back_sentiment(), 0.68)
    priorities = quality.held_back_priorities()
    yield Line("priority, held back: within one level", priorities.within_one, 0.97)
    yield Line("priority, held back: exact", priorities.exact)
    yield Line("priority, held back: urgent recall", priorities.urgent_recall, 0.9)
    drafts = quality.drafts(*quality.held_back_knowledge())
    yield Line("draft, held back: source first", drafts.first, 0.94)
    yield Line("draft, held back: source in the first three", drafts.among_three, 0.995)
    yield Line("draft, held back: coverage", drafts.drafted, 0.95)


def open_data_lines() -> Iterator[Line]:
    categories = quality.categories([(text, category, "en") for text, category, _ in open_rows("category")])
    yield Line("category, open data: accuracy", categories.accuracy, 0.95)
    yield Line("category, open data: precision at 90 % coverage", categories.precision_at_coverage, 0.97)
    error = categories.calibration_error
    yield Line("category, open data: expected calibration error", error, 0.05, at_most=True)
    tweets = [(text, label) for text, label in open_rows("sentiment")]
    yield Line("sentiment, tweets: macro-F1", quality.sentiment(tweets), 0.62)
    rows = open_rows("sentiment_8_languages")
    for language in sorted({row[2] for row in rows}):
        labelled = [(text, label) for text, label, spoken in rows if spoken == language]
        yield Line(f"sentiment, tweets, {language}: macro-F1", quality.sentiment(labelled))
    for kind, target in (("tweet", 0.99), ("wordpair", None)):
        labelled = [(text, label) for text, label, source in open_rows("language") if source == kind]
        yield Line(f"language, {kind}s: accuracy", quality.languages(labelled), target)
    knowledge, questions = quality.open_knowledge()
    drafts = quality.drafts(knowledge, questions)
    yield Line("draft, intents of the open data as articles: source first", drafts.first, 0.94)
    yield Line("draft, intents of the open data: source in the first three", drafts.among_three, 0.995)
    yield Line("draft, intents of the open data: coverage", drafts.drafted, 0.95)
    out_of_scope = [text for text, _ in open_rows("out_of_scope")]
    drafted = quality.share_drafted(knowledge, out_of_scope)
    yield Line("out of scope, intents of the open data: drafted", drafted, 0.02, at_most=True)
    knowledge, _ = quality.held_back_knowledge()
    drafted = quality.share_drafted(knowledge, out_of_scope)
    yield Line("out of scope, held-back articles: drafted", drafted, 0.02, at_most=True)


def latency_lines() -> Iterator[Line]:
    examples = load_examples("categories", HELD_BACK)
    english = [one.text for one in examples if one.language == "en"]
    others = [one.text for one in examples if one.language != "en"]
    for name, texts, target in (("English", english, 5), ("other", others, 60)):
        latency = cost.classification_latency(texts)
        yield Line(f"classification of short messages, {name}: p95, ms", latency.elapsed, target, at_most=True)
        yield Line(f"classification of short messages, {name}: p95, ms of the processor", latency.processor)


def memory_lines() -> Iterator[Line]:
    memory = cost.worker_memory([one.text for one in load_examples("categories", HELD_BACK)])
    yield Line("memory of the worker's parent, MB", memory.parent, 200, at_most=True)
    yield Line("memory of a forked child, unshared, MB", memory.child, 20, at_most=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make eval", description=__doc__)
    parser.add_argument("--final", action="store_true", help="measure on the final part of the yardstick")
    part: Part = "final" if parser.parse_args().final else "development"
    for line in lines(part):
        print(line, flush=True)
    if not OPEN_DATA.is_dir():
        print(f"{OPEN_DATA}: not found; no figures on open data")


if __name__ == "__main__":
    main()
