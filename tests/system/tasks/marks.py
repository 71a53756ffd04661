"""Names of the files that record the calls of the scripted provider."""

from hashlib import sha256

RELEASED = "released"
"""Once this file exists, calls that linger return."""


def mark_of(verb: str, text: str) -> str:
    return f"{verb}-{sha256(text.encode()).hexdigest()[:16]}"
