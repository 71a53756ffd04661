"""Names of the files that record the calls of the scripted provider."""

from hashlib import sha256


def mark_of(verb: str, text: str) -> str:
    return f"{verb}-{sha256(text.encode()).hexdigest()[:16]}"
