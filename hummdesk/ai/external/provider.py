"""The provider that answers by an external model, whichever API serves it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson
from marshmallow import Schema, ValidationError

from hummdesk.ai import routing
from hummdesk.ai.external import answer_schemas, grounding, inputs, pricing
from hummdesk.ai.external.assist import assist_input, check_assist
from hummdesk.ai.external.client import Completion, CompletionRequest, ModelClient, OnText, Role
from hummdesk.ai.external.draft_release import DraftRelease
from hummdesk.ai.external.draft_request import DraftRequest
from hummdesk.ai.external.own_categories import with_own_terms
from hummdesk.ai.external.profiles import with_profile
from hummdesk.ai.external.request_templates import RequestTemplate, RequestTemplates
from hummdesk.ai.protocol import (
    Classification,
    Context,
    Draft,
    IncomingMessage,
    Knowledge,
    ProviderError,
    ProviderRefused,
    Show,
    Turn,
    show_nothing,
)
from hummdesk.ai.redaction import Redactor
from hummdesk.core.assist import Assist
from hummdesk.core.models import ModelCall, Reservation, TokenUsage

MAX_TAGS = 5
COPIED_FIELDS = ("category", "priority", "urgency", "sentiment", "language", "confidence")
REPAIR = (
    "That could not be used: {faults}. Answer the same again with one JSON object that fits the schema, nothing else."
)

CHARACTERS_PER_TOKEN = 4
"""To estimate the tokens of a request before it is sent."""

Turns = tuple[tuple[Role, str], ...]
Reserve = Callable[[int, Decimal], Awaitable[Reservation | None]]
"""Reserves estimated tokens and dollars of a budget. Raises ProviderRefused if it is used up."""


async def unlimited(_tokens: int, _dollars: Decimal) -> None:
    """Reserve nothing: there is no budget."""


class ExternalProvider:
    """Sends one request, and a second one if the answer does not match the schema. Other retries are the caller's."""

    def __init__(
        self,
        client: ModelClient,
        templates: RequestTemplates,
        prices: pricing.Prices,
        *,
        record: Callable[[ModelCall], None],
        reserve: Reserve,
        timeout_seconds: float,
        is_streaming: bool = True,
    ) -> None:
        """`reserve` is called before each request; `record` receives each one, however it ends.

        `timeout_seconds` applies beside the template's timeout. `is_streaming`: drafts are requested as streams.
        """
        self.name = client.provider
        self._client = client
        self._templates = templates
        self._prices = prices
        self._record = record
        self._reserve = reserve
        self._timeout_seconds = timeout_seconds
        self._is_streaming = is_streaming

    async def classify(self, message: IncomingMessage, context: Context) -> Classification:
        model_input = inputs.classification_input(Redactor(), message, context)
        template = self._templates.classify
        if context.categories or context.tags:
            template = with_own_terms(template, context.categories, context.tags)
        answer = await self._ask(template, model_input.data)
        team = model_input.teams.get(answer["team"])
        return Classification(
            **{name: answer[name] for name in COPIED_FIELDS},
            priority_confidence=answer["confidence"],
            tags=tuple(dict.fromkeys(answer["tags"]))[:MAX_TAGS],
            suggested_team=team.id if team else None,
            suggested_agent=routing.agent_for(
                team, category=answer["category"], language=answer["language"], context=context
            ),
        )

    async def draft(
        self, message: IncomingMessage, context: Context, knowledge: Knowledge, *, show: Show = show_nothing
    ) -> Draft:
        template = with_profile(self._templates.draft, context.profile)
        request = DraftRequest.of(template.prompt, message, context, knowledge)
        is_streamed = self._is_streaming and show is not show_nothing
        on_text = DraftRelease(request.checks.check, show).feed if is_streamed else None
        answer = await self._ask(template, request.input.data, on_text=on_text)
        return request.read(answer, provider=self.name)

    async def summarize(self, conversation: Sequence[Turn]) -> str:
        redactor, template = Redactor(), self._templates.summarize
        data = inputs.summary_input(redactor, conversation)
        answer = await self._ask(template, data)
        sent = orjson.dumps(data).decode()
        return grounding.check_summary(answer["summary"], sent, template.prompt, redactor)

    async def assist(self, wanted: Assist) -> str:
        redactor, template = Redactor(), self._templates.assist
        data = assist_input(redactor, wanted)
        answer = await self._ask(template, data)
        return check_assist(answer["text"], data, template.prompt, redactor)

    async def _ask(
        self, template: RequestTemplate, data: Mapping[str, Any], *, on_text: OnText | None = None
    ) -> dict[str, Any]:
        """Send the data as one JSON object: a customer's text is a JSON string, which it cannot close.

        `on_text` receives the first answer; a repaired one begins again, and is not shown before it is whole.
        """
        deadline = asyncio.get_running_loop().time() + min(template.timeout_seconds, self._timeout_seconds)
        turns: Turns = (("user", orjson.dumps(data).decode()),)
        try:
            return await self._request(template, turns, deadline, on_text)
        except _InvalidAnswer as invalid:
            turns = _repair_turns(turns, invalid)
        return await self._request(template, turns, deadline)

    async def _request(
        self, template: RequestTemplate, turns: Turns, deadline: float, on_text: OnText | None = None
    ) -> dict[str, Any]:
        request = template.request(turns)
        usage, outcome, received = TokenUsage(), "cancelled", _Received(on_text)
        reservation = await self._reserved(template, request)
        started = time.perf_counter()
        try:
            async with asyncio.timeout_at(deadline):
                completion = await self._client.complete(request, None if on_text is None else received.feed)
            usage = completion.usage
            answer = parsed(template.schema, completion)
            outcome = "ok"
        except TimeoutError:
            outcome = "timeout"
            raise ProviderError("no answer in time", code=outcome) from None
        except ProviderError as failure:
            outcome = failure.code
            raise
        finally:
            if received.characters and outcome != "ok" and not usage.total:
                # The stream has broken before its usage was known, and what was received is charged.
                usage = estimated_usage(request, received.characters)
            call = self._model_call(template, outcome, usage, time.perf_counter() - started)
            self._record(replace(call, reservation=reservation))
        return answer

    async def _reserved(self, template: RequestTemplate, request: CompletionRequest) -> Reservation | None:
        """Reserve the estimate of the request. A refusal is recorded like a request."""
        try:
            return await self._reserve(*self._estimate(request))
        except ProviderRefused as refusal:
            self._record(self._model_call(template, refusal.code, TokenUsage(), 0.0))
            raise

    def _estimate(self, request: CompletionRequest) -> tuple[int, Decimal]:
        """Return tokens and dollars of the input; the output is not known before."""
        usage = estimated_usage(request)
        return usage.total, pricing.cost(self._prices, request.model, usage) or Decimal(0)

    def _model_call(self, template: RequestTemplate, outcome: str, usage: TokenUsage, seconds: float) -> ModelCall:
        return ModelCall(
            provider=self.name,
            model=template.model,
            prompt=template.prompt.label,
            outcome=outcome,
            usage=usage,
            cost=pricing.cost(self._prices, template.model, usage),
            seconds=seconds,
        )


def estimated_usage(request: CompletionRequest, output: int = 0) -> TokenUsage:
    """Estimate the usage by the characters of request and output."""
    return TokenUsage(input=request.characters // CHARACTERS_PER_TOKEN, output=-(-output // CHARACTERS_PER_TOKEN))


class _Received:
    """Counts what is received of a stream, and passes it on."""

    def __init__(self, on_text: OnText | None) -> None:
        self._on_text = on_text
        self.characters = 0

    def feed(self, piece: str) -> None:
        self.characters += len(piece)
        if self._on_text is not None:
            self._on_text(piece)


class _InvalidAnswer(ProviderError):
    """The answer does not match the schema."""

    def __init__(self, text: str, errors: str) -> None:
        super().__init__("the answer does not match the schema", code="unusable")
        self.text = text
        self.errors = errors


def _repair_turns(turns: Turns, invalid: _InvalidAnswer) -> Turns:
    """Ask for a valid answer. An empty one cannot be quoted as a turn, so the request is extended instead."""
    repair = REPAIR.format(faults=invalid.errors)
    if invalid.text.strip():
        return (*turns, ("assistant", invalid.text), ("user", repair))
    return (*turns[:-1], ("user", f"{turns[-1][1]}\n\n{repair}"))


def parsed(schema: Schema, completion: Completion) -> dict[str, Any]:
    """Return the answer. Raises ProviderError if it does not match the schema, ProviderRefused if it has none."""
    if completion.stop == "refusal":
        raise ProviderRefused("the model refuses to answer", code="refusal")
    if completion.stop == "length":
        raise ProviderRefused("the answer was cut at its token limit", code="length")
    try:
        return answer_schemas.parse_answer(schema, completion.text)
    except ValidationError as error:
        raise _InvalidAnswer(completion.text, str(error.messages)) from None
