"""Clients of OpenAI's Chat Completions and Batch APIs, on the official SDK.

The first serves vLLM, Ollama, llama.cpp and other servers as well.
"""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any, Literal

import openai
import orjson
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from hummdesk.ai.external.batch_client import NOT_OFFERED, BatchAnswer, BatchFailed, BatchGone, batch_code
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

FINISH_REASONS: dict[str | None, Literal["end", "length", "refusal"]] = {
    "length": "length",
    "content_filter": "refusal",
}
WITHOUT_REASONING = ("gpt-6-luna", "gpt-6-sol", "gpt-6.1-terra")
"""Models that can answer without reasoning; others refuse the request (developers.openai.com, models)."""
NO_KEY = "none"
"""Sent to a server that requires no key, because the SDK requires one."""
ENDPOINT: Literal["/v1/chat/completions"] = "/v1/chat/completions"
"""Of the requests of a batch."""
ENDED = frozenset({"completed", "expired", "cancelled"})
EXPIRY_SECONDS = 3 * 24 * 3600
"""Of the files of a batch that is never deleted."""


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

    @property
    def batches(self) -> "OpenAIBatches":
        return OpenAIBatches(self)

    @property
    def batch_sdk(self) -> openai.AsyncOpenAI:
        return self._client.with_options(timeout=self._settings.ai_soft_limit_seconds)

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


class OpenAIBatches:
    """The Batch API (developers.openai.com, batch): requests and answers are files of JSON lines.

    The files are deleted with the batch, and otherwise expire.
    """

    def __init__(self, client: OpenAIClient) -> None:
        self._client = client
        sdk = client.batch_sdk
        self._files = sdk.files
        self._batches = sdk.batches

    async def is_offered(self) -> bool:
        with translate_sdk_errors(openai):
            try:
                await self._batches.list(limit=1)
            except openai.APIStatusError as error:
                if error.status_code not in NOT_OFFERED:
                    raise
                return False
        return True

    async def submit(self, requests: Mapping[str, CompletionRequest]) -> str:
        lines = [
            {"custom_id": id, "method": "POST", "url": ENDPOINT, "body": self._client.parameters(request)}
            for id, request in requests.items()
        ]
        with translate_sdk_errors(openai):
            file = await self._files.create(
                file=("requests.jsonl", b"\n".join(map(orjson.dumps, lines))),
                purpose="batch",
                expires_after={"anchor": "created_at", "seconds": EXPIRY_SECONDS},
            )
            batch = await self._batches.create(
                input_file_id=file.id,
                endpoint=ENDPOINT,
                completion_window="24h",
                output_expires_after={"anchor": "created_at", "seconds": EXPIRY_SECONDS},
            )
        return batch.id

    async def has_ended(self, batch_id: str) -> bool:
        with translate_sdk_errors(openai):
            try:
                batch = await self._batches.retrieve(batch_id)
            except openai.NotFoundError:
                raise BatchGone from None
            if batch.status == "failed":
                errors = (batch.errors and batch.errors.data) or []
                raise BatchFailed(batch_code(error.code for error in errors))
            return batch.status in ENDED

    async def answers(self, batch_id: str) -> AsyncIterator[BatchAnswer]:
        with translate_sdk_errors(openai):
            batch = await self._batches.retrieve(batch_id)
            for file in filter(None, (batch.output_file_id, batch.error_file_id)):
                content = (await self._files.content(file)).content
                for line in filter(None, content.split(b"\n")):
                    if (answer := _batch_answer(line)) is not None:
                        yield answer

    async def cancel(self, batch_id: str) -> None:
        with translate_sdk_errors(openai):
            await self._batches.cancel(batch_id)

    async def delete(self, batch_id: str) -> None:
        """Delete its files: a batch itself cannot be deleted."""
        with translate_sdk_errors(openai):
            batch = await self._batches.retrieve(batch_id)
            for file in filter(None, (batch.input_file_id, batch.output_file_id, batch.error_file_id)):
                await self._files.delete(file)


def _batch_answer(text: bytes) -> BatchAnswer | None:
    """Read one answer; None without an id. One that does not follow the protocol does not spoil the others."""
    try:
        line = orjson.loads(text)
        id = str(line["custom_id"])
    except (TypeError, ValueError, LookupError):
        return None
    try:
        response = line.get("response") or {}
        body = response.get("body") or {}
        if response.get("status_code") == 200:
            return BatchAnswer(id=id, completion=_completion(ChatCompletion.construct(**body)))
        error = line.get("error") or body.get("error") or {}
        code = batch_code([error.get("code"), error.get("type")])
    except (ProviderError, AttributeError, TypeError, ValueError, LookupError):
        code = "unusable"
    return BatchAnswer(id=id, completion=None, code=code)


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
