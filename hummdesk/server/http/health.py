"""Liveness, readiness and metrics for load balancers and monitoring, and the limit of new connections."""

import asyncio
import hmac
import logging
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from sanic import Blueprint, Request, Sanic
from sanic.exceptions import NotFound, Unauthorized
from sanic.handlers import ErrorHandler
from sanic.response import BaseHTTPResponse, HTTPResponse, json, raw

from hummdesk.contract.rest import BASE
from hummdesk.core import metrics
from hummdesk.core.config import Settings
from hummdesk.core.errors import RateLimited, Unavailable
from hummdesk.server.api import problems
from hummdesk.server.connection_metrics import REFUSED_BY_RATE, REFUSED_WHILE_STOPPING
from hummdesk.server.node import Node

UNREAD = "*"
"""The path of a request whose head is too large to be read."""
LOOPBACK = ("127.0.0.1", "::1")

log = logging.getLogger(__name__)


def blueprint(node: Node) -> Blueprint:
    routes = Blueprint("operations")

    @routes.get("/health/live")
    async def live(_: Request[Any, Any]) -> HTTPResponse:
        return json({"status": "ok"})

    @routes.get("/health/ready")
    async def ready(_: Request[Any, Any]) -> HTTPResponse:
        checks = await node.context.readiness.checks() | ({"process": "stopping"} if node.is_stopping else {})
        is_ready = all(state in ("ok", "partly") for state in checks.values())
        status = "ok" if is_ready else "unavailable"
        return json({"status": status, "checks": checks}, status=200 if is_ready else 503)

    @routes.get("/metrics")
    async def prometheus(request: Request[Any, Any]) -> HTTPResponse:
        _check_metrics_access(request, node.context.settings)
        exposition = await asyncio.to_thread(metrics.exposition)
        return raw(exposition, content_type=CONTENT_TYPE_LATEST)

    return routes


def _check_metrics_access(request: Request[Any, Any], settings: Settings) -> None:
    """Raise NotFound, or Unauthorized without the token: the figures reveal the accounts and how busy they are.

    In development, without a token, they are open to this machine. A proxy on it makes a request remote.
    """
    if not settings.metrics_token:
        is_forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for"))
        if settings.hummdesk_env != "development" or request.ip not in LOOPBACK or is_forwarded:
            raise NotFound("Not found: METRICS_TOKEN is not set")
        return
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(errors="replace"), settings.metrics_token.encode()):
        raise Unauthorized("The token for /metrics is missing or wrong", scheme="Bearer")


def forbid_sniffing(app: Sanic[Any, Any]) -> None:
    """Make browsers follow the content type of every answer, also of errors and of the engine's."""

    async def add_header(_: Request[Any, Any], response: BaseHTTPResponse) -> None:
        response.headers["X-Content-Type-Options"] = "nosniff"

    app.register_middleware(add_header, "response")


def limit_connects(app: Sanic[Any, Any], node: Node, *, path: str) -> None:
    """Refuse new sessions of an address beyond its limit, and all new sessions while the process stops."""

    @app.on_request
    async def refuse(request: Request[Any, Any]) -> HTTPResponse | None:
        if request.path.rstrip("/") != path or "sid" in request.args:
            return None
        if node.is_stopping:
            REFUSED_WHILE_STOPPING.inc()
            return json(Unavailable().payload(), status=503, headers={"Connection": "close"})
        try:
            await node.context.rate_limits.require_connect(request.client_ip)
        except RateLimited as refusal:
            REFUSED_BY_RATE.inc()
            metrics.ERRORS.labels("connect", refusal.code).inc()
            return json(refusal.payload(), status=429, headers={"Retry-After": str(refusal.retry_after_seconds)})
        return None


class SafeErrors(ErrorHandler):
    """Sanic's error handler, but without the query in the log, which may contain a token.

    Errors of the REST API are problem documents.
    """

    def default(self, request: Request[Any, Any], exception: Exception) -> HTTPResponse:
        if not request.path.startswith((f"{BASE}/", UNREAD)):
            return super().default(request, exception)
        self.log(request, exception)
        return problems.of_exception(exception, request.path)

    @staticmethod
    def log(request: Request[Any, Any], exception: Exception) -> None:
        if not getattr(exception, "quiet", False):
            log.error("http.request_failed", exc_info=exception, extra={"path": request.path})
