"""What operators and balancers ask: is it alive, can it work, how much does it do."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from sanic import Blueprint, Request, Sanic
from sanic.handlers import ErrorHandler
from sanic.response import HTTPResponse, json, raw

from hummdesk import metrics
from hummdesk.errors import RateLimited, Unavailable
from hummdesk.node import Node
from hummdesk.sockets import TokenBucket

log = logging.getLogger(__name__)

READINESS_CACHED_SECONDS = 1.0
CHECK_SECONDS = 2.0
ADDRESSES_REMEMBERED = 10_000
MINUTE = 60.0


def blueprint(node: Node) -> Blueprint:
    routes = Blueprint("operations")
    readiness = _Readiness(node)

    @routes.get("/health/live")
    async def live(_: Request[Any, Any]) -> HTTPResponse:
        return json({"status": "ok"})

    @routes.get("/health/ready")
    async def ready(_: Request[Any, Any]) -> HTTPResponse:
        checks = await readiness.checks()
        is_ready = all(state == "ok" for state in checks.values())
        status = "ok" if is_ready else "unavailable"
        return json({"status": status, "checks": checks}, status=200 if is_ready else 503)

    @routes.get("/metrics")
    async def figures(_: Request[Any, Any]) -> HTTPResponse:
        exposition = await asyncio.to_thread(metrics.exposition)
        return raw(exposition, content_type=CONTENT_TYPE_LATEST)

    return routes


class _Readiness:
    """Whether PostgreSQL, Redis and the bus answer; asked at most once a second however many ask."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lock = asyncio.Lock()
        self._checked_at = float("-inf")
        self._checks: dict[str, str] = {}

    async def checks(self) -> dict[str, str]:
        async with self._lock:
            if time.monotonic() - self._checked_at > READINESS_CACHED_SECONDS:
                self._checks = await self._look()
                self._checked_at = time.monotonic()
            return self._checks

    async def _look(self) -> dict[str, str]:
        desk = self._node.desk
        postgresql, redis = await asyncio.gather(_state(desk.database.check()), _state(desk.presence.check()))
        bus = redis if self._node.reader.is_current() else "down"
        checks = {"postgresql": postgresql, "redis": redis, "bus": bus}
        return checks | ({"process": "stopping"} if self._node.is_stopping else {})


async def _state(check: Awaitable[None]) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check
    except (Unavailable, TimeoutError):
        return "down"
    return "ok"


def limit_connects(app: Sanic[Any, Any], node: Node, *, per_minute: int, path: str) -> None:
    """Refuse an address that opens more sessions a minute, and everybody while the process stops."""
    buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    @app.on_request
    async def refuse(request: Request[Any, Any]) -> HTTPResponse | None:
        if request.path.rstrip("/") != path or "sid" in request.args:
            return None
        if node.is_stopping:
            return json(Unavailable().payload(), status=503, headers={"Connection": "close"})
        address = request.client_ip
        bucket = buckets.setdefault(address, TokenBucket(rate=per_minute / MINUTE, burst=per_minute))
        buckets.move_to_end(address)
        if len(buckets) > ADDRESSES_REMEMBERED:
            buckets.popitem(last=False)
        wait = bucket.take()
        if not wait:
            return None
        refusal = RateLimited(details={"retryAfterMs": int(wait * 1000) + 1})
        metrics.ERRORS.labels("connect", refusal.code).inc()
        return json(refusal.payload(), status=429, headers={"Retry-After": str(int(wait) + 1)})


class SafeErrors(ErrorHandler):
    """Sanic's, but the log of a failed request has its path without the query, where a token may be."""

    @staticmethod
    def log(request: Request[Any, Any], exception: Exception) -> None:
        if not getattr(exception, "quiet", False):
            log.error("an HTTP request failed", exc_info=exception, extra={"path": request.path})
