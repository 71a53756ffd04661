"""A server that speaks a provider's protocol and answers as told: what the official clients are tested against."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web
from multidict import CIMultiDictProxy

Protocol = Literal["anthropic", "openai"]
PROTOCOLS: tuple[Protocol, ...] = ("anthropic", "openai")
Asked = dict[str, Any]
Behaviour = Callable[["Played", web.Request, Asked], Awaitable[web.StreamResponse]]

CLASSIFICATION = {
    "category": "billing",
    "priority": "high",
    "urgency": 6,
    "sentiment": "negative",
    "language": "en",
    "tags": ["double-charge"],
    "team": "none",
    "confidence": 0.9,
}
DRAFT = {
    "outcome": "answered",
    "sources": ["S1"],
    "content": "We have looked into it and a refund takes five working days.",
    "tone": "friendly",
    "category": "billing",
    "confidence": 0.8,
}
USAGE = {"input": 1000, "cache_read": 200, "cache_write": 0, "output": 50}


@dataclass
class Played:
    protocol: Protocol
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    """The requests so far, as JSON."""
    headers: list[CIMultiDictProxy[str]] = field(default_factory=list)
    script: list[Behaviour] = field(default_factory=list)
    """One for each request; the last one for all that follow."""
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def plays(self, *behaviours: Behaviour) -> None:
        self.script = list(behaviours)
        self.asked.clear()

    def settings(self) -> dict[str, Any]:
        """That make it the provider."""
        return {
            "ai_provider": self.protocol,
            f"{self.protocol}_base_url": self.url,
            f"{self.protocol}_api_key": "sk-secret-key",
        }

    def shown(self, number: int = -1) -> Any:
        """The data of a request: what the first turn of the user holds."""
        turns = [turn for turn in self.asked[number]["messages"] if turn["role"] == "user"]
        return json.loads(turns[0]["content"])

    def system(self, number: int = -1) -> str:
        asked = self.asked[number]
        text = asked["system"][0]["text"] if self.protocol == "anthropic" else asked["messages"][0]["content"]
        return str(text)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.asked.append(asked)
        self.headers.append(request.headers)
        behaviour = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return await behaviour(self, request, asked)


@asynccontextmanager
async def playing(protocol: Protocol) -> AsyncIterator[Played]:
    played = Played(protocol)
    app = web.Application()
    app.router.add_post("/v1/messages" if protocol == "anthropic" else "/v1/chat/completions", played._answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    played.url = f"http://{host}:{port}" + ("/v1" if protocol == "openai" else "")
    try:
        yield played
    finally:
        played.released.set()
        await runner.cleanup()


def message(protocol: Protocol, text: str, *, stop: str = "end", usage: bool = True) -> dict[str, Any]:
    """An answer as the provider's own server gives it."""
    if protocol == "anthropic":
        reasons = {"end": "end_turn", "length": "max_tokens", "refusal": "refusal"}
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "content": [{"type": "thinking", "thinking": "", "signature": "x"}, {"type": "text", "text": text}],
            "stop_reason": reasons[stop],
            "stop_sequence": None,
            "usage": {
                "input_tokens": USAGE["input"],
                "cache_read_input_tokens": USAGE["cache_read"],
                "cache_creation_input_tokens": USAGE["cache_write"],
                "output_tokens": USAGE["output"],
            },
        }
    reasons = {"end": "stop", "length": "length", "refusal": "stop", "filter": "content_filter"}
    counted = {
        "prompt_tokens": USAGE["input"] + USAGE["cache_read"],
        "completion_tokens": USAGE["output"],
        "total_tokens": sum(USAGE.values()),
        "prompt_tokens_details": {"cached_tokens": USAGE["cache_read"]},
    }
    said = {"content": None, "refusal": "I cannot help with that"} if stop == "refusal" else {"content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt",
        "choices": [{"index": 0, "finish_reason": reasons[stop], "message": {"role": "assistant", **said}}],
    } | ({"usage": counted} if usage else {})


def says(answer: dict[str, Any] | str, *, stop: str = "end", usage: bool = True) -> Behaviour:
    text = answer if isinstance(answer, str) else json.dumps(answer)

    async def behave(played: Played, request: web.Request, asked: Asked) -> web.StreamResponse:
        return web.json_response(message(played.protocol, text, stop=stop, usage=usage))

    return behave


def obeys(answer: Callable[[Any], dict[str, Any] | str]) -> Behaviour:
    """Makes its answer of the data that it was given, as a model that does what is written there."""

    async def behave(played: Played, request: web.Request, asked: Asked) -> web.StreamResponse:
        return await says(answer(played.shown()))(played, request, asked)

    return behave


def fails(status: int, code: str = "", **headers: str) -> Behaviour:
    async def behave(played: Played, request: web.Request, asked: Asked) -> web.StreamResponse:
        error = {"type": code or "error", "message": f"because of {asked['messages']}", "code": code or None}
        return web.json_response({"type": "error", "error": error}, status=status, headers=headers)

    return behave


def sends(body: bytes, content_type: str = "application/json") -> Behaviour:
    async def behave(played: Played, request: web.Request, asked: Asked) -> web.StreamResponse:
        return web.Response(body=body, content_type=content_type)

    return behave


async def hangs(played: Played, request: web.Request, asked: Asked) -> web.StreamResponse:
    await played.released.wait()
    return web.Response(status=500)


async def drips(played: Played, request: web.Request, asked: Asked) -> web.StreamResponse:
    """A byte now and then: no read ever times out."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while not played.released.is_set():
        await response.write(b" ")
        await asyncio.sleep(0.05)
    return response


async def hangs_up(played: Played, request: web.Request, asked: Asked) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
