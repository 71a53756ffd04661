"""Photos of agents: `PUT /photos/{user}` with an image as the body, DELETE, and GET of an address for everybody.

Agents change their own photo, admins that of every user. Visitors of the widget see photos without signing in: their
addresses contain a version that cannot be guessed, and what is at an address never changes.
"""

import logging
from collections.abc import AsyncIterator
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from sanic import Blueprint, Request
from sanic.response import HTTPResponse, empty, json, raw

from hummdesk.core import thumbnails
from hummdesk.core.content_types import is_shown, sniff
from hummdesk.core.errors import Forbidden, HummDeskError, Invalid, Unavailable
from hummdesk.core.metrics import ERRORS
from hummdesk.core.models import ANSWERING, Person
from hummdesk.engine import network_of
from hummdesk.publish.events.inbox import DirectoryChanged
from hummdesk.server.api import problems
from hummdesk.server.api.dispatch import authenticated
from hummdesk.server.context import ServerContext
from hummdesk.server.http.files import INERT, Handler, Transfers
from hummdesk.server.node import Node
from hummdesk.storage import photos

log = logging.getLogger(__name__)

SIDE = 128
"""Pixels each way."""
VERSION_BYTES = 12
SCALING = 1
CACHE_SECONDS = 86_400
"""Browsers and proxies may show a removed photo for so long."""
UNREADABLE = "This is no image that can be read: choose a PNG, JPEG, GIF or WebP"


def blueprint(node: Node) -> Blueprint:
    routes = Blueprint("photos")
    context = node.context
    scaling = Transfers(SCALING, per_network=SCALING)

    async def put(request: Request[Any, Any], user_id: UUID) -> HTTPResponse:
        actor = await _changing(context, request, user_id)
        async with scaling.one(request.client_ip):
            content = await _scaled(request.body)
        version = token_urlsafe(VERSION_BYTES)
        async with context.database.account(actor.account_id) as tx:
            await photos.put(tx, actor, user_id, version=version, content=content)
        context.introductions.forget(actor.account_id)
        await context.publisher.publish(DirectoryChanged(account_id=actor.account_id, part="agents"))
        return json({"photo": photos.path_of(actor.account_id, user_id, version)})

    async def remove(request: Request[Any, Any], user_id: UUID) -> HTTPResponse:
        actor = await _changing(context, request, user_id)
        async with context.database.account(actor.account_id) as tx:
            await photos.remove(tx, actor, user_id)
        context.introductions.forget(actor.account_id)
        await context.publisher.publish(DirectoryChanged(account_id=actor.account_id, part="agents"))
        return empty()

    async def get(request: Request[Any, Any], account_id: UUID, user_id: UUID, version: str) -> HTTPResponse:
        await context.rate_limits.require_address(network_of(request.client_ip))
        async with context.database.account(account_id) as tx:
            content = await photos.get(tx, user_id, version)
        caching = {"Cache-Control": f"public, max-age={CACHE_SECONDS}, immutable"}
        return raw(content, content_type="image/webp", headers=INERT | caching)

    routes.add_route(_answered(put), "/photos/<user_id:uuid>", methods=["PUT"], name="photo_put")
    routes.add_route(_answered(remove), "/photos/<user_id:uuid>", methods=["DELETE"], name="photo_remove")
    address = "/photos/<account_id:uuid>/<user_id:uuid>/<version:[A-Za-z0-9_-]{16}>"
    routes.add_route(_answered(get), address, methods=["GET"], name="photo_get")
    return routes


def _answered(handler: Handler) -> Handler:
    """Answer refusals with problem documents."""

    async def answer(request: Request[Any, Any], **parameters: Any) -> HTTPResponse | None:
        try:
            return await handler(request, **parameters)
        except HummDeskError as refusal:
            ERRORS.labels("photos", refusal.code).inc()
            return problems.of(refusal)

    return answer


async def _changing(context: ServerContext, request: Request[Any, Any], user_id: UUID) -> Person:
    """Return the person who may change the photo of a user. Raises Forbidden."""
    person = await authenticated(context, request)
    await context.rate_limits.require_call(person)
    if person.role != "admin" and (person.role not in ANSWERING or person.id != user_id):
        raise Forbidden
    return person


async def _scaled(content: bytes) -> bytes:
    """Raises Invalid for what is no image or too large, and Unavailable without Pillow or in time."""
    if not thumbnails.is_on():
        raise Unavailable("This server cannot scale images: install the extra `images`")
    found = sniff(content)
    if not is_shown(found.content_type, found.width, found.height):
        raise Invalid(UNREADABLE)

    async def parts() -> AsyncIterator[bytes]:
        yield content

    try:
        small = await thumbnails.scale(parts(), side=SIDE, is_square=True)
    except TimeoutError:
        raise Unavailable from None
    if not 0 < len(small) <= photos.MAX_BYTES:
        raise Invalid(UNREADABLE)
    return small
