"""What an agent can have translated or rewritten."""

from dataclasses import dataclass
from typing import Literal

AssistKind = Literal["translate", "shorter", "friendlier", "formal"]

_CODES = """
ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nl no pl pt ro ru sk sl sr sv th tr uk ur vi
zh
"""
LANGUAGES = tuple(_CODES.split())
"""ISO 639-1 codes of the languages into which texts are translated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assist:
    """A text to be translated or rewritten: what an agent is writing, or a message of a conversation."""

    kind: AssistKind
    text: str
    is_message: bool = False
    """Whether it is a message, perhaps in HTML."""
    language: str | None = None
    """One of LANGUAGES, to translate into."""
