"""How a call of a scripted provider is remembered in the file system."""

from hashlib import sha256


def mark_of(verb: str, text: str) -> str:
    return f"{verb}-{sha256(text.encode()).hexdigest()[:16]}"
