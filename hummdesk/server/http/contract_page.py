"""The contract as a page at `/docs`, and as an AsyncAPI document."""

import asyncio
import json
import re
from collections.abc import Iterable
from functools import cache
from html import escape
from typing import Any

from sanic import Blueprint, Request
from sanic.response import HTTPResponse, html
from sanic.response import json as as_json

from hummdesk.contract.asyncapi import DESCRIPTION, document
from hummdesk.contract.event_schemas import instance_of
from hummdesk.contract.fields import JsonSchema, reference
from hummdesk.contract.json_schema import payload_of, shapes
from hummdesk.contract.table import EVENTS, REQUESTS
from hummdesk.server.http.pages import SECURITY

HEAD = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>HummDesk: requests and events</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs.css">
<nav aria-label="Sections">
<strong>HummDesk</strong> <a href="#requests">Requests</a> <a href="#events">Events</a> <a href="#shapes">Shapes</a>
</nav>
<main>
<h1>Requests and events</h1>
"""


def blueprint() -> Blueprint:
    """The page and the document are made at their first request, in a thread: most processes are never asked."""
    routes = Blueprint("docs")
    asyncapi = cache(document)

    @routes.get("/docs")
    async def docs(_: Request[Any, Any]) -> HTTPResponse:
        return html(await asyncio.to_thread(render), headers=SECURITY)

    @routes.get("/docs/asyncapi.json")
    async def machine_readable(_: Request[Any, Any]) -> HTTPResponse:
        return as_json(await asyncio.to_thread(asyncapi), headers=SECURITY)

    return routes


@cache
def render() -> str:
    requests = [
        [
            code(name),
            ", ".join(sorted(request.roles)),
            kind_of(payload_of(request)),
            kind_of(reference(instance_of(request.answer))),
        ]
        for name, request in REQUESTS.items()
    ]
    events = [
        [code(name), ", ".join(sorted(event.recipients)), kind_of(reference(instance_of(event.schema)))]
        for name, event in EVENTS.items()
    ]
    return "".join(
        [
            HEAD,
            f"<p>{prose(DESCRIPTION)}</p>",
            '<p>As an <a href="/docs/asyncapi.json">AsyncAPI 3 document</a>; as types for TypeScript: '
            '<code>python -m hummdesk contract --typescript</code>. <a href="/docs/api">The REST API</a> has a page '
            "of its own.</p>",
            '<h2 id="requests">Requests</h2>',
            table(("request", "roles", "payload", "response besides ok"), requests),
            '<h2 id="events">Events</h2>',
            table(("event", "recipients", "payload"), events),
            '<h2 id="shapes">Shapes</h2>',
            *(shape_section(name, shape) for name, shape in shapes().items()),
            "</main></html>\n",
        ]
    )


def shape_section(name: str, shape: JsonSchema) -> str:
    required = shape.get("required", ())
    rows = [
        [code(field), kind_of(kind), "" if field in required else "optional", _limits(kind)]
        for field, kind in shape["properties"].items()
    ]
    about = f"<p>{prose(shape['description'])}</p>" if "description" in shape else ""
    fields = table(("field", "type", "", "limits"), rows) if rows else "<p>No fields.</p>"
    return f'<h3 id="{escape(name)}">{escape(name)}</h3>{about}{fields}'


def kind_of(kind: JsonSchema | None) -> str:
    if kind is None:
        return "nothing"
    if "$ref" in kind:
        name = escape(kind["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    for choice in ("oneOf", "anyOf"):
        if choice in kind:
            return " or ".join(map(kind_of, kind[choice]))
    if "enum" in kind:
        return " | ".join(map(code, kind["enum"]))
    if kind["type"] == "array":
        return f"list of {kind_of(kind['items'])}"
    if isinstance(kind.get("additionalProperties"), dict):
        return f"object of {kind_of(kind['additionalProperties'])}"
    return escape(str(kind.get("format", kind["type"])))


SHOWN_AS_TYPE = {"type", "format", "enum", "items", "additionalProperties", "$ref", "oneOf", "anyOf"}


def _limits(kind: JsonSchema) -> str:
    return escape(", ".join(f"{name} {json.dumps(value)}" for name, value in kind.items() if name not in SHOWN_AS_TYPE))


def prose(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


def code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
