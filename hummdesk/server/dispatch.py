"""Requests: look up in the table, authorize, validate, handle, answer."""

import logging
import time
from typing import Any

from marshmallow import ValidationError

from hummdesk.contract.event_schemas import instance_of
from hummdesk.contract.loading import loader
from hummdesk.contract.table import REQUESTS, Request
from hummdesk.core.errors import (
    Forbidden,
    HummDeskError,
    Invalid,
    PayloadTooLarge,
    RateLimited,
    Unauthorized,
    Unavailable,
    UnknownEvent,
)
from hummdesk.core.logs import RequestFields
from hummdesk.core.metrics import ERRORS, EVENTS, HANDLER_SECONDS, LIMITED
from hummdesk.engine import UnparsedPayload
from hummdesk.publish.events.connection import RequestError
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.handlers.table import HANDLERS
from hummdesk.server.rate_limits import UNKNOWN_COST
from hummdesk.server.sockets import ClientSession

log = logging.getLogger(__name__)

OTHER = "other"
"""The label of requests that are not in the table: no text of a client becomes a metric's label."""


async def dispatch(
    context: ServerContext, session: ClientSession, event: object, arguments: list[Any], *, acknowledges: bool
) -> Payload:
    """Handle a request and return `{ok: true, …}` or `{ok: false, error}`.

    If the client asked for no acknowledgement, an error is sent as the event `error`. Requests behind the one for which
    the server closed the socket are not handled: their client receives nothing more, and repeats them.
    """
    if session.closing:
        return {"ok": False, "error": Unavailable().payload()}
    started = time.perf_counter()
    name = event if isinstance(event, str) and event in REQUESTS else OTHER
    with RequestFields(event_name=name):
        answer = await _answer(context, session, event, arguments)
    outcome = "ok" if answer["ok"] else answer["error"]["code"]
    EVENTS.labels(name, outcome).inc()
    HANDLER_SECONDS.labels(name).observe(time.perf_counter() - started)
    if not answer["ok"] and not acknowledges:
        context.sockets.send(session, RequestError(error=answer["error"]))
    return answer


async def _answer(context: ServerContext, session: ClientSession, event: object, arguments: list[Any]) -> Payload:
    try:
        await context.rate_limits.require_request(session.bucket, session.address, cost_of(session))
        request = authorized(session, event)
        payload = validated(request, arguments)
        return {"ok": True} | await HANDLERS[request.name](context, session, payload)
    except HummDeskError as refusal:
        if isinstance(refusal, RateLimited):
            _count_refusal(context, session)
        ERRORS.labels("handler", refusal.code).inc()
        return {"ok": False, "error": refusal.payload()}
    except Exception:
        log.exception("request.failed")
        ERRORS.labels("handler", HummDeskError.code).inc()
        return {"ok": False, "error": HummDeskError().payload()}


def cost_of(session: ClientSession) -> float:
    """Return the tokens that a request or a refusal of a socket takes."""
    return 1.0 if session.is_known else UNKNOWN_COST


def _count_refusal(context: ServerContext, session: ClientSession) -> None:
    """Close a socket that is refused again and again: its client does not wait as the errors say."""
    if session.refusals.take(cost_of(session)) and not session.closing:
        LIMITED.labels("refusals").inc()
        context.sockets.close(session, code="RATE_LIMITED", message="Too many requests were refused", reconnect=False)


def authorized(session: ClientSession, event: object) -> Request:
    """Return the request, if the role of the session allows it. Raises HummDeskError."""
    session.touch()
    request = REQUESTS.get(event) if isinstance(event, str) else None
    if session.person is None and (request is None or request.needs_person):
        raise Unauthorized
    if request is None:
        raise UnknownEvent
    if session.person is not None and session.person.role not in request.roles:
        raise Forbidden
    return request


def validated(request: Request, arguments: list[Any]) -> Payload:
    """Return the payload as the schema loads it. Raises Invalid and PayloadTooLarge."""
    if UnparsedPayload.TOO_LARGE in arguments:
        raise PayloadTooLarge
    if UnparsedPayload.TOO_DEEP in arguments:
        raise Invalid("The payload is nested too deeply")
    if len(arguments) > 1:
        raise Invalid("An event carries at most one payload")
    payload = arguments[0] if arguments else None
    if payload is None:
        payload = {}
    if request.bare is not None and not isinstance(payload, dict):
        payload = {request.bare: payload}
    try:
        return loader(instance_of(request.schema))(payload)
    except ValidationError as error:
        raise Invalid(details=json_safe(error.messages)) from error


def json_safe(messages: Any) -> Any:
    """marshmallow's messages by field, with keys that are short strings and valid UTF-8."""
    if isinstance(messages, dict):
        return {str(key).encode(errors="replace").decode()[:100]: json_safe(value) for key, value in messages.items()}
    return messages
