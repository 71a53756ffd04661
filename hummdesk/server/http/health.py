"""Liveness, readiness and metrics for load balancers and monitoring, and the limit of new connections."""

import asyncio
import logging
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from sanic import Blueprint, Request, Sanic
from sanic.handlers import ErrorHandler
from sanic.response import HTTPResponse, json, raw

from hummdesk.core import metrics
from hummdesk.core.errors import RateLimited, Unavailable
from hummdesk.server.connection_metrics import REFUSED_BY_RATE, REFUSED_WHILE_STOPPING
from hummdesk.server.node import Node

log = logging.getLogger(__name__)


def blueprint(node: Node) -> Blueprint:
    routes = Blueprint("operations")

    @routes.get("/health/live")
    async def live(_: Request[Any, Any]) -> HTTPResponse:
        return json({"status": "ok"})

    @routes.get("/health/ready")
    async def ready(_: Request[Any, Any]) -> HTTPResponse:
        checks = await node.context.readiness.checks() | ({"process": "stopping"} if node.is_stopping else {})
        is_ready = all(state == "ok" for state in checks.values())
        status = "ok" if is_ready else "unavailable"
        return json({"status": status, "checks": checks}, status=200 if is_ready else 503)

    @routes.get("/metrics")
    async def prometheus(_: Request[Any, Any]) -> HTTPResponse:
        exposition = await asyncio.to_thread(metrics.exposition)
        return raw(exposition, content_type=CONTENT_TYPE_LATEST)

    return routes


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
    """Sanic's error handler, but without the query in the log, which may contain a token."""

    @staticmethod
    def log(request: Request[Any, Any], exception: Exception) -> None:
        if not getattr(exception, "quiet", False):
            log.error("http.request_failed", exc_info=exception, extra={"path": request.path})
