"""A server that implements a provider's API with scripted responses: the official SDKs are tested against it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web
from multidict import CIMultiDictProxy

from tests.integration.ai.fake_batches import FakeBatches, add_routes

Protocol = Literal["anthropic", "openai"]
PROTOCOLS: tuple[Protocol, ...] = ("anthropic", "openai")
Body = dict[str, Any]
Behaviour = Callable[["FakeApi", web.Request, Body], Awaitable[web.StreamResponse]]

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
    "content": "We are sorry. A refund takes five working days.",
    "tone": "friendly",
    "category": "billing",
    "confidence": 0.8,
}
USAGE = {"input": 1000, "cache_read": 200, "cache_write": 0, "output": 50}


@dataclass
class FakeApi:
    protocol: Protocol
    url: str = ""
    requests: list[Body] = field(default_factory=list)
    """Bodies of the requests so far."""
    headers: list[CIMultiDictProxy[str]] = field(default_factory=list)
    script: list[Behaviour] = field(default_factory=list)
    """One behaviour per request; the last one also for all further requests."""
    released: asyncio.Event = field(default_factory=asyncio.Event)
    """Ends `hang` and `drip`."""
    batches: FakeBatches = field(default_factory=FakeBatches)

    def respond_with(self, *behaviours: Behaviour) -> None:
        self.script = list(behaviours)
        self.requests.clear()

    def settings(self) -> dict[str, Any]:
        """Return the settings that make this API the provider."""
        return {
            "ai_provider": self.protocol,
            f"{self.protocol}_base_url": self.url,
            f"{self.protocol}_api_key": "sk-secret-key",
        }

    def input_data(self, number: int = -1) -> Any:
        """Return the JSON data in the first user turn of a request."""
        turns = [turn for turn in self.requests[number]["messages"] if turn["role"] == "user"]
        return json.loads(turns[0]["content"])

    def system_prompt(self, number: int = -1) -> str:
        body = self.requests[number]
        text = body["system"][0]["text"] if self.protocol == "anthropic" else body["messages"][0]["content"]
        return str(text)

    def system_text(self, number: int = -1) -> str:
        """Return the whole system prompt of a request."""
        body = self.requests[number]
        if self.protocol == "anthropic":
            return "\n\n".join(block["text"] for block in body["system"])
        return str(body["messages"][0]["content"])

    def schema(self, number: int = -1) -> Any:
        """Return the schema of the answer to a request."""
        body = self.requests[number]
        if self.protocol == "anthropic":
            return body["output_config"]["format"]["schema"]
        return body["response_format"]["json_schema"]["schema"]

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        self.headers.append(request.headers)
        behaviour = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return await behaviour(self, request, body)


@asynccontextmanager
async def serve_fake_api(protocol: Protocol) -> AsyncIterator[FakeApi]:
    api = FakeApi(protocol)
    app = web.Application()
    app.router.add_post("/v1/messages" if protocol == "anthropic" else "/v1/chat/completions", api._respond)
    add_routes(app, protocol, api.batches)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    api.url = f"http://{host}:{port}" + ("/v1" if protocol == "openai" else "")
    try:
        yield api
    finally:
        api.released.set()
        await runner.cleanup()


def message(protocol: Protocol, text: str, *, stop: str = "end", usage: bool = True) -> Body:
    """Return a response body in the format of the provider."""
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
    content = {"content": None, "refusal": "I cannot help with that"} if stop == "refusal" else {"content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt",
        "choices": [{"index": 0, "finish_reason": reasons[stop], "message": {"role": "assistant", **content}}],
    } | ({"usage": counted} if usage else {})


def quoting(content: dict[str, Any], body: Body) -> dict[str, Any]:
    """Return an answer in which sources that are only ids have a quote: the beginning of the text in the request."""
    turn = next(turn for turn in body["messages"] if turn["role"] == "user")
    texts = {source["id"]: source["text"] for source in json.loads(turn["content"]).get("sources", ())}
    sources = [
        {"id": one, "quote": texts.get(one, "Nothing of this source.")[:60]} if isinstance(one, str) else one
        for one in content["sources"]
    ]
    return content | {"sources": sources}


def answer(content: dict[str, Any] | str, *, stop: str = "end", usage: bool = True) -> Behaviour:
    """Answer with this text or JSON object; sources of a draft that are only ids are quoted."""

    async def behave(api: FakeApi, request: web.Request, body: Body) -> web.StreamResponse:
        made = quoting(content, body) if isinstance(content, dict) and "sources" in content else content
        text = made if isinstance(made, str) else json.dumps(made)
        if body.get("stream"):
            return await _stream(request, events(api.protocol, text, stop=stop, usage=usage))
        return web.json_response(message(api.protocol, text, stop=stop, usage=usage))

    return behave


def stream_draft(content: dict[str, Any], *, wait_before: str, until: asyncio.Event) -> Behaviour:
    """Stream a draft; before this part of it, wait for the event."""

    async def behave(api: FakeApi, request: web.Request, body: Body) -> web.StreamResponse:
        text = json.dumps(quoting(content, body))
        at = text.index(wait_before)
        return await stream(text[:at], until, text[at:])(api, request, body)

    return behave


def stream(*pieces: str | asyncio.Event, ends: bool = True) -> Behaviour:
    """Stream an answer in these pieces; wait where an event is."""

    async def behave(api: FakeApi, request: web.Request, body: Body) -> web.StreamResponse:
        assert body["stream"]
        text = "".join(piece for piece in pieces if isinstance(piece, str))
        first, *_, end, last = events(api.protocol, text)
        parts = [piece if isinstance(piece, asyncio.Event) else piece_event(api.protocol, piece) for piece in pieces]
        return await _stream(request, [first, *parts, *([end, last] if ends else [])])

    return behave


def events(protocol: Protocol, text: str, *, stop: str = "end", usage: bool = True) -> list[Body]:
    """Return the events of a stream in the format of the provider, the text in pieces of 20 characters."""
    whole = message(protocol, text, stop=stop, usage=usage)
    pieces = [piece_event(protocol, text[at : at + 20]) for at in range(0, len(text), 20)]
    if protocol == "anthropic":
        started = whole | {"content": [], "stop_reason": None, "usage": whole["usage"] | {"output_tokens": 1}}
        ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
        return [
            {"type": "message_start", "message": started},
            *pieces,
            {"type": "message_delta", "delta": ended, "usage": {"output_tokens": USAGE["output"]}},
            {"type": "message_stop"},
        ]
    choice = whole["choices"][0]
    refused = choice["message"].get("refusal")
    ended = {"delta": {"refusal": refused} if refused else {}, "finish_reason": choice["finish_reason"]}
    counted = {"usage": whole["usage"]} if usage else {}
    return [_chunk({"delta": {"role": "assistant", "content": ""}}), *pieces, _chunk(ended), _chunk() | counted]


def piece_event(protocol: Protocol, text: str) -> Body:
    if protocol == "anthropic":
        return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    return _chunk({"delta": {"content": text}})


def _chunk(*choices: Body) -> Body:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt"}
    return chunk | {"choices": [{"index": 0, "finish_reason": None} | choice for choice in choices]}


async def _stream(request: web.Request, parts: Sequence[Body | asyncio.Event]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for part in parts:
        if isinstance(part, asyncio.Event):
            await part.wait()
        else:
            name = f"event: {part['type']}\n" if "type" in part else ""
            await response.write(f"{name}data: {json.dumps(part)}\n\n".encode())
    return response


def fail(status: int, code: str = "", **headers: str) -> Behaviour:
    async def behave(api: FakeApi, request: web.Request, body: Body) -> web.StreamResponse:
        error = {"type": code or "error", "message": f"because of {body['messages']}", "code": code or None}
        return web.json_response({"type": "error", "error": error}, status=status, headers=headers)

    return behave


def send_body(body: bytes, content_type: str = "application/json") -> Behaviour:
    async def behave(api: FakeApi, request: web.Request, _: Body) -> web.StreamResponse:
        return web.Response(body=body, content_type=content_type)

    return behave


async def hang(api: FakeApi, request: web.Request, body: Body) -> web.StreamResponse:
    await api.released.wait()
    return web.Response(status=500)


async def drip(api: FakeApi, request: web.Request, body: Body) -> web.StreamResponse:
    """Send a byte now and then, so that no read times out."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while not api.released.is_set():
        await response.write(b" ")
        await asyncio.sleep(0.05)
    return response


async def close_connection(api: FakeApi, request: web.Request, body: Body) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
