"""Sessions of staff: a browser signs in once, and exchanges its cookie for the tokens of its sockets.

`POST /session` signs in with the secret of a one-time link, `POST /session/token` returns a token for 15 minutes, or
status 204 without a cookie, and `DELETE /session` signs out. The cookie is not readable by scripts. Only pages of this
server may use these routes: their Origin is checked, and a JSON body cannot be sent by a form.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from sanic import Blueprint, Request
from sanic.response import HTTPResponse, empty, json

from hummdesk.core import tokens
from hummdesk.core.account_secrets import AccountSecret
from hummdesk.core.config import Settings
from hummdesk.core.errors import Forbidden, HummDeskError, Invalid, Unauthorized
from hummdesk.core.metrics import SIGN_INS
from hummdesk.core.models import Person
from hummdesk.engine import network_of
from hummdesk.server.active_sessions import ENDED
from hummdesk.server.context import ServerContext
from hummdesk.server.node import Node
from hummdesk.storage import audit, people, sign_in_links, staff_sessions
from hummdesk.storage.database import Transaction
from hummdesk.storage.staff_sessions import SignedIn, SignedInBy

COOKIE = "hummdesk_session"
TOKEN_SECONDS = 900
MAX_BODY_BYTES = 4096

STATUSES = {"FORBIDDEN": 403, "NOT_FOUND": 404, "RATE_LIMITED": 429, "UNAUTHORIZED": 401, "UNAVAILABLE": 503}
LINK_REFUSED = "This link was used already, has expired, was replaced, or is incomplete. Ask for a new one."

Handler = Callable[[Request[Any, Any]], Awaitable[HTTPResponse]]


def blueprint(node: Node) -> Blueprint:
    routes = Blueprint("staff_sessions")
    context = node.context

    @routes.post("/session")
    @answered(context.settings)
    async def sign_in(request: Request[Any, Any]) -> HTTPResponse:
        await context.rate_limits.require_sign_in(request.client_ip)
        return await _sign_in_by_link(context, request)

    @routes.post("/session/token")
    @answered(context.settings)
    async def token(request: Request[Any, Any]) -> HTTPResponse:
        await context.rate_limits.require_connect(request.client_ip)
        if COOKIE not in request.cookies:
            return empty()  # browsers report an error to the console for other statuses
        return json(await _token(context, request))

    @routes.delete("/session")
    @answered(context.settings)
    async def sign_out(request: Request[Any, Any]) -> HTTPResponse:
        await end_session(context, request)
        response = json({})
        response.delete_cookie(COOKIE)
        return response

    return routes


def answered(settings: Settings) -> Callable[[Handler], Handler]:
    """Answer pages of this server only, errors as JSON, and let nothing be cached."""

    def wrap(handler: Handler) -> Handler:
        async def answer(request: Request[Any, Any]) -> HTTPResponse:
            try:
                _require_own_page(settings, request)
                response = await handler(request)
            except HummDeskError as refusal:
                response = json(refusal.payload(), status=STATUSES.get(refusal.code, 400))
                if refusal.message == ENDED:
                    response.delete_cookie(COOKIE)
            response.headers["Cache-Control"] = "no-store"
            return response

        answer.__name__ = handler.__name__  # the name of the route
        return answer

    return wrap


def _require_own_page(settings: Settings, request: Request[Any, Any]) -> None:
    """Raise Forbidden or Invalid for a request that a page of another origin could have caused."""
    if request.headers.get("Origin") not in (settings.public_address, f"{request.scheme}://{request.host}"):
        raise Forbidden("Only pages of this server may do this: set PUBLIC_URL to its address")
    if request.method == "POST" and request.content_type.partition(";")[0] != "application/json":
        raise Invalid("The content type must be application/json")


def body_of(request: Request[Any, Any]) -> dict[str, Any]:
    try:
        body = orjson.loads(request.body[:MAX_BODY_BYTES])
        if isinstance(body, dict):
            return body
    except ValueError:
        pass
    raise Invalid("The body must be a JSON object")


async def _sign_in_by_link(context: ServerContext, request: Request[Any, Any]) -> HTTPResponse:
    link = AccountSecret.parsed(body_of(request).get("secret"))
    if link is None:
        raise _link_refused()
    async with context.database.account(link.account_id) as tx:
        user_id = await sign_in_links.redeem(tx, link)
        if user_id is None:
            raise _link_refused()
        person = await people.find_person(tx, person_id=user_id, customer=False)
        secret = await start_session(context.settings, tx, request, person, "link")
    await end_session(context, request)
    response = json({})
    set_cookie(context.settings, response, secret)
    return response


def _link_refused() -> Unauthorized:
    SIGN_INS.labels("link", "refused").inc()
    return Unauthorized(LINK_REFUSED)


async def start_session(
    settings: Settings, tx: Transaction, request: Request[Any, Any], person: Person | None, signed_in_by: SignedInBy
) -> AccountSecret:
    """Add a session of an active user; return its secret. Raises Unauthorized for a disabled one (None)."""
    if person is None:
        raise Unauthorized("This user was removed or disabled")
    secret = AccountSecret.new(person.account_id)
    await staff_sessions.add(
        tx,
        secret,
        user_id=person.id,
        signed_in_by=signed_in_by,
        user_agent=request.headers.get("User-Agent", ""),
        network=network_of(request.client_ip),
        hours=settings.session_max_hours,
    )
    SIGN_INS.labels(signed_in_by, "ok").inc()
    await audit.record(tx, person, "user.signed_in", person.id, {"by": signed_in_by})
    return secret


def set_cookie(settings: Settings, response: HTTPResponse, secret: AccountSecret) -> None:
    response.add_cookie(
        COOKIE,
        secret.text,
        httponly=True,
        secure=is_secure(settings),
        samesite="Lax",
        max_age=round(settings.session_max_hours * 3600),
    )


def is_secure(settings: Settings) -> bool:
    """Whether cookies are for https only: always but in development without https."""
    return settings.hummdesk_env == "production" or settings.public_address.startswith("https://")


async def end_session(context: ServerContext, request: Request[Any, Any]) -> None:
    """End the session of the request's cookie, if it has one."""
    secret = AccountSecret.parsed(request.cookies.get(COOKIE))
    if secret is not None:
        async with context.database.account(secret.account_id) as tx:
            await staff_sessions.end(tx, secret)


async def _token(context: ServerContext, request: Request[Any, Any]) -> dict[str, Any]:
    secret = AccountSecret.parsed(request.cookies.get(COOKIE))
    if secret is None:
        raise Unauthorized("Not signed in")
    idle_hours = context.settings.session_idle_hours
    async with context.database.account(secret.account_id) as tx:
        signed_in = await staff_sessions.use(tx, secret, idle_hours=idle_hours)
        if signed_in is None:
            raise Unauthorized(ENDED)
        person = await people.find_person(tx, person_id=signed_in.user_id, customer=False)
    if person is None:
        raise Unauthorized(ENDED)
    return _issued(context.settings, person, signed_in)


def _issued(settings: Settings, person: Person, signed_in: SignedIn) -> dict[str, Any]:
    """The token ends with the session at the latest."""
    seconds = min(TOKEN_SECONDS, signed_in.expires_at.timestamp() - time.time())
    token = tokens.issue(settings, person, hours=seconds / 3600, staff_session_id=signed_in.session_id)
    return {"token": token, "expiresIn": max(0, int(seconds))}
