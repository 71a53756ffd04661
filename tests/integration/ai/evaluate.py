"""`make eval`: a line a target, with the figure, the target and whether it is met."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hummdesk.ai.protocol import Context, IncomingMessage
from hummdesk.ai.providers import provider
from tests.integration.ai import measures
from tests.integration.ai.measures import HELD_BACK, OPEN, open_rows
from training.fitting import examples

MEMORY = """
import os, psutil, sys
sys.modules["rich"] = None  # structlog takes it where it is; it is here for the tests only
from hummdesk.ai.providers import provider
import tasks.app, tasks.classify, tasks.draft
import asyncio, gc
from hummdesk.ai.protocol import Context, IncomingMessage
embedded = provider("embedded"); gc.freeze()
print(psutil.Process().memory_info().rss / 1e6, flush=True)
if os.fork() == 0:
    for line in sys.stdin:
        asyncio.run(embedded.classify(IncomingMessage(content=line), Context()))
    print(psutil.Process().memory_full_info().uss / 1e6, flush=True)
    os._exit(0)
os.wait()
"""


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    figure: float
    target: float | None = None
    at_most: bool = False

    def __str__(self) -> str:
        if self.target is None:
            return f"{self.name:<66} {self.figure:8.3f}"
        met = self.figure <= self.target if self.at_most else self.figure >= self.target
        bound = f"{'≤' if self.at_most else '≥'} {self.target:<6g}"
        return f"{self.name:<66} {self.figure:8.3f}   {bound} {'met' if met else 'NOT MET'}"


def lines() -> Iterator[Line]:
    held = measures.held_back_categories()
    yield Line("category, held back: accuracy", held.accuracy, 0.95)
    yield Line("category, held back: precision of the surest 90 %", held.precision_of_the_surest, 0.97)
    for language in ("en", "de", "fr", "es", "zh"):
        yield Line(f"category, held back, {language}: accuracy", held.accuracy_in(language), 0.9)
    yield Line("category, held back: expected calibration error", held.calibration_error, 0.05, at_most=True)
    feelings = [(one.text, one.label) for one in examples("sentiment", HELD_BACK)]
    yield Line("sentiment, held back, to a help desk: macro-F1", measures.sentiment(feelings), 0.68)
    priorities = measures.priorities()
    yield Line("priority, held back: within one level", priorities.within_one, 0.97)
    yield Line("priority, held back: exact", priorities.exact)
    yield Line("priority, held back: urgent recall", priorities.urgent_recall, 0.9)
    knowledge, asked = measures.held_back_knowledge()
    found = measures.drafts(knowledge, asked)
    yield Line("draft, held back: source first", found.first, 0.94)
    yield Line("draft, held back: source in the first three", found.among_three, 0.995)
    yield Line("draft, held back: coverage", found.drafted, 0.95)
    if OPEN.is_dir():
        yield from open_lines()
    yield from times()
    yield from memory()


def open_lines() -> Iterator[Line]:
    found = measures.categories([(text, category, "en") for text, category, _ in open_rows("category")])
    yield Line("category, open data: accuracy", found.accuracy, 0.95)
    yield Line("category, open data: precision of the surest 90 %", found.precision_of_the_surest, 0.97)
    yield Line("category, open data: expected calibration error", found.calibration_error, 0.05, at_most=True)
    tweets = [(text, wanted) for text, wanted in open_rows("sentiment")]
    yield Line("sentiment, tweets: macro-F1", measures.sentiment(tweets), 0.62)
    rows = open_rows("sentiment_8_languages")
    for language in sorted({row[2] for row in rows}):
        some = [(text, wanted) for text, wanted, spoken in rows if spoken == language]
        yield Line(f"sentiment, tweets, {language}: macro-F1", measures.sentiment(some))
    for kind, target in (("tweet", 0.99), ("wordpair", None)):
        spoken = [(text, wanted) for text, wanted, source in open_rows("language") if source == kind]
        yield Line(f"language, {kind}s: accuracy", measures.language(spoken), target)
    knowledge, asked = measures.open_knowledge()
    sources = measures.drafts(knowledge, asked)
    yield Line("draft, intents of the open data as articles: source first", sources.first, 0.94)
    yield Line("draft, intents of the open data: source in the first three", sources.among_three, 0.995)
    yield Line("draft, intents of the open data: coverage", sources.drafted, 0.95)
    outside = [text for text, _ in open_rows("out_of_scope")]
    yield Line(
        "out of scope, intents of the open data: drafted", measures.drafted(knowledge, outside), 0.02, at_most=True
    )
    ours, _ = measures.held_back_knowledge()
    yield Line("out of scope, held-back articles: drafted", measures.drafted(ours, outside), 0.02, at_most=True)


def times() -> Iterator[Line]:
    """By the wall, as an agent waits, and of the processor, which says what it takes when others work as well."""
    texts = examples("categories", HELD_BACK)
    english = [one.text for one in texts if one.language == "en"]
    others = [one.text for one in texts if one.language != "en"]
    for whose, some, target in (("English", english, 5), ("other", others, 60)):
        waited, worked = _p95(some)
        yield Line(f"classification of short messages, {whose}: p95, ms", waited, target, at_most=True)
        yield Line(f"classification of short messages, {whose}: p95, ms of the processor", worked)


def _p95(texts: list[str]) -> tuple[float, float]:
    embedded = provider("embedded")
    taken = []
    with asyncio.Runner() as runner:  # a worker has one loop for its life, too
        for text in texts:
            started, worked = time.perf_counter(), time.process_time()
            runner.run(embedded.classify(IncomingMessage(content=text), Context()))
            taken.append((time.perf_counter() - started, time.process_time() - worked))
    return tuple(1000 * np.quantile(taken, 0.95, axis=0))


def memory() -> Iterator[Line]:
    texts = "\n".join(one.text for one in examples("categories", HELD_BACK))
    settings = {"JWT_SECRET": "x" * 32, "DATABASE_URL": "postgresql://x@localhost/x", "REDIS_URL": "redis://localhost"}
    measured = subprocess.run(
        [sys.executable, "-c", MEMORY],
        input=texts,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=True,
    )
    parent, child = map(float, measured.stdout.split())
    yield Line("memory of the worker's parent, MB", parent, 200, at_most=True)
    yield Line("memory of a child of its own, MB", child, 20, at_most=True)


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
    if not OPEN.is_dir():
        print(f"{OPEN}: not there, so nothing was measured on open data")
