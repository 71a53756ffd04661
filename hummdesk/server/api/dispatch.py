"""Calls: authenticate, limit, authorize, validate, take the idempotency key, call the route's function, answer."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from sanic import Request
from sanic.response import HTTPResponse, empty, raw

from hummdesk.contract.rest import Route
from hummdesk.core import json_encoding
from hummdesk.core.api_keys import PREFIX
from hummdesk.core.errors import Forbidden, HummDeskError, Invalid, Unauthorized, Unavailable
from hummdesk.core.ids import new_id
from hummdesk.core.logs import RequestFields
from hummdesk.core.metrics import ERRORS, REST_SECONDS
from hummdesk.core.models import Person
from hummdesk.engine import network_of
from hummdesk.server.api import csv_tables, headers, inputs, problems
from hummdesk.server.api.call import Answer, Call, etag
from hummdesk.server.api.inputs import JSON, Unreadable, UnsupportedMediaType
from hummdesk.server.context import ServerContext
from hummdesk.storage import idempotency
from hummdesk.storage.idempotency import IdempotencyKey, StoredAnswer

Function = Callable[[ServerContext, Call], Awaitable[Answer]]

MAX_IDEMPOTENCY_KEY = 255
READING = ("GET", "HEAD")
TABLE_SUFFIX = ".csv"
"""At the end of the path of an answer as CSV."""
log = logging.getLogger(__name__)


async def handle(
    context: ServerContext, route: Route, function: Function, request: Request[Any, Any], parameters: dict[str, str]
) -> HTTPResponse:
    """Answer a request for a route. Every refusal is a problem document."""
    started = time.perf_counter()
    with RequestFields(route=route.name):
        response = await _answer(context, route, function, request, parameters)
    response.headers.update(headers.of_route(route) | headers.of_quotas(context, request))
    REST_SECONDS.labels(route.name, str(response.status)).observe(time.perf_counter() - started)
    return response


async def _answer(
    context: ServerContext, route: Route, function: Function, request: Request[Any, Any], parameters: dict[str, str]
) -> HTTPResponse:
    try:
        actor = await authenticated(context, request)
        request.ctx.caller = actor
        await context.rate_limits.require_call(actor)
        if actor.role not in route.roles:
            raise Forbidden
        call = Call(
            actor=actor,
            path=inputs.path_of(route, parameters),
            query=inputs.query_of(route, request),
            body=inputs.body_of(route, request),
            new_id=new_id(),
            if_match=_tags(request, "if-match") if route.is_tagged else frozenset(),
        )
        key = _idempotency_key(route, request, actor)
        if key is None:
            return _response(route, request, await function(context, call))
        # a client that disconnects does not interrupt it between its commit and its stored answer
        return await asyncio.shield(_once(context, route, function, request, call, key))
    except Unreadable as refusal:
        return problems.document(400, refusal.code, refusal.message)
    except UnsupportedMediaType as refusal:
        return problems.document(415, refusal.code, refusal.message)
    except HummDeskError as refusal:
        ERRORS.labels("rest", refusal.code).inc()
        return problems.of(refusal)
    except Exception:
        log.exception("rest.failed")
        ERRORS.labels("rest", HummDeskError.code).inc()
        return problems.of(HummDeskError())


async def authenticated(context: ServerContext, request: Request[Any, Any]) -> Person:
    """Return the API key or the user of the token that the request bears. Raises Unauthorized."""
    await context.rate_limits.require_address(network_of(request.client_ip))
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise Unauthorized("Send `Authorization: Bearer` with an API key")
    if text.startswith(PREFIX):
        return await context.api_keys.verify(text)
    claims = await context.tokens.verify(text)
    found = await context.people.find(claims.account_id, claims.user_id, customer=claims.role == "customer")
    person = None if found is None else found.limited_to(claims.role)
    if person is None:
        raise Unauthorized
    return person


async def _once(
    context: ServerContext,
    route: Route,
    function: Function,
    request: Request[Any, Any],
    call: Call,
    key: IdempotencyKey,
) -> HTTPResponse:
    """Call the function unless it was called with this key before; a refused call can be repeated.

    A call that has failed may have changed something: it is continued, with the same `new_id`, when it is repeated.
    """
    database = context.database
    async with database.account(call.account_id) as tx:
        before = await idempotency.begin(tx, key, request.path.encode() + b"\0" + request.body)
    if isinstance(before, StoredAnswer):
        replayed = before.headers | {"Idempotent-Replayed": "true"}
        return _response(route, request, Answer(before.body, before.status, replayed))
    try:
        answer = await function(context, replace(call, new_id=before.new_id))
    except Exception as error:
        has_changed_nothing = isinstance(error, HummDeskError) and not isinstance(error, Unavailable)
        async with database.account(call.account_id) as tx:
            await (idempotency.release if has_changed_nothing else idempotency.abandon)(tx, key)
        raise
    async with database.account(call.account_id) as tx:
        await idempotency.finish(tx, key, StoredAnswer(answer.status or route.status, answer.headers, answer.body))
    return _response(route, request, answer)


def _next_page(request: Request[Any, Any], cursor: str) -> str:
    """The header `Link` of RFC 8288 for the page after this one; a table has no other place for it."""
    query = urlencode({**request.args, "cursor": cursor}, doseq=True)
    return f'<{request.path}?{query}>; rel="next"'


def _idempotency_key(route: Route, request: Request[Any, Any], actor: Person) -> IdempotencyKey | None:
    text = request.headers.get("idempotency-key")
    if route.method != "POST" or text is None:
        return None
    if not 1 <= len(text) <= MAX_IDEMPOTENCY_KEY:
        raise Invalid(details={"Idempotency-Key": [f"Must have 1 to {MAX_IDEMPOTENCY_KEY} characters."]})
    return IdempotencyKey(actor.id, route.name, text)


def _response(route: Route, request: Request[Any, Any], answer: Answer) -> HTTPResponse:
    status = answer.status or route.status
    if answer.body is None:
        return empty(status=204 if answer.status is None else status, headers=answer.headers)
    sent = dict(answer.headers)
    if route.table is not None:
        sent["Vary"] = "Accept"
        if _wants_table(request):
            if cursor := answer.body.get("nextCursor"):
                sent["Link"] = _next_page(request, cursor)
            table = csv_tables.table_of(route, answer.body)
            return raw(table, status=status, headers=sent, content_type=f"{csv_tables.CONTENT_TYPE}; charset=utf-8")
    if route.is_tagged:
        sent["ETag"] = etag(answer.body)
        if route.method in READING and sent["ETag"] in _tags(request, "if-none-match"):
            return empty(status=304, headers=sent)
    return raw(json_encoding.encode(answer.body), status=status, headers=sent, content_type="application/json")


def _wants_table(request: Request[Any, Any]) -> bool:
    """By the path, or by an `Accept` that names CSV and not JSON."""
    accepted = request.headers.get("accept", "")
    return request.path.endswith(TABLE_SUFFIX) or (csv_tables.CONTENT_TYPE in accepted and JSON not in accepted)


def _tags(request: Request[Any, Any], header: str) -> frozenset[str]:
    """The ETags of a header; none without it. Raises Invalid for an empty one, which would be no condition."""
    text = request.headers.get(header)
    if text is None:
        return frozenset()
    tags = frozenset(tag for part in text.split(",") if (tag := part.strip()))
    if not tags:
        raise Invalid(details={header: ["Must be an ETag."]})
    return tags
