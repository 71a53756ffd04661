"""A request for a draft: its input, and the parsing and checks of the answer."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

import orjson

from hummdesk.ai.external import inputs
from hummdesk.ai.external.client import Role
from hummdesk.ai.external.grounding import CitedSource, DraftChecks, Unsupported
from hummdesk.ai.external.inputs import DraftInput
from hummdesk.ai.external.prompts import Prompt
from hummdesk.ai.protocol import Citation, Context, Draft, IncomingMessage, Knowledge, Quote
from hummdesk.ai.redaction import Redactor
from hummdesk.ai.reply import actions_for

log = logging.getLogger(__name__)

ABSTENTIONS = {
    "not_in_sources": "No source of the account answers this",
    "needs_person": "A person has to decide this or look it up",
    "unclear": "The question is unclear",
}


@dataclass(frozen=True)
class DraftRequest:
    input: DraftInput
    redactor: Redactor
    prompt: Prompt

    @classmethod
    def of(cls, prompt: Prompt, message: IncomingMessage, context: Context, knowledge: Knowledge) -> Self:
        redactor = Redactor()
        return cls(inputs.draft_input(redactor, message, context, knowledge), redactor, prompt)

    @classmethod
    def from_stored(cls, prompt: Prompt, stored: Mapping[str, Any]) -> Self:
        """Return the request that was stored: its answer comes in another process."""
        citations = {alias: Citation(**citation) for alias, citation in stored["citations"].items()}
        return cls(DraftInput(data=stored["data"], citations=citations), Redactor.restoring(stored["values"]), prompt)

    def stored(self) -> dict[str, Any]:
        """Return what `from_stored` needs, as JSON: the redacted input, and the values of its placeholders."""
        citations = {alias: asdict(citation) for alias, citation in self.input.citations.items()}
        return {"data": self.input.data, "citations": citations, "values": self.redactor.values}

    @property
    def turns(self) -> tuple[tuple[Role, str], ...]:
        return (("user", orjson.dumps(self.input.data).decode()),)

    @cached_property
    def checks(self) -> DraftChecks:
        return DraftChecks(self.input.for_checks(self.prompt), self.redactor)

    def read(self, answer: Mapping[str, Any], *, provider: str) -> Draft:
        """Return the draft of an answer that fits the schema, or an abstention.

        Raises ProviderRefused if the answer may not be shown.
        """
        if answer["outcome"] in ABSTENTIONS:
            return _abstention(answer, ABSTENTIONS[answer["outcome"]])
        try:
            if answer["outcome"] == "clarify":
                return _question(answer, self.checks.check_question(answer["content"]))
            return self._answer(answer)
        except Unsupported as unsupported:
            log.warning("ai_draft.unsupported", extra={"provider": provider, "reason": str(unsupported)})
            return _abstention(answer, str(unsupported))

    def _answer(self, answer: Mapping[str, Any]) -> Draft:
        """Raises ProviderRefused, and Unsupported if the sources do not say what the answer says."""
        cited = [CitedSource(**source) for source in answer["sources"]]
        content, quoted = self.checks.check(answer["content"], cited), self.checks.quoted(cited)
        citations = tuple(self.input.citations[source.id] for source in quoted)
        return Draft(
            content=content,
            confidence=answer["confidence"],
            reasoning=f"Answered from “{'”, “'.join(citation.title for citation in citations)}”",
            citations=citations,
            quotes=tuple(
                Quote(source=citation.id, text=self.checks.quote(source))
                for source, citation in zip(quoted, citations, strict=True)
                if citation.id is not None
            ),
            tone=answer["tone"],
            suggested_actions=actions_for(answer["category"]),
        )


def _question(answer: Mapping[str, Any], content: str) -> Draft:
    return Draft(
        content=content,
        confidence=answer["confidence"],
        reasoning="Asks the customer for what the answer depends on",
        is_question=True,
        tone=answer["tone"],
    )


def _abstention(answer: Mapping[str, Any], reason: str) -> Draft:
    return Draft(content=None, confidence=answer["confidence"], reasoning=reason, tone=answer["tone"])
