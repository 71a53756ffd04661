"""The REST API as an OpenAPI 3.1 document, from the table of routes.

The strict fields of `hummdesk.contract.fields` describe themselves as JSON Schema, which OpenAPI 3.1 takes as it is.
"""

from collections.abc import Iterator
from typing import Any

from marshmallow import Schema

from hummdesk import __version__
from hummdesk.contract.event_schemas import instance_of
from hummdesk.contract.examples import example_of
from hummdesk.contract.fields import JsonSchema, json_schema, reference
from hummdesk.contract.json_schema import shapes_of
from hummdesk.contract.rest import BASE, ROUTES, Route

DESCRIPTION = """\
Everything a company's own systems need: the same functions and permissions as the requests of the socket. A change that
is made here is published to the sockets as if it had been made there."""

Shapes = dict[str, JsonSchema]

PROBLEM = "Problem"
PROBLEM_JSON = "application/problem+json"
ERRORS = {
    "400": "The body is not a JSON object.",
    "401": "No valid API key or token.",
    "403": "The scope of the key, or the role of the user, does not allow it.",
    "404": "It does not exist, or belongs to another account.",
    "409": "It conflicts with what exists; with `Retry-After`, a request with its Idempotency-Key is in progress.",
    "410": "The numbers are no longer kept.",
    "412": "The resource has another ETag than `If-Match`.",
    "413": "The body or the header is too large.",
    "415": "The body is not declared as JSON.",
    "422": "A field is invalid or unknown; `errors` names each.",
    "429": "Too many requests; `Retry-After` says when to repeat it.",
    "500": "An internal error.",
    "503": "PostgreSQL or Redis is unavailable; repeat it later.",
}
HEADERS = {
    name: {"description": text, "schema": {"type": "string"}}
    for name, text in {
        "RateLimit": "What is left of the limits, by name: `r` requests, all of them again in `t` seconds.",
        "RateLimit-Policy": "The limits, by name: `q` requests in `w` seconds.",
    }.items()
}


def document() -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    shapes = schemas()
    for route in ROUTES.values():
        paths.setdefault(route.plain_path, {})[route.method.lower()] = _operation(route, shapes)
    return {
        "openapi": "3.1.0",
        "info": {"title": "HummDesk", "version": __version__, "description": DESCRIPTION},
        "servers": [{"url": BASE}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": {PROBLEM: _problem(), **shapes},
        },
    }


def schemas() -> Shapes:
    """The schemas of all bodies and answers, by name."""
    used = [schema for route in ROUTES.values() for schema in (route.body, route.answer) if schema is not None]
    return shapes_of(map(instance_of, used), with_null=True)


def _operation(route: Route, shapes: Shapes) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.noun],
        "x-roles": sorted(route.roles),
        **({"deprecated": True} if route.deprecated else {}),
        "parameters": list(_parameters(route)),
        "responses": {str(route.status if route.answer else 204): _success(route, shapes)} | dict(_errors(route)),
    }
    if route.is_tagged and route.method == "GET":
        operation["responses"]["304"] = {"description": "It has the ETag of `If-None-Match`."}
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(route.body, shapes)}
    return operation


def _parameters(route: Route) -> Iterator[dict[str, Any]]:
    for name, is_text in route.parameters.items():
        kind = {"type": "string", "minLength": 1} if is_text else {"type": "string", "format": "uuid"}
        yield {"name": name, "in": "path", "required": True, "schema": kind}
    for name, field in (instance_of(route.query).fields if route.query else {}).items():
        yield {"name": name, "in": "query", "required": field.required, "schema": json_schema(field)}
    if route.method == "POST":
        yield _header("Idempotency-Key", "A repeated request with the same key acts once, for 24 hours.", 255)
    if route.is_tagged:
        name = "If-None-Match" if route.method == "GET" else "If-Match"
        yield _header(name, "The ETag of an earlier answer.", None)


def _header(name: str, description: str, longest: int | None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "minLength": 1}
    if longest is not None:
        schema["maxLength"] = longest
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


def _success(route: Route, shapes: Shapes) -> dict[str, Any]:
    if route.answer is None:
        return {"description": "Done."}
    answer: dict[str, Any] = {
        "description": "Created." if route.status == 201 else "The answer.",
        "headers": dict(HEADERS),
        "content": _content(route.answer, shapes),
    }
    if route.table is not None:
        answer["content"]["text/csv"] = {"schema": {"type": "string"}}
        if "nextCursor" in instance_of(route.answer).fields:
            description = 'Of a CSV table that has a next page: its address, with `rel="next"`.'
            answer["headers"]["Link"] = {"description": description, "schema": {"type": "string"}}
    if route.is_tagged:
        answer["headers"]["ETag"] = {"schema": {"type": "string"}}
    return answer


def _content(schema: type[Schema], shapes: Shapes) -> dict[str, Any]:
    kind = reference(instance_of(schema))
    return {"application/json": {"schema": kind, "example": example_of(kind, shapes)}}


def _errors(route: Route) -> Iterator[tuple[str, dict[str, Any]]]:
    for status, description in ERRORS.items():
        if (status == "415" and route.body is None) or (status == "412" and not route.is_tagged):
            continue
        if status == "410" and route.name != "get_feed":
            continue
        schema = {"$ref": f"#/components/schemas/{PROBLEM}"}
        yield status, {"description": description, "content": {PROBLEM_JSON: {"schema": schema}}}


def _problem() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "An error as RFC 9457 describes it.",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string"},
            "detail": {"type": "string"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                    "required": ["field", "message"],
                },
            },
            "details": {"type": "object"},
        },
        "required": ["type", "title", "status", "code", "detail"],
    }
