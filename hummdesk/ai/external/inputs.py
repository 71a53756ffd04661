"""Inputs of requests to external models: redacted, bounded JSON data with short aliases in place of ids.

Quoted mails, signatures and disclaimers are left out. Of customers' texts they contain only those of the conversation
itself. What another customer wrote (the question of a past answer, a message whose classification was corrected) is
stored, and could instruct every later prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hummdesk.ai.external.grounding import InputSource, ModelInput, clean
from hummdesk.ai.external.prompts import Prompt
from hummdesk.ai.message_text import message_text
from hummdesk.ai.protocol import Citation, Context, IncomingMessage, Knowledge, Team, Turn
from hummdesk.ai.redaction import Redactor
from hummdesk.ai.reply import names
from hummdesk.ai.text import new_text, readable

MAX_MESSAGE = 8000
MAX_SOURCE = 4000
MAX_TURN = 2000
MAX_SOURCES = 20
TEAM_EXAMPLES = 3
"""Examples of a team that are sent."""
MAX_TEAM = 200
"""Characters of a description or an example."""
MAX_CONVERSATION = 24_000
"""Characters of a conversation that is summarized; the oldest messages are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationInput:
    data: dict[str, Any]
    teams: dict[str, Team]
    """By alias."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftInput:
    data: dict[str, Any]
    citations: dict[str, Citation]
    """By alias."""

    def for_checks(self, prompt: Prompt) -> ModelInput:
        """Return the same input as `grounding.DraftChecks` needs it."""
        return ModelInput(
            prompt=prompt,
            sources={
                source["id"]: InputSource(
                    text=f"{source.get('title', '')}\n{source['text']}".strip(), kind=source["kind"]
                )
                for source in self.data["sources"]
            },
            customer="\n".join(
                [self.data["customer"] or "", *(turn["text"] for turn in self.data["earlier"]), self.data["message"]]
            ),
        )


def classification_input(redactor: Redactor, message: IncomingMessage, context: Context) -> ClassificationInput:
    teams = {f"T{number}": team for number, team in enumerate(context.teams, start=1)}
    data = {
        "teams": [{"id": alias, **_described(redactor, team)} for alias, team in teams.items()],
        "corrections": _corrections(context),
        "earlier": _history(redactor, context.history),
        "message": _redacted(redactor, message_text(message), MAX_MESSAGE),
    }
    return ClassificationInput(data=data, teams=teams)


def _described(redactor: Redactor, team: Team) -> dict[str, str | list[str]]:
    description = {"description": _redacted(redactor, team.description, MAX_TEAM)} if team.description else {}
    examples = [_redacted(redactor, one, MAX_TEAM) for one in team.examples[:TEAM_EXAMPLES]]
    return {
        "name": redactor.redact(clean(readable(team.name))),
        **description,
        **({"examples": examples} if examples else {}),
    }


def draft_input(redactor: Redactor, message: IncomingMessage, context: Context, knowledge: Knowledge) -> DraftInput:
    name = " ".join(names(message.customer_name or ""))
    customer = redactor.placeholder("NAME", name) if name else None
    sources, citations = _sources(redactor, knowledge)
    data = {
        "sources": sources,
        "customer": customer,
        "earlier": _history(redactor, context.history),
        "message": _redacted(redactor, message_text(message), MAX_MESSAGE),
    }
    return DraftInput(data=data, citations=citations)


def summary_input(redactor: Redactor, conversation: Sequence[Turn]) -> dict[str, list[dict[str, str]]]:
    history = _history(redactor, conversation)
    length = 0
    for number, turn in enumerate(reversed(history)):
        length += len(turn["text"])
        if length > MAX_CONVERSATION:
            return {"conversation": history[len(history) - number :]}
    return {"conversation": history}


def _sources(redactor: Redactor, knowledge: Knowledge) -> tuple[list[dict[str, str]], dict[str, Citation]]:
    known = [(Citation(kind="article", title=one.title, id=one.id), one.body) for one in knowledge.articles]
    changed = {one.id: one.changed_at.date().isoformat() for one in knowledge.articles if one.changed_at}
    known += [(Citation(kind="canned_reply", title=one.title), one.content) for one in knowledge.canned_replies]
    known += [
        (Citation(kind="past_answer", title=one.question, id=one.id), one.answer) for one in knowledge.past_answers
    ]
    sources, citations = [], {}
    for number, (citation, text) in enumerate(known[:MAX_SOURCES], start=1):
        alias = f"S{number}"
        citations[alias] = citation
        title = {} if citation.kind == "past_answer" else {"title": _redacted(redactor, citation.title, MAX_TURN)}
        date = {"changed": changed[citation.id]} if citation.kind == "article" and citation.id in changed else {}
        text = _redacted(redactor, text, MAX_SOURCE)
        sources.append({"id": alias, "kind": citation.kind, **title, **date, "text": text})
    return sources, citations


def _history(redactor: Redactor, history: Sequence[Turn]) -> list[dict[str, str]]:
    return [{"from": turn.sender, "text": _redacted(redactor, new_text(turn.content), MAX_TURN)} for turn in history]


def _corrections(context: Context) -> list[dict[str, str | float]]:
    """Return the corrected fields of each correction, and how similar its message is to this one."""
    return [
        {"similarity": round(one.similarity, 2)}
        | {name: value for name, value in (("category", one.category), ("priority", one.priority)) if value}
        for one in context.corrections
    ]


def _redacted(redactor: Redactor, text: str, limit: int) -> str:
    """Redact what a person reads; keep three quarters of `limit` from the beginning, one quarter from the end."""
    redacted = redactor.redact(clean(readable(text)))
    if len(redacted) <= limit:
        return redacted
    return f"{redacted[: limit * 3 // 4]} … {redacted[-limit // 4 :]}"
