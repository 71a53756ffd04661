"""Visitors of the widget: `POST /widget/session` makes an anonymous visitor a customer of an account.

A page of an origin that the account allows gets a token for 15 minutes and a credential for 30 days, the field `pass`.
The widget stores it in the browser, for the page's origin, and exchanges it for the next token and credential. A stolen
one impersonates that one visitor, from the origin's pages or outside a browser, until it is revoked. It is not accepted
as a token, since it is signed with another key, and it is never part of a URL.
"""

import hashlib
import hmac
import time
from typing import Any
from uuid import UUID

import jwt
import orjson
from jwt.types import Options
from sanic import Blueprint, Request
from sanic.response import HTTPResponse, json

from hummdesk.core import tokens
from hummdesk.core.background import soon
from hummdesk.core.config import Settings
from hummdesk.core.errors import Forbidden, HummDeskError, Invalid, Unauthorized
from hummdesk.core.models import Person
from hummdesk.server.actions.read_receipts import publish_change
from hummdesk.server.node import Node
from hummdesk.storage import people, visitors
from hummdesk.storage.accounts import OWN_ORIGIN, Look
from hummdesk.storage.database import Transaction

TOKEN_SECONDS = 900
CREDENTIAL_SECONDS = 30 * 86_400
MAX_BODY_BYTES = 4096
MAX_IDENTIFY_BYTES = 16_384

STATUSES = {
    "CONFLICT": 409,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "RATE_LIMITED": 429,
    "TOKEN_EXPIRED": 401,
    "UNAUTHORIZED": 401,
    "UNAVAILABLE": 503,
}


def blueprint(node: Node) -> Blueprint:
    routes = Blueprint("visitors")

    @routes.post("/widget/session")
    async def session(request: Request[Any, Any]) -> HTTPResponse:
        origin = request.headers.get("Origin", "")
        try:
            await node.context.rate_limits.require_visitor(request.client_ip)
            answer, status = await _authenticate(node, request, origin), 200
        except HummDeskError as refusal:
            answer, status = refusal.payload(), STATUSES.get(refusal.code, 400)
        return json(answer, status=status, headers=_headers(origin))

    @routes.post("/widget/look")
    async def look(request: Request[Any, Any]) -> HTTPResponse:
        """The look, before there is a visitor: for proactive messages."""
        origin = request.headers.get("Origin", "")
        try:
            await node.context.rate_limits.require_visitor(request.client_ip)
            account_id, _, _ = _parsed(request)
            async with node.context.database.account(account_id) as tx:
                found = await _require_origin(tx, request, origin)
            answer, status = {"look": found}, 200
        except HummDeskError as refusal:
            answer, status = refusal.payload(), STATUSES.get(refusal.code, 400)
        return json(answer, status=status, headers=_headers(origin))

    @routes.post("/widget/identify")
    async def identify(request: Request[Any, Any]) -> HTTPResponse:
        origin = request.headers.get("Origin", "")
        try:
            await node.context.rate_limits.require_visitor(request.client_ip)
            answer, status = await _identify(node, request, origin), 200
        except HummDeskError as refusal:
            answer, status = refusal.payload(), STATUSES.get(refusal.code, 400)
        return json(answer, status=status, headers=_headers(origin))

    return routes


def _headers(origin: str) -> dict[str, str]:
    return {"Access-Control-Allow-Origin": origin or "null", "Cache-Control": "no-store", "Vary": "Origin"}


async def _identify(node: Node, request: Request[Any, Any], origin: str) -> dict[str, Any]:
    """Merge the visitor of a credential into the customer of a token; the request bears both.

    A credential that is not valid any more merges nobody, as after a repeated request.
    """
    account_id, old, token = _identification(request)
    claims = await node.context.tokens.verify(token)
    if claims.role != "customer" or claims.account_id != account_id:
        raise Forbidden("The token is not one of a customer of this account")
    context = node.context
    async with context.database.account(account_id) as tx:
        await _require_origin(tx, request, origin)
        customer = await people.find_person(tx, person_id=claims.user_id, customer=True)
        if customer is None:
            raise Unauthorized("The customer of this token is unknown or disabled")
        visitor = await _holder(tx, context.settings, old, account_id, origin)
        if visitor is None:
            return {"merged": 0}
        moved = await visitors.merge(tx, customer, visitor_id=visitor.id, contact_id=customer.id)
    for one in moved:
        soon(publish_change(context, account_id, one.conversation_id, one.entry_id))
    return {"merged": len(moved)}


async def _holder(tx: Transaction, settings: Settings, old: str, account_id: UUID, origin: str) -> Person | None:
    try:
        visitor_id, issued_at = _parsed_credential(settings, old, account_id, origin)
    except Unauthorized:
        return None
    return await visitors.credential_holder(tx, visitor_id=visitor_id, issued_at=issued_at)


async def _require_origin(tx: Transaction, request: Request[Any, Any], origin: str) -> Look:
    """Return the look of the widget. Raises Forbidden."""
    own = [OWN_ORIGIN] if origin == f"{request.scheme}://{request.host}" else []
    look = await visitors.look_for_origin(tx, origins=[origin, *own]) if "://" in origin else None
    if look is None:
        raise Forbidden("This origin is not allowed to show the widget of this account")
    return look


def _identification(request: Request[Any, Any]) -> tuple[UUID, str, str]:
    """Return account, credential and token."""
    try:
        body = orjson.loads(request.body[:MAX_IDENTIFY_BYTES])
        if not isinstance(body["pass"], str) or not isinstance(body["token"], str):
            raise TypeError
        return UUID(body["accountId"]), body["pass"], body["token"]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Invalid("The body must be JSON: {accountId, pass, token}") from None


async def _authenticate(node: Node, request: Request[Any, Any], origin: str) -> dict[str, Any]:
    account_id, old, page = _parsed(request)
    async with node.context.database.account(account_id) as tx:
        look = await _require_origin(tx, request, origin)
        if old is None:
            name = visitors.name_on(page if look.get("namePage", True) else None)
            visitor = await visitors.add(tx, account_id=account_id, name=name)
        else:
            visitor_id, issued_at = _parsed_credential(node.context.settings, old, account_id, origin)
            known = await visitors.credential_holder(tx, visitor_id=visitor_id, issued_at=issued_at)
            if known is None:
                raise Unauthorized("The visitor's credential was revoked, or the visitor deactivated or removed")
            visitor = known
    return {
        "token": tokens.issue(node.context.settings, visitor, hours=TOKEN_SECONDS / 3600),
        "pass": _credential(node.context.settings, visitor, origin),
        "expiresIn": TOKEN_SECONDS,
        "look": look,
    }


def _parsed(request: Request[Any, Any]) -> tuple[UUID, str | None, str | None]:
    """Return account, credential and the path of the page. The body is JSON under any content type, so that browsers
    send no preflight.
    """
    try:
        body = orjson.loads(request.body[:MAX_BODY_BYTES])
        old, page = body.get("pass"), body.get("page")
        if not isinstance(old, str | None) or not isinstance(page, str | None):
            raise TypeError
        return UUID(body["accountId"]), old, page
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Invalid("The body must be JSON: {accountId, pass?, page?}") from None


def _key(settings: Settings) -> bytes:
    """Return the key that signs credentials only, so that none is a valid token and no token a valid credential."""
    return hmac.digest(settings.jwt_secret.encode(), b"hummdesk widget pass", hashlib.sha256)


def _credential(settings: Settings, visitor: Person, origin: str) -> str:
    now = time.time()
    claims = {
        "sub": str(visitor.id),
        "account": str(visitor.account_id),
        "origin": origin,
        "iat": now,  # with the fraction of a second: one may be issued just after others were revoked
        "exp": int(now) + CREDENTIAL_SECONDS,
    }
    return jwt.encode(claims, _key(settings), algorithm="HS256")


def _parsed_credential(settings: Settings, old: str, account_id: UUID, origin: str) -> tuple[UUID, float]:
    """Return the visitor of a credential, and the time of its issue.

    Raises Unauthorized if it is forged, expired, or of another account or origin.
    """
    options: Options = {"require": ["exp", "sub"], "verify_iat": False}  # the clock of its issuer may be ahead
    try:
        claims = jwt.decode(old, _key(settings), algorithms=["HS256"], options=options)
        if (claims["account"], claims["origin"]) != (str(account_id), origin):
            raise ValueError
        issued_at = claims.get("iat", claims["exp"] - CREDENTIAL_SECONDS)  # those of earlier versions have no `iat`
        return UUID(claims["sub"]), float(issued_at)
    except (jwt.InvalidTokenError, KeyError, ValueError, TypeError):
        raise Unauthorized("The visitor's credential is not valid") from None
