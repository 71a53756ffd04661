"""Signing in as a demo user by a click: in development, on this machine only.

A client of these two routes can sign in as any demo user. So they respond only to connections from this machine, with a
Host header that names it (against DNS rebinding), and without a foreign Origin; to all others they do not exist.
"""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from sanic import Blueprint, Request
from sanic.exceptions import NotFound
from sanic.response import HTTPResponse, json

from hummdesk.core import tokens
from hummdesk.core.config import Settings
from hummdesk.core.models import Person
from hummdesk.dev.demo_companies import CONTENT_NAMES, Company, company
from hummdesk.server.context import ServerContext
from hummdesk.server.node import Node
from hummdesk.storage import people

AGENTS = CUSTOMERS = 6
"""Maximum number of each, of each company."""

TOKEN_HOURS = 12
LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}


def routes(settings: Settings) -> list[Callable[[Node], Blueprint]]:
    """Return the routes for a web process in development that issues tokens itself, else none."""
    in_development = settings.hummdesk_env == "development" and settings.jwt_algorithm == "HS256"
    return [blueprint] if in_development else []


def blueprint(node: Node) -> Blueprint:
    routes = Blueprint("demo")
    context = node.context
    companies = [company(number) for number in range(len(CONTENT_NAMES))]

    @routes.on_request
    async def refuse(request: Request[Any, Any]) -> None:
        if not _is_local(request):
            raise NotFound

    @routes.get("/demo/people")
    async def list_people(_: Request[Any, Any]) -> HTTPResponse:
        found = [(one, await _found(context, one)) for one in companies]
        accounts = [{"name": one.name, "people": list(map(_shown, persons))} for one, persons in found if persons]
        return json({"accounts": accounts}, headers={"Cache-Control": "no-store"})

    @routes.post("/demo/sign-in")
    async def sign_in(request: Request[Any, Any]) -> HTTPResponse:
        wanted = request.json.get("userId") if isinstance(request.json, dict) else None
        for one in companies:
            for person in await _found(context, one):
                if str(person.id) == wanted:
                    token = tokens.issue(context.settings, person, hours=TOKEN_HOURS)
                    return json({"token": token}, headers={"Cache-Control": "no-store"})
        raise NotFound

    return routes


async def _found(context: ServerContext, one: Company) -> list[Person]:
    """Return the users and customers of a demo company that exist in the database, as stored there."""
    async with context.database.account(one.id) as tx:
        known = [
            await people.find_person(tx, person_id=person.id, customer=person.role == "customer")
            for person in (*one.users(AGENTS), *one.customers(CUSTOMERS))
        ]
    return [person for person in known if person is not None]


def _shown(person: Person) -> dict[str, str]:
    return {"userId": str(person.id), "name": person.name, "email": person.email, "role": person.role}


def _is_local(request: Request[Any, Any]) -> bool:
    if not ip_address(request.ip).is_loopback or request.headers.get("X-Forwarded-For"):
        return False
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    return urlsplit(f"//{host}").hostname in LOCAL_NAMES and origin in (None, f"http://{host}")
