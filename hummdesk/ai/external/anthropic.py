"""Clients of Anthropic's Messages and Message Batches APIs, on the official SDK."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import anthropic
from anthropic.types import Message, RawMessageStreamEvent, Usage
from anthropic.types.messages import MessageBatchIndividualResponse

from hummdesk.ai.external.batch_client import NOT_OFFERED, BatchAnswer, BatchGone, batch_code
from hummdesk.ai.external.client import (
    Completion,
    CompletionRequest,
    OnText,
    translate_sdk_errors,
    unusable,
)
from hummdesk.ai.protocol import ProviderError
from hummdesk.core.config import Settings
from hummdesk.core.models import TokenUsage

STOP_REASONS: dict[str | None, Literal["end", "length", "refusal"]] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


WITHOUT_THINKING = ("claude-haiku-5-5",)
"""Models whose thinking can be disabled; others refuse the request (platform.claude.com, thinking)."""


class AnthropicClient:
    provider = "anthropic"

    def __init__(self, settings: Settings) -> None:
        self._client = anthropic.AsyncAnthropic(
            api_key=settings.anthropic_api_key,
            base_url=settings.anthropic_base_url or None,
            max_retries=0,
            timeout=settings.ai_draft_seconds,
        )
        self.batches = AnthropicBatches(self._client.with_options(timeout=settings.ai_soft_limit_seconds))

    async def complete(self, request: CompletionRequest, on_text: OnText | None = None) -> Completion:
        parameters = _parameters(request)
        with translate_sdk_errors(anthropic):
            if on_text is None:
                return _completion(await self._client.messages.create(**parameters))
            async with await self._client.messages.create(**parameters, stream=True) as events:
                return await _streamed(events, on_text)

    async def close(self) -> None:
        await self._client.close()


class AnthropicBatches:
    """The Message Batches API (platform.claude.com, batch processing)."""

    def __init__(self, client: anthropic.AsyncAnthropic) -> None:
        self._batches = client.messages.batches

    async def is_offered(self) -> bool:
        with translate_sdk_errors(anthropic):
            try:
                await self._batches.list(limit=1)
            except anthropic.APIStatusError as error:
                if error.status_code not in NOT_OFFERED:
                    raise
                return False
        return True

    async def submit(self, requests: Mapping[str, CompletionRequest]) -> str:
        submitted: Any = [{"custom_id": id, "params": _parameters(request)} for id, request in requests.items()]
        with translate_sdk_errors(anthropic):
            return (await self._batches.create(requests=submitted)).id

    async def has_ended(self, batch_id: str) -> bool:
        with translate_sdk_errors(anthropic):
            try:
                return (await self._batches.retrieve(batch_id)).processing_status == "ended"
            except anthropic.NotFoundError:
                raise BatchGone from None

    async def answers(self, batch_id: str) -> AsyncIterator[BatchAnswer]:
        with translate_sdk_errors(anthropic):
            async for line in await self._batches.results(batch_id):
                yield _batch_answer(line)

    async def cancel(self, batch_id: str) -> None:
        with translate_sdk_errors(anthropic):
            await self._batches.cancel(batch_id)

    async def delete(self, batch_id: str) -> None:
        with translate_sdk_errors(anthropic):
            await self._batches.delete(batch_id)


def _parameters(request: CompletionRequest) -> dict[str, Any]:
    """Return the body of the API request."""
    output: Any = {"format": {"type": "json_schema", "schema": request.schema}}
    is_without = request.effort == "none" and request.model.startswith(WITHOUT_THINKING)
    if request.effort != "default" and not is_without:
        output["effort"] = "low" if request.effort == "none" else request.effort
    parameters: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens,
        # The system prompt is the same each time, so the provider can read it from its cache.
        "system": [
            {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
            for text in (request.system, request.account_system)
            if text
        ],
        "messages": [{"role": role, "content": text} for role, text in request.turns],
        "output_config": output,
    }
    return parameters | ({"thinking": {"type": "disabled"}} if is_without else {})


def _batch_answer(line: MessageBatchIndividualResponse) -> BatchAnswer:
    """Read one answer. One that does not follow the protocol does not affect the others."""
    result = line.result
    try:
        if result.type == "succeeded":
            return BatchAnswer(id=line.custom_id, completion=_completion(result.message))
        code = batch_code([result.error.error.type if result.type == "errored" else result.type])
    except (ProviderError, AttributeError, TypeError, ValueError, LookupError):
        code = "unusable"
    return BatchAnswer(id=line.custom_id, completion=None, code=code)


async def _streamed(events: AsyncIterable[RawMessageStreamEvent], on_text: OnText) -> Completion:
    """Collect the answer from the events of a stream."""
    text, usage, ended = "", TokenUsage(), None
    async for event in events:
        if event.type == "message_start":
            usage = _usage(event.message.usage)
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            text += event.delta.text
            on_text(event.delta.text)
        elif event.type == "message_delta":
            usage = replace(usage, output=int(event.usage.output_tokens))
            ended = event.delta.stop_reason
    if ended is None:
        raise unusable("the stream has no end")
    return Completion(text=text, stop=STOP_REASONS.get(ended, "end"), usage=usage)


def _completion(message: object) -> Completion:
    """Check the answer, since the SDK does not: it may be a text, or lack any field."""
    if not isinstance(message, Message):
        raise unusable("the answer is not a message")
    return Completion(
        text="".join(block.text for block in message.content if block.type == "text"),
        stop=STOP_REASONS.get(message.stop_reason, "end"),
        usage=_usage(message.usage),
    )


def _usage(usage: Usage) -> TokenUsage:
    return TokenUsage(
        input=int(usage.input_tokens),
        cache_read=usage.cache_read_input_tokens or 0,
        cache_write=usage.cache_creation_input_tokens or 0,
        output=int(usage.output_tokens),
    )
