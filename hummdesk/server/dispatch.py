"""The way of every request: found in the table, allowed, validated, handled, answered."""

import logging
import time
from typing import Any

import structlog
from marshmallow import ValidationError

from hummdesk.contract.table import REQUESTS, Request
from hummdesk.core.errors import (
    Forbidden,
    HummDeskError,
    Invalid,
    PayloadTooLarge,
    RateLimited,
    Unauthorized,
    UnknownEvent,
)
from hummdesk.core.ids import new_id
from hummdesk.core.metrics import ERRORS, EVENTS, HANDLER_SECONDS
from hummdesk.engine import UnparsedPayload
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.handlers.table import HANDLERS
from hummdesk.server.sockets import ClientSession

log = logging.getLogger(__name__)

OTHER = "other"
"""The label of requests that are not in the table: a client's words never become a metric's label."""


async def dispatch(
    context: ServerContext, session: ClientSession, event: object, arguments: list[Any], *, acknowledges: bool
) -> Payload:
    """Handle one request; the answer is `{ok: true, …}` or `{ok: false, error}`.

    Without an acknowledgement a failure is sent as the event `error`.
    """
    started = time.perf_counter()
    name = event if isinstance(event, str) and event in REQUESTS else OTHER
    with structlog.contextvars.bound_contextvars(request_id=str(new_id()), event_name=name):
        answer = await _answer(context, session, event, arguments)
    outcome = "ok" if answer["ok"] else answer["error"]["code"]
    EVENTS.labels(name, outcome).inc()
    HANDLER_SECONDS.labels(name).observe(time.perf_counter() - started)
    if not answer["ok"] and not acknowledges:
        context.sockets.send(session, "error", answer["error"])
    return answer


async def _answer(context: ServerContext, session: ClientSession, event: object, arguments: list[Any]) -> Payload:
    try:
        request = _permitted(session, event)
        payload = _validated(request, arguments)
        return {"ok": True} | await HANDLERS[request.name](context, session, payload)
    except HummDeskError as refusal:
        ERRORS.labels("handler", refusal.code).inc()
        return {"ok": False, "error": refusal.payload()}
    except Exception:
        log.exception("a request failed")
        ERRORS.labels("handler", HummDeskError.code).inc()
        return {"ok": False, "error": HummDeskError().payload()}


def _permitted(session: ClientSession, event: object) -> Request:
    wait = session.bucket.take()
    if wait:
        raise RateLimited(details={"retryAfterMs": int(wait * 1000) + 1})
    session.touch()
    request = REQUESTS.get(event) if isinstance(event, str) else None
    if session.person is None and (request is None or request.needs_person):
        raise Unauthorized
    if request is None:
        raise UnknownEvent
    if session.person is not None and session.person.role not in request.roles:
        raise Forbidden
    return request


def _validated(request: Request, arguments: list[Any]) -> Payload:
    if UnparsedPayload.TOO_LARGE in arguments:
        raise PayloadTooLarge
    if UnparsedPayload.TOO_DEEP in arguments:
        raise Invalid("The payload is nested too deeply")
    if len(arguments) > 1:
        raise Invalid("An event carries one payload at the most")
    payload = arguments[0] if arguments else None
    if payload is None:
        payload = {}
    if request.bare is not None and not isinstance(payload, dict):
        payload = {request.bare: payload}
    try:
        valid: Payload = request.schema.load(payload)
    except ValidationError as fault:
        raise Invalid(details=_readable(fault.messages)) from fault
    return valid


def _readable(faults: Any) -> Any:
    """marshmallow's messages by field, with keys that are strings and can be written as UTF-8."""
    if isinstance(faults, dict):
        return {str(key).encode(errors="replace").decode()[:100]: _readable(value) for key, value in faults.items()}
    return faults
