"""The REST API as a page at `/docs/api`."""

import asyncio
import json
from functools import cache
from html import escape
from typing import Any

from sanic import Blueprint, Request
from sanic.response import HTTPResponse, html

from hummdesk.contract import openapi
from hummdesk.contract.event_schemas import instance_of
from hummdesk.contract.fields import json_schema
from hummdesk.contract.rest import BASE, ROUTES, Route
from hummdesk.server.http.contract_page import code, kind_of, prose, shape_section, table
from hummdesk.server.http.pages import SECURITY

HEAD = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>HummDesk: REST API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs.css">
<nav aria-label="Sections">
<strong>HummDesk</strong> <a href="#calls">Calls</a> <a href="#errors">Errors</a> <a href="#shapes">Shapes</a>
</nav>
<main>
<h1>REST API</h1>
"""


def blueprint() -> Blueprint:
    """The page is made at its first request, in a thread."""
    routes = Blueprint("api_docs")

    @routes.get("/docs/api")
    async def docs(_: Request[Any, Any]) -> HTTPResponse:
        return html(await asyncio.to_thread(render), headers=SECURITY)

    return routes


@cache
def render() -> str:
    document = openapi.document()
    calls = [
        [f'<a href="#{name}">{code(f"{route.method} {route.plain_path}")}</a>', prose(route.summary)]
        for name, route in ROUTES.items()
    ]
    errors = [[code(status), prose(text)] for status, text in openapi.ERRORS.items()]
    return "".join(
        [
            HEAD,
            f"<p>{prose(openapi.DESCRIPTION)}</p>",
            f'<p>As an <a href="{BASE}/openapi.json">OpenAPI 3.1 document</a>. Paths are below {code(BASE)}; requests '
            f"bear an API key: {code('Authorization: Bearer hdk_…')}. "
            '<a href="/docs">Requests and events of the socket</a> have a page of their own.</p>',
            '<h2 id="calls">Calls</h2>',
            table(("call", ""), calls),
            *(_call(route, document) for route in ROUTES.values()),
            '<h2 id="errors">Errors</h2>',
            table(("status", "meaning"), errors),
            '<h2 id="shapes">Shapes</h2>',
            *(shape_section(name, shape) for name, shape in document["components"]["schemas"].items()),
            "</main></html>\n",
        ]
    )


def _call(route: Route, document: dict[str, Any]) -> str:
    operation = document["paths"][route.plain_path][route.method.lower()]
    parts = [
        f'<h3 id="{route.name}">{code(f"{route.method} {route.plain_path}")}</h3>',
        f"<p>{prose(route.summary)}</p>",
    ]
    parts.append(f"<p>Roles: {', '.join(sorted(route.roles))}.{' Deprecated.' if route.deprecated else ''}</p>")
    if route.query is not None:
        rows = [[code(name), kind_of(json_schema(field))] for name, field in instance_of(route.query).fields.items()]
        parts.append(table(("parameter", "type"), rows))
    if route.body is not None:
        parts.append(_content("Body", operation["requestBody"]["content"]))
    if route.answer is not None:
        parts.append(_content("Answer", operation["responses"][str(route.status)]["content"]))
    return "".join(parts)


def _content(title: str, content: dict[str, Any]) -> str:
    media = content["application/json"]
    example = escape(json.dumps(media["example"], indent=2, ensure_ascii=False))
    return f"<p>{title}: {kind_of(media['schema'])}</p><pre>{example}</pre>"
