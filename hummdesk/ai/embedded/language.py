"""Language detection: fastText's model (`lid.176.md`), and the function words of languages that HummDesk is used in.

The model reads words and parts of words; in a short message, two or three nouns decide ("How do I reset my password?"
was French). Function words (`function_words.json`) say more about the language than what the message is about.
"""

import json
import math
import re
from collections import Counter
from itertools import chain
from pathlib import Path

import fasttext

from hummdesk.ai.protocol import UNKNOWN_LANGUAGE

THRESHOLD = 0.15
"""Least probability of the detected language, unless the text has function words of it."""
ENGLISH_WEIGHT = 0.7
"""Other languages borrow English words, so a text that is half English and half Italian counts as Italian."""
FUNCTION_WORDS_EXPONENT = 4.0
"""A text of function words only is e^4 times as probably in their language, one in which they are half, e^2 times."""
CANDIDATES = 20
"""Languages that the model finds most probable."""
IGNORED = frozenset({"eo", "ia", "ie", "io", "jbo", "la", "nov", "vo"})
"""Constructed and dead languages that the model finds in short messages of other languages."""
MAX_CHARACTERS = 1000
KANA_SHARE, SCRIPT_SHARE = 0.1, 0.25
"""Least share of the characters that are of a script, for its language.

Japanese nouns are in Chinese characters: of its text at least KANA_SHARE is Kana, and SCRIPT_SHARE Kana or Chinese.
"""

_MODEL = fasttext.load_model(str(Path(__file__).with_name("lid.176.ftz")))
_FUNCTION_WORDS: dict[str, list[str]] = {}
"""The languages of each function word."""
for _language, _words in json.loads(
    Path(__file__).with_name("function_words.json").read_text(encoding="utf-8")
).items():
    for _one in set(_words):
        _FUNCTION_WORDS.setdefault(_one, []).append(_language)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_KANA, _HANGUL, _HAN = (re.compile(f"[{span}]") for span in ("\u3041-\u30ff", "\uac00-\ud7a3", "\u4e00-\u9fff"))


def detect(text: str) -> str:
    """Return the ISO 639 code, or `und` if the text is too short or in no language."""
    text = text[:MAX_CHARACTERS].replace("\n", " ").replace("’", "'").lower()
    if not any(map(str.isalpha, text)):
        return UNKNOWN_LANGUAGE
    if (language := _of_script(text)) is not None:
        return language
    labels, values = _MODEL.predict(text, k=CANDIDATES)
    scores = {label.removeprefix("__label__"): value for label, value in zip(labels, values, strict=True)}
    candidates = {language: score for language, score in scores.items() if language not in IGNORED}
    shares = _shares(_WORD.findall(text))
    best = max(
        candidates, key=lambda language: candidates[language] * _weight(language, shares), default=UNKNOWN_LANGUAGE
    )
    ignored = sum(scores.values()) - sum(candidates.values())
    is_certain = shares.get(best, 0.0) > 0 or candidates.get(best, 0.0) >= THRESHOLD * (1 - ignored)
    return best if is_certain else UNKNOWN_LANGUAGE


def _of_script(text: str) -> str | None:
    kana, hangul, han = (len(script.findall(text)) / len(text) for script in (_KANA, _HANGUL, _HAN))
    if kana >= KANA_SHARE and kana + han >= SCRIPT_SHARE:
        return "ja"
    if hangul >= SCRIPT_SHARE:
        return "ko"
    return "zh" if han >= SCRIPT_SHARE else None


def _shares(words: list[str]) -> dict[str, float]:
    """Return the share of function words for each language that has any of them."""
    counts = Counter(chain.from_iterable(_FUNCTION_WORDS.get(word, ()) for word in words))
    return {language: count / len(words) for language, count in counts.items()}


def _weight(language: str, shares: dict[str, float]) -> float:
    weight = math.exp(FUNCTION_WORDS_EXPONENT * shares.get(language, 0.0))
    return weight * ENGLISH_WEIGHT if language == "en" else weight
