"""The Sanic application of a web process: routes, limits, and the listeners that start and stop the node."""

import asyncio
import gc
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sanic import Blueprint, Sanic
from sanic.mixins import startup
from sanic.worker.loader import AppLoader

from hummdesk.bus.checks import check_at_start
from hummdesk.contract.resources.feed import MAX_WAIT_SECONDS
from hummdesk.core import garbage, logs
from hummdesk.core.config import Settings
from hummdesk.server.api import blueprint as api
from hummdesk.server.cors import named_origins
from hummdesk.server.http import api_page, contract_page, files, health, oidc, pages, photos, staff_sessions, visitors
from hummdesk.server.listener import handover_directory, listen, raise_descriptor_limit, remove_if_abandoned, reserved
from hummdesk.server.node import Node
from hummdesk.server.tcp_connections import LimitedProtocol, TcpConnections
from hummdesk.server.worker_manager import StoppableWorkerManager, end_if_stopped, own_multiprocessing_directory
from hummdesk.storage.startup import check

SOCKETIO_PATH = "/socket.io"
HTTP_BODY_FACTOR = 4
"""Requests and frames up to this many times MAX_PACKET_BYTES are answered with an error; larger ones are cut off."""

BACKLOG = 4096

IDLE_SECONDS = 20
"""A connection whose next request does not arrive completely within this time is closed."""

COLLECT_AFTER = (20_000, 20, 20)
"""Thresholds of the garbage collector. Python's, 700, 10 and 10, cost a seventh of the CPU time of connects."""


Routes = Callable[[Node], Blueprint]
"""Returns additional routes for a node."""


def build(settings: Settings, *, name: str = "hummdesk", extra_routes: Sequence[Routes] = ()) -> Sanic[Any, Any]:
    """Return the application of one web process; its node is `app.ctx.node`."""
    app: Sanic[Any, Any] = Sanic(name, configure_logging=False, error_handler=health.SafeErrors())
    largest = settings.max_packet_bytes * HTTP_BODY_FACTOR
    app.config.update(_sanic_options(settings, largest))
    handover = handover_directory(settings.port)
    is_direct = not settings.proxies_count  # behind a proxy all connections come from its address
    app.ctx.tcp_connections = TcpConnections(per_address=settings.max_sockets_per_address if is_direct else 0)
    app.ctx.node = node = Node(settings, max_http_bytes=largest, handover_directory=handover)
    node.server.attach(app, SOCKETIO_PATH, before_close=node.close_sockets)
    app.blueprint(health.blueprint(node))
    in_development = settings.hummdesk_env == "development"
    origins = named_origins(settings.console_origins)
    app.blueprint(pages.blueprint(pages.BUILT, openers=origins, with_demo=in_development))
    app.blueprint(contract_page.blueprint())
    app.blueprint(api_page.blueprint())
    app.blueprint(api.blueprint(node))
    app.blueprint(files.blueprint(node))
    app.blueprint(photos.blueprint(node))
    if settings.jwt_algorithm == "HS256":  # with other algorithms the application passes its own tokens
        app.blueprint(visitors.blueprint(node))
        app.blueprint(staff_sessions.blueprint(node))
        app.blueprint(oidc.blueprint(node))
    for routes in extra_routes:
        app.blueprint(routes(node))
    health.forbid_sniffing(app)
    health.limit_connects(app, node, path=SOCKETIO_PATH)

    @app.before_server_start
    async def start(_: Sanic[Any, Any]) -> None:
        await node.start()

    @app.after_server_stop
    async def stop(_: Sanic[Any, Any]) -> None:
        await node.stop()
        if handover is not None:
            remove_if_abandoned(handover)

    return app


def _sanic_options(settings: Settings, max_http_bytes: int) -> dict[str, Any]:
    return {
        "ACCESS_LOG": False,  # it logs the whole URL, including a token in the query
        "MOTD": False,
        "FALLBACK_ERROR_FORMAT": "json",
        "REQUEST_MAX_SIZE": max_http_bytes,
        "WEBSOCKET_MAX_SIZE": max_http_bytes,
        "WEBSOCKET_PING_INTERVAL": None,  # Engine.IO has a heartbeat of its own
        "WEBSOCKET_PING_TIMEOUT": None,
        "REQUEST_TIMEOUT": IDLE_SECONDS,
        "KEEP_ALIVE_TIMEOUT": IDLE_SECONDS,
        "RESPONSE_TIMEOUT": _longest_poll_seconds(settings) + 5,
        "GRACEFUL_SHUTDOWN_TIMEOUT": settings.shutdown_seconds,
        "GRACEFUL_TCP_CLOSE_TIMEOUT": 1.0,
        "PROXIES_COUNT": settings.proxies_count or None,
    }


def _longest_poll_seconds(settings: Settings) -> float:
    """Of Engine.IO, and of the feed."""
    return max(settings.ping_interval_seconds + settings.ping_timeout_seconds, MAX_WAIT_SECONDS)


def serve(
    settings: Settings, *, host: str, workers: int, shares_port: bool, extra_routes: Sequence[Routes] = ()
) -> None:
    """Run one or more web processes on one port until SIGINT or SIGTERM.

    With `shares_port` they share a port on which other processes listen; otherwise a port in use is an error.
    """
    asyncio.run(check(settings, "web"))
    asyncio.run(check_at_start(settings, "web"))
    if not shares_port:
        with reserved(host, settings.port):
            pass
    listener = listen(host, settings.port, backlog=BACKLOG)
    loader = AppLoader(factory=partial(_build_in_process, settings, extra_routes))
    with garbage.uncollected():
        app = loader.load()
    app.prepare(
        sock=listener,
        protocol=LimitedProtocol,
        workers=workers,
        single_process=workers == 1,
        motd=False,
        access_log=False,
    )
    if workers == 1:
        Sanic.serve_single(app)
    else:
        own_multiprocessing_directory()
        startup.WorkerManager = StoppableWorkerManager  # type: ignore[attr-defined]  # no option of Sanic
        try:
            Sanic.serve(primary=app, app_loader=loader)
        finally:  # a worker that is stopped while it starts does not clean up
            if (handover := handover_directory(settings.port)) is not None:
                remove_if_abandoned(handover)


def _build_in_process(settings: Settings, extra_routes: Sequence[Routes]) -> Sanic[Any, Any]:
    logs.configure(settings, process="web")
    raise_descriptor_limit()
    app = build(settings, extra_routes=extra_routes)
    app.register_listener(_tune_garbage_collector, "after_server_start")
    app.register_listener(end_if_stopped, "after_server_start")
    return app


async def _tune_garbage_collector(_: Sanic[Any, Any]) -> None:
    """Collect less often: sockets are many and long-lived, and form no cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
