"""Checks of a model's draft before it is shown: protection against prompt injection and invented facts.

Instructions in the prompt can be overridden by a customer's message, so the checks apply to the output: the draft
quotes sources of its input; each number, amount, date, address and promise in it stands in one of them, except the
number of an order or the like that the customer has stated; it contains no link, address or number that was not
redacted, no markup and no part of the prompt.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from hummdesk.ai.external.prompts import Prompt
from hummdesk.ai.facts import FactKind, normalized, references, unsupported, values
from hummdesk.ai.protocol import ProviderRefused, SourceKind
from hummdesk.ai.redaction import PLACEHOLDER, Redactor, contains_personal_data, placeholders

MIN_PROMPT_LINE = 40
"""Characters from which a line of the prompt cannot be in a reply by chance."""

MAX_CITATIONS = 3
"""Sources of a draft; what others say does not count."""
MIN_QUOTE = 12
"""Characters of a quote, unless it is all of its source."""

_MARKUP = re.compile(r"</?[a-zA-Z!][^<>]{0,500}>|!?\[[^\]]*\]\s*\(")
_SPACE = re.compile(r"\s+")
_NAME = re.compile(r"\[\s*NAME_\d+\s*\]", re.IGNORECASE)
_QUESTION_MARK = re.compile("[?？؟\u037e]")
"""The last one is the Greek one."""
_OMISSION = re.compile(r"\s*(?:…|\.\.\.|\[\s*(?:…|\.\.\.)\s*\])\s*")
QUOTATION_MARKS = str.maketrans(dict.fromkeys('“”„«»‹›"', "'"))
JOINERS = "\u200c\u200d"
"""Invisible characters that are part of emoji and of Indic and Persian scripts."""


class CitedSource(NamedTuple):
    """A source that a model says its draft is made of."""

    id: str
    quote: str


class Unsupported(ProviderRefused):
    """The draft says something that none of its sources says. The text may be shown to staff: it quotes nothing."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="unsupported")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSource:
    text: str
    """Title and text, redacted."""
    kind: SourceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInput:
    """The redacted input of the model."""

    prompt: Prompt
    sources: Mapping[str, InputSource]
    """By id in the request."""
    customer: str
    """Message, history and name of the customer."""


NAMES: Mapping[FactKind, str] = {
    "number": "a number",
    "amount": "an amount of money",
    "date": "a date",
    "time": "a time",
    "address": "an address",
    "identifier": "a number",
    "promise": "a promise",
}


def clean(text: str) -> str:
    """Remove lone surrogates, control and formatting characters: invisible, or impossible to store."""
    text = text.encode(errors="replace").decode()
    return "".join(sign for sign in text if sign in "\n\t" or sign in JOINERS or unicodedata.category(sign)[0] != "C")


class DraftChecks:
    """The checks of one draft: of each beginning while it is generated, and of the whole."""

    def __init__(self, model_input: ModelInput, redactor: Redactor) -> None:
        self._input = model_input
        self._redactor = redactor
        self._known: dict[str, frozenset[str]] = {}

    def quoted(self, cited: Sequence[CitedSource]) -> list[CitedSource]:
        """Return the sources whose quote stands in them, once each.

        Raises ProviderRefused if the draft cites no source, and Unsupported if no quote stands in its source.
        """
        known = [source for source in cited if source.id in self._input.sources]
        if not known:
            raise _unsafe("the draft cites no source")
        found = {source.id: source for source in known if _stands_in(source.quote, self._input.sources[source.id].text)}
        if not found:
            raise Unsupported("The model's quotes do not stand in the sources that it cites")
        return list(found.values())[:MAX_CITATIONS]

    def quote(self, source: CitedSource) -> str:
        """Return the quote with its placeholders restored."""
        return self._redactor.restore(clean(source.quote), placeholders(self._input.sources[source.id].text)).strip()

    def check(self, content: str, cited: Sequence[CitedSource]) -> str:
        """Return the draft with its placeholders restored. Raises ProviderRefused if it may not be shown."""
        sources = [source.id for source in self.quoted(cited)]
        allowed = self._of_customer.union(*(placeholders(self._input.sources[source].text) for source in sources))
        shown = _checked(content, self._input.prompt, allowed, self._redactor)
        self._require_support(content, allowed, map(self._values, sources))
        return shown

    def check_question(self, content: str) -> str:
        """Return a question to the customer, with its placeholders restored.

        In sentences that are questions, it may repeat the customer's own facts; in others only the number of an order
        or the like, as a draft. Raises ProviderRefused if it may not be shown.
        """
        allowed = self._of_customer
        shown = _checked(content, self._input.prompt, allowed, self._redactor)
        if not _QUESTION_MARK.search(shown):
            raise Unsupported("The model's question to the customer has no question mark")
        customer = self._redactor.restore(self._input.customer, placeholders(self._input.customer))
        known = frozenset(one for one in values(customer) if not one.startswith("promise:"))
        self._require_support(content, allowed, (), asked=known)
        return shown

    def _require_support(
        self,
        content: str,
        allowed: set[str],
        known: Iterable[frozenset[str]],
        *,
        asked: frozenset[str] = frozenset(),
    ) -> None:
        """Raises Unsupported. The customer's name may be any word, and is left out."""
        text = clean(content)
        if placeholders(_NAME.sub("", text)) - placeholders(text):  # [EMAIL[NAME_1]_9]
            raise _unsafe("the answer contains a placeholder inside of another one")
        said = self._redactor.restore(_NAME.sub(" ", text), allowed)
        fact = unsupported(said, known, stated=self._stated, asked=asked)
        if fact is not None:
            raise Unsupported(f"The model's draft has {NAMES[fact.kind]} that none of its sources has")

    @cached_property
    def _of_customer(self) -> set[str]:
        """Placeholders of the customer's messages that a draft may contain: all but links."""
        return {one for one in placeholders(self._input.customer) if not one.startswith("[LINK")}

    @cached_property
    def _stated(self) -> frozenset[str]:
        """What a draft may refer to: numbers in the conversation, but no card, bank account or key."""
        text = PLACEHOLDER.sub(lambda found: found[0] if found[1] == "NUMBER" else " ", self._input.customer)
        return references(self._redactor.restore(text, placeholders(text)))

    def _values(self, source: str) -> frozenset[str]:
        if source not in self._known:
            one = self._input.sources[source]
            text = self._redactor.restore(one.text, placeholders(one.text))
            self._known[source] = values(text, is_done_said=one.kind == "article")
        return self._known[source]


def check_summary(summary: str, conversation: str, prompt: Prompt, redactor: Redactor) -> str:
    """Return the summary of a redacted conversation with its placeholders restored.

    Raises ProviderRefused if it may not be shown.
    """
    return _checked(summary, prompt, placeholders(conversation), redactor)


def _checked(content: str, prompt: Prompt, allowed: set[str], redactor: Redactor) -> str:
    content = clean(content).strip()
    if not content:
        raise _unsafe("the answer is empty")
    if _MARKUP.search(content) or contains_personal_data(content):
        raise _unsafe("the answer contains markup, or a link, address or number that was not redacted")
    if _repeats(content, prompt):
        raise _unsafe("the answer contains a part of the prompt")
    try:
        return redactor.restore(content, allowed)
    except KeyError:
        raise _unsafe("the answer contains a placeholder from outside its input") from None


def _repeats(content: str, prompt: Prompt) -> bool:
    text = _plain(content)
    return any(len(line) >= MIN_PROMPT_LINE and line in text for line in map(_plain, prompt.text.splitlines()))


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).strip(" -").casefold()


def _stands_in(quote: str, source: str) -> bool:
    """Return whether each part of a quote stands in the source, in spite of other spaces, dashes and apostrophes."""
    text = _bare(source)
    parts = [part for part in map(_bare, _OMISSION.split(quote)) if part]
    is_long = any(len(part) >= MIN_QUOTE for part in parts) or parts == [text]
    return is_long and all(part in text for part in parts)


def _bare(text: str) -> str:
    return _plain(normalized(clean(text)).translate(QUOTATION_MARKS)).strip("' ")


def _unsafe(message: str) -> ProviderRefused:
    return ProviderRefused(message, code="unsafe")
