"""The batch interfaces of the providers, as their SDKs describe them; a batch ends when the test says so."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

Body = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LATER = "2026-01-01T00:00:00Z"


@dataclass
class FakeBatches:
    answer: Callable[[Body], Body | str | None] = lambda _: None
    """The answer to the body of a request; or `errored`, `expired`; None: there is none."""
    submitted: dict[str, dict[str, Body]] = field(default_factory=dict)
    """The bodies of requests by their ids, by the id of their batch."""
    ended: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    deleted: list[str] = field(default_factory=list)
    """Ids of batches and files."""
    failures: list[int] = field(default_factory=list)
    """Statuses with which the next requests fail."""
    refuses_submissions: int = 0
    """The status with which each submission fails; 0: none does."""
    on_submitted: Callable[[], Awaitable[None]] | None = None
    """Called before the submission is answered."""
    invalid: str = ""
    """The code with which OpenAI refuses batches after their submission."""
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def last(self) -> dict[str, Body]:
        return list(self.submitted.values())[-1]

    def end_all(self) -> None:
        self.ended |= self.submitted.keys()

    async def submit(self, requests: dict[str, Body]) -> str:
        batch = f"batch_{len(self.submitted) + 1}"
        self.submitted[batch] = requests
        if self.on_submitted is not None:
            await self.on_submitted()
        return batch


def add_routes(app: web.Application, protocol: Literal["anthropic", "openai"], batches: FakeBatches) -> None:
    served = _Anthropic(batches) if protocol == "anthropic" else _OpenAI(batches)
    for method, path, handler in served.routes():
        app.router.add_route(method, path, _failing(batches, handler))


def _failing(batches: FakeBatches, handler: Handler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        if batches.refuses_submissions and request.method == "POST":
            batches.failures.append(batches.refuses_submissions)
        if batches.failures:
            error = {"type": "error", "error": {"type": "failed", "message": "as scripted"}}
            return web.json_response(error, status=batches.failures.pop(0))
        return await handler(request)

    return handle


class _Anthropic:
    def __init__(self, batches: FakeBatches) -> None:
        self._batches = batches

    def routes(self) -> list[tuple[str, str, Handler]]:
        return [
            ("GET", "/v1/messages/batches", self._list),
            ("POST", "/v1/messages/batches", self._create),
            ("GET", "/v1/messages/batches/{id}", self._retrieve),
            ("GET", "/v1/messages/batches/{id}/results", self._results),
            ("POST", "/v1/messages/batches/{id}/cancel", self._cancel),
            ("DELETE", "/v1/messages/batches/{id}", self._delete),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [], "has_more": False, "first_id": None, "last_id": None})

    async def _create(self, request: web.Request) -> web.Response:
        requests = {one["custom_id"]: one["params"] for one in (await request.json())["requests"]}
        return self._shown(request, await self._batches.submit(requests))

    async def _retrieve(self, request: web.Request) -> web.Response:
        return self._shown(request, request.match_info["id"])

    async def _cancel(self, request: web.Request) -> web.Response:
        self._batches.cancelled.add(request.match_info["id"])
        return self._shown(request, request.match_info["id"])

    async def _delete(self, request: web.Request) -> web.Response:
        self._batches.deleted.append(request.match_info["id"])
        return web.json_response({"id": request.match_info["id"], "type": "message_batch_deleted"})

    async def _results(self, request: web.Request) -> web.Response:
        lines = []
        for id, body in reversed(self._batches.submitted[request.match_info["id"]].items()):
            answer = self._batches.answer(body)
            if isinstance(answer, dict):
                lines.append({"custom_id": id, "result": {"type": "succeeded", "message": answer}})
            elif answer == "errored":
                error = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
                lines.append({"custom_id": id, "result": {"type": "errored", "error": error}})
            elif answer is not None:
                lines.append({"custom_id": id, "result": {"type": answer}})
        return web.Response(text="".join(f"{json.dumps(line)}\n" for line in lines), content_type="application/x-jsonl")

    def _shown(self, request: web.Request, id: str) -> web.Response:
        if id not in self._batches.submitted:
            error = {"type": "error", "error": {"type": "not_found_error", "message": "no"}}
            return web.json_response(error, status=404)
        has_ended = id in self._batches.ended
        counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        url = f"{request.scheme}://{request.host}/v1/messages/batches/{id}/results"
        shown = {
            "id": id,
            "type": "message_batch",
            "processing_status": "ended" if has_ended else "in_progress",
            "request_counts": counts,
            "created_at": LATER,
            "expires_at": LATER,
            "ended_at": LATER if has_ended else None,
            "results_url": url if has_ended else None,
        }
        return web.json_response(shown)


class _OpenAI:
    def __init__(self, batches: FakeBatches) -> None:
        self._batches = batches

    def routes(self) -> list[tuple[str, str, Handler]]:
        return [
            ("POST", "/v1/files", self._upload),
            ("GET", "/v1/files/{id}/content", self._content),
            ("DELETE", "/v1/files/{id}", self._delete),
            ("GET", "/v1/batches", self._list),
            ("POST", "/v1/batches", self._create),
            ("GET", "/v1/batches/{id}", self._retrieve),
            ("POST", "/v1/batches/{id}/cancel", self._cancel),
        ]

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        assert form["purpose"] == "batch"
        id = f"file-{len(self._batches.files) + 1}"
        content = self._batches.files[id] = file.file.read()
        shown = {"id": id, "object": "file", "bytes": len(content), "created_at": 1, "filename": file.filename}
        return web.json_response(shown | {"purpose": "batch", "status": "processed"})

    async def _content(self, request: web.Request) -> web.Response:
        output = request.match_info["id"].startswith("output-")
        batch = request.match_info["id"].partition("-")[2]
        lines: list[Body] = []
        for id, body in self._batches.submitted[batch].items():
            answer = self._batches.answer(body)
            if isinstance(answer, dict) and output:
                response = {"status_code": 200, "request_id": "r", "body": answer}
                lines.append({"id": "x", "custom_id": id, "response": response, "error": None})
            elif answer == "errored" and not output:
                failed = {"error": {"code": "invalid_request_error", "message": "no"}}
                response = {"status_code": 400, "request_id": "r", "body": failed}
                lines.append({"id": "x", "custom_id": id, "response": response, "error": None})
            elif answer == "expired" and not output:
                error: Body = {"code": "batch_expired", "message": "no"}
                lines.append({"id": "x", "custom_id": id, "response": None, "error": error})
        return web.Response(text="".join(f"{json.dumps(line)}\n" for line in lines))

    async def _delete(self, request: web.Request) -> web.Response:
        self._batches.deleted.append(request.match_info["id"])
        return web.json_response({"id": request.match_info["id"], "object": "file", "deleted": True})

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [], "has_more": False})

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        lines = [json.loads(line) for line in self._batches.files[body["input_file_id"]].splitlines()]
        assert {(line["method"], line["url"]) for line in lines} == {("POST", body["endpoint"])}
        return self._shown(await self._batches.submit({line["custom_id"]: line["body"] for line in lines}))

    async def _retrieve(self, request: web.Request) -> web.Response:
        return self._shown(request.match_info["id"])

    async def _cancel(self, request: web.Request) -> web.Response:
        self._batches.cancelled.add(request.match_info["id"])
        return self._shown(request.match_info["id"])

    def _shown(self, id: str) -> web.Response:
        if id not in self._batches.submitted:
            return web.json_response({"error": {"code": "not_found", "message": "no"}}, status=404)
        has_ended = id in self._batches.ended
        shown = {
            "id": id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "created_at": 1,
            "input_file_id": "file-1",
            "status": "completed" if has_ended else "in_progress",
            "output_file_id": f"output-{id}" if has_ended else None,
            "error_file_id": f"errors-{id}" if has_ended else None,
        }
        if self._batches.invalid:
            error = {"code": self._batches.invalid, "message": "no", "line": None, "param": None}
            shown |= {"status": "failed", "errors": {"object": "list", "data": [error]}, "output_file_id": None}
        return web.json_response(shown)
