"""A provider whose answers come from a model outside the house, whichever serves it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from marshmallow import Schema, ValidationError

from hummdesk.ai import routing
from hummdesk.ai.external import answer_schemas, grounding, pricing
from hummdesk.ai.external.client import Completion, Model, Request, Role
from hummdesk.ai.external.grounding import Given, clean
from hummdesk.ai.external.request_templates import Task, Tasks
from hummdesk.ai.protocol import (
    Citation,
    Classification,
    Context,
    Draft,
    IncomingMessage,
    Knowledge,
    ProviderError,
    ProviderRefused,
    Turn,
)
from hummdesk.ai.redaction import Vault
from hummdesk.ai.reply import actions_for, names
from hummdesk.core.models import ModelCall, TokenUsage

LONGEST_MESSAGE = 8000
LONGEST_SOURCE = 4000
LONGEST_TURN = 2000
SOURCES_GIVEN = 20
SOURCES_CITED = 3
TAGS = 5
TAKEN_OVER = ("category", "priority", "urgency", "sentiment", "language", "confidence")
REPAIR = (
    "That could not be used: {faults}. Answer the same again with one JSON object that fits the schema, nothing else."
)
WHY_NOT = {
    "not_in_sources": "Nothing that the account knows answers this",
    "needs_person": "This needs somebody who may decide it or look it up",
    "unclear": "It is not clear what is asked",
}


class OutsideProvider:
    """Asks once, and once more for an answer that cannot be read. Whether to try again is up to who called."""

    def __init__(
        self,
        model: Model,
        tasks: Tasks,
        prices: pricing.Prices,
        *,
        note: Callable[[ModelCall], None] = lambda call: None,
        seconds: float = float("inf"),
    ) -> None:
        """`note` is given each request however it ends; `seconds` bounds an answer beside the task's own time-out."""
        self.name = model.provider
        self._model = model
        self._tasks = tasks
        self._prices = prices
        self._note = note
        self._seconds = seconds

    async def classify(self, message: IncomingMessage, context: Context) -> Classification:
        vault = Vault()
        teams = {f"T{number}": team for number, team in enumerate(context.teams, start=1)}
        answer = await self._ask(
            self._tasks.classify,
            {
                "teams": [{"id": alias, "name": vault.hide(clean(team.name))} for alias, team in teams.items()],
                "corrections": _corrections(vault, context),
                "earlier": _earlier(vault, context.history),
                "message": _shown(vault, message.content, LONGEST_MESSAGE),
            },
        )
        team = teams.get(answer["team"])
        return Classification(
            **{name: answer[name] for name in TAKEN_OVER},
            tags=tuple(dict.fromkeys(answer["tags"]))[:TAGS],
            suggested_team=team.id if team else None,
            suggested_agent=routing.agent_for(
                team, category=answer["category"], language=answer["language"], context=context
            ),
        )

    async def draft(self, message: IncomingMessage, context: Context, knowledge: Knowledge) -> Draft:
        vault = Vault()
        called = names(message.customer_name or "")
        customer = vault.keep("NAME", " ".join(called)) if called else None
        sources, known = _sources(vault, knowledge)
        data = {
            "sources": sources,
            "customer": customer,
            "earlier": _earlier(vault, context.history),
            "message": _shown(vault, message.content, LONGEST_MESSAGE),
        }
        answer = await self._ask(self._tasks.draft, data)
        if answer["outcome"] != "answered":
            return Draft(
                content=None,
                confidence=answer["confidence"],
                reasoning=WHY_NOT[answer["outcome"]],
                tone=answer["tone"],
            )
        cited = [source for source in dict.fromkeys(answer["sources"]) if source in known][:SOURCES_CITED]
        given = Given(
            prompt=self._tasks.draft.prompt,
            sources={source["id"]: f"{source.get('title', '')}\n{source['text']}" for source in sources},
            customer=orjson.dumps([customer, data["earlier"], data["message"]]).decode(),
        )
        return Draft(
            content=grounding.grounded(answer["content"], cited, given, vault),
            confidence=answer["confidence"],
            reasoning=f"Answered from “{'”, “'.join(known[source].title for source in cited)}”",
            citations=tuple(known[source] for source in cited),
            tone=answer["tone"],
            suggested_actions=actions_for(answer["category"]),
        )

    async def _ask(self, task: Task, data: Mapping[str, Any]) -> dict[str, Any]:
        """What a customer wrote goes as a string of a JSON object, which it cannot close."""
        until = asyncio.get_running_loop().time() + min(task.seconds, self._seconds)
        turns: tuple[tuple[Role, str], ...] = (("user", orjson.dumps(data).decode()),)
        try:
            return await self._call(task, turns, until)
        except _Misshapen as misshapen:
            said: tuple[tuple[Role, str], ...] = (("assistant", misshapen.text),) if misshapen.text.strip() else ()
            again: tuple[Role, str] = ("user", REPAIR.format(faults=misshapen.faults))
            turns = (*turns, *said, again) if said else (*turns[:-1], ("user", f"{turns[-1][1]}\n\n{again[1]}"))
        return await self._call(task, turns, until)

    async def _call(self, task: Task, turns: tuple[tuple[Role, str], ...], until: float) -> dict[str, Any]:
        request = Request(
            model=task.model,
            system=task.prompt.text,
            turns=turns,
            name=task.prompt.name,
            schema=answer_schemas.json_schema(task.form),
            max_tokens=task.max_tokens,
        )
        began, usage, outcome = time.perf_counter(), TokenUsage(), "cancelled"
        try:
            async with asyncio.timeout_at(until):
                completion = await self._model.complete(request)
            usage = completion.usage
            answer = _read(task.form, completion)
            outcome = "ok"
        except TimeoutError:
            outcome = "timeout"
            raise ProviderError("no answer in time", code=outcome) from None
        except ProviderError as failure:
            outcome = failure.code
            raise
        finally:
            self._note(self._bill(task, outcome, usage, time.perf_counter() - began))
        return answer

    def _bill(self, task: Task, outcome: str, usage: TokenUsage, seconds: float) -> ModelCall:
        return ModelCall(
            provider=self.name,
            model=task.model,
            prompt=task.prompt.label,
            outcome=outcome,
            usage=usage,
            cost=pricing.cost(self._prices, task.model, usage),
            seconds=seconds,
        )


class _Misshapen(ProviderError):
    """An answer that cannot be read, with what is wrong with it."""

    def __init__(self, text: str, faults: str) -> None:
        super().__init__("not what was asked for", code="unusable")
        self.text = text
        self.faults = faults


def _read(form: Schema, completion: Completion) -> dict[str, Any]:
    if completion.stop == "refusal":
        raise ProviderRefused("the model refuses", code="refusal")
    if completion.stop == "length":
        raise ProviderRefused("the answer was too long", code="length")
    try:
        return answer_schemas.load(form, completion.text)
    except ValidationError as error:
        raise _Misshapen(completion.text, str(error.messages)) from None


def _sources(vault: Vault, knowledge: Knowledge) -> tuple[list[dict[str, str]], dict[str, Citation]]:
    """What the model is given, and for each of its names what that is."""
    known = [(Citation(kind="article", title=one.title, id=one.id), one.body) for one in knowledge.articles]
    known += [(Citation(kind="canned_reply", title=one.title), one.content) for one in knowledge.canned_replies]
    known += [
        (Citation(kind="past_answer", title=one.question, id=one.id), one.answer) for one in knowledge.past_answers
    ]
    sources, cited = [], {}
    for number, (citation, text) in enumerate(known[:SOURCES_GIVEN], start=1):
        alias = f"S{number}"
        cited[alias] = citation
        called = "asked" if citation.kind == "past_answer" else "title"
        shown = {called: _shown(vault, citation.title, LONGEST_TURN), "text": _shown(vault, text, LONGEST_SOURCE)}
        sources.append({"id": alias, "kind": citation.kind, **shown})
    return sources, cited


def _earlier(vault: Vault, history: tuple[Turn, ...]) -> list[dict[str, str]]:
    return [{"from": turn.sender, "text": _shown(vault, turn.content, LONGEST_TURN)} for turn in history]


def _corrections(vault: Vault, context: Context) -> list[dict[str, str]]:
    """What an agent has put right, without what was left as it was found."""
    return [
        {"text": _shown(vault, one.content, LONGEST_TURN)}
        | {name: value for name, value in (("category", one.category), ("priority", one.priority)) if value}
        for one in context.corrections
    ]


def _shown(vault: Vault, text: str, longest: int) -> str:
    """As it leaves the house; of a long one the beginning and, for a quarter, the end."""
    hidden = vault.hide(clean(text))
    if len(hidden) <= longest:
        return hidden
    return f"{hidden[: longest * 3 // 4]} … {hidden[-longest // 4 :]}"
