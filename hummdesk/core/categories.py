"""Categories and tags of messages: those that are built in, and those that an account names itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, get_args

Category = Literal[
    "account_access",
    "billing",
    "refund_cancellation",
    "order_shipping",
    "technical",
    "sales",
    "complaint_feedback",
    "fraud_security",
    "appointments",
    "privacy_legal",
    "how_to",
    "general",
]
"""The built-in categories, the default."""

BUILT_IN: tuple[str, ...] = get_args(Category)

GENERAL = "general"
"""The category of what fits no other; beside an account's own categories, too."""

LONGEST_KEY = 40
KEY = "[a-z][a-z0-9_]{2,39}"
"""The pattern of a key. With two letters it could be a language, which is a skill as well."""


class Described(Protocol):
    """What an account has described for the AI; hashable."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def examples(self) -> tuple[str, ...]: ...


class Description(NamedTuple):
    name: str
    description: str
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTerm:
    """A category or tag that an account has named."""

    key: str
    name: str
    description: str = ""
    examples: tuple[str, ...] = ()
    """Messages of this category, or with this tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCategory(OwnTerm):
    """A category that an account has named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTag(OwnTerm):
    """A tag that an account has named. A message may have several."""


def keys_of(own: Sequence[OwnCategory]) -> tuple[str, ...]:
    """Return the keys that a message of an account may have; without own categories those of the built-in ones."""
    return (*(one.key for one in own), GENERAL) if own else BUILT_IN
