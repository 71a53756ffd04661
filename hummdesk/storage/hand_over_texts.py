"""The texts of a hand-over to people, for staff, in the languages of the console."""

from collections.abc import Mapping

ENGLISH = "en"

NOTES: Mapping[str, str] = {
    "en": "Handed over to a person: {reason}.",
    "de": "An einen Menschen übergeben: {reason}.",
}
CHANGES: Mapping[str, str] = {"en": "handed over: {reason}", "de": "übergeben: {reason}"}
"""Reasons of the change of the status."""
REASONS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "low_score": "no article answers the question well enough",
        "anger": "the customer is upset",
        "second_failure": "two answers did not help",
        "asked": "the customer asked for a person",
    },
    "de": {
        "low_score": "kein Artikel beantwortet die Frage gut genug",
        "anger": "die Nachricht klingt verärgert",
        "second_failure": "zwei Antworten haben nicht geholfen",
        "asked": "es wurde um einen Menschen gebeten",
    },
}


def note(language: str | None, reason: str) -> str:
    return _text(NOTES, language, reason)


def change(language: str | None, reason: str) -> str:
    return _text(CHANGES, language, reason)


def _text(texts: Mapping[str, str], language: str | None, reason: str) -> str:
    """In English if there is none in the language."""
    known = language if language is not None and language in texts else ENGLISH
    return texts[known].format(reason=REASONS[known][reason])
