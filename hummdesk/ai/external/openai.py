"""Client of OpenAI's Chat Completions API, on the official SDK; also for vLLM, Ollama, llama.cpp and other servers."""

from collections.abc import AsyncIterable
from typing import Any, Literal

import openai
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from hummdesk.ai.external.client import Completion, CompletionRequest, OnText, translate_sdk_errors, unusable
from hummdesk.core.config import Settings
from hummdesk.core.models import TokenUsage

FINISH_REASONS: dict[str | None, Literal["end", "length", "refusal"]] = {
    "length": "length",
    "content_filter": "refusal",
}
WITHOUT_REASONING = ("gpt-6-luna", "gpt-6-sol", "gpt-6.1-terra")
"""Models that can answer without reasoning; others refuse the request (developers.openai.com, models)."""
NO_KEY = "none"
"""Sent to a server that requires no key, because the SDK requires one."""


class OpenAIClient:
    provider = "openai"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = openai.AsyncOpenAI(
            api_key=settings.openai_api_key or NO_KEY,
            base_url=settings.openai_base_url or None,
            max_retries=0,
            timeout=settings.ai_draft_seconds,
        )

    async def complete(self, request: CompletionRequest, on_text: OnText | None = None) -> Completion:
        parameters = self.parameters(request)
        with translate_sdk_errors(openai):
            if on_text is None:
                return _completion(await self._client.chat.completions.create(**parameters))
            parameters |= {"stream": True, "stream_options": {"include_usage": True}}
            async with await self._client.chat.completions.create(**parameters) as chunks:
                return await _streamed(chunks, on_text)

    async def close(self) -> None:
        await self._client.close()

    def parameters(self, request: CompletionRequest) -> dict[str, Any]:
        """Return the body of the API request."""
        system = "\n\n".join(filter(None, (request.system, request.account_system)))
        schema = {"name": request.schema_name, "strict": True, "schema": request.schema}
        return {
            "model": request.model,
            "messages": [{"role": role, "content": text} for role, text in (("system", system), *request.turns)],
            "response_format": {"type": "json_schema", "json_schema": schema},
            **self._limits(request),
        }

    def _limits(self, request: CompletionRequest) -> dict[str, Any]:
        """OpenAI's own models reject `max_tokens`; compatible servers may not know the newer parameters."""
        if self._settings.openai_base_url:
            return {"max_tokens": request.max_tokens}
        return {"max_completion_tokens": request.max_tokens, "store": False} | _reasoning(request)


def _reasoning(request: CompletionRequest) -> dict[str, Any]:
    if request.effort == "default":
        return {}
    is_unknown = request.effort == "none" and not request.model.startswith(WITHOUT_REASONING)
    return {"reasoning_effort": "low" if is_unknown else request.effort}


async def _streamed(chunks: AsyncIterable[ChatCompletionChunk], on_text: OnText) -> Completion:
    """Collect the answer from the chunks of a stream; the last one has the usage and no choice."""
    text, usage, ended, is_refused = "", TokenUsage(), None, False
    async for chunk in chunks:
        if chunk.usage is not None:
            usage = _usage(chunk.usage)
        for choice in chunk.choices:
            is_refused = is_refused or bool(choice.delta.refusal)
            ended = choice.finish_reason or ended
            if piece := choice.delta.content:
                text += piece
                on_text(piece)
    if ended is None:
        raise unusable("the stream has no end")
    return Completion(text=text, stop="refusal" if is_refused else FINISH_REASONS.get(ended, "end"), usage=usage)


def _completion(answer: object) -> Completion:
    """Check the answer, since the SDK does not: it may be a text, or lack any field."""
    if not isinstance(answer, ChatCompletion):
        raise unusable("the answer is not a completion")
    choice = answer.choices[0]
    return Completion(
        text=choice.message.content or "",
        stop="refusal" if choice.message.refusal else FINISH_REASONS.get(choice.finish_reason, "end"),
        usage=_usage(answer.usage),
    )


def _usage(usage: CompletionUsage | None) -> TokenUsage:
    """Return zeros if the server reports no usage."""
    if usage is None:
        return TokenUsage()
    details = usage.prompt_tokens_details
    cached = (details and details.cached_tokens) or 0
    written = (details and getattr(details, "cache_write_tokens", None)) or 0
    return TokenUsage(
        input=usage.prompt_tokens - cached - written,
        cache_read=cached,
        cache_write=written,
        output=int(usage.completion_tokens),
    )
