"""The input of a call: the parameters of its path, its query and its body, each as its schema loads it."""

from typing import Any
from uuid import UUID

import orjson
from marshmallow import Schema, ValidationError
from sanic import Request

from hummdesk.contract.event_schemas import instance_of
from hummdesk.contract.fields import Boolean, Integer
from hummdesk.contract.rest import Route
from hummdesk.core.errors import Invalid, NotFound
from hummdesk.server.context import Payload
from hummdesk.server.dispatch import json_safe

JSON = "application/json"
BOOLEANS = {"true": True, "false": False}


class Unreadable(Invalid):
    message = "The body must be a JSON object"


class UnsupportedMediaType(Invalid):
    message = f"The body must have the content type {JSON}"


def path_of(route: Route, given: dict[str, str]) -> dict[str, Any]:
    """Raises NotFound: nothing has an id that is no UUID."""
    try:
        return {name: given[name] if is_text else UUID(given[name]) for name, is_text in route.parameters.items()}
    except ValueError:
        raise NotFound from None


def query_of(route: Route, request: Request[Any, Any]) -> Payload:
    """Raises Invalid."""
    args = request.get_args(keep_blank_values=True)
    repeated = {name: ["Must be given once."] for name, values in args.items() if len(values) > 1}
    if repeated:
        raise Invalid(details=repeated)
    given = {name: values[0] for name, values in args.items()}
    if route.query is None:
        if given:
            raise Invalid(details={name: ["Unknown field."] for name in given})
        return {}
    return _loaded(route.query, {name: _typed(route.query, name, text) for name, text in given.items()})


def body_of(route: Route, request: Request[Any, Any]) -> Payload:
    """Raises Invalid, Unreadable and UnsupportedMediaType."""
    if route.body is None:
        if request.body not in (b"", b"{}"):
            raise Unreadable("This request has no body")
        return {}
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise UnsupportedMediaType
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise Unreadable from None
    if not isinstance(body, dict):
        raise Unreadable
    return _loaded(route.body, body)


def _loaded(schema: type[Schema], given: dict[str, Any]) -> Payload:
    try:
        loaded: Payload = instance_of(schema).load(given)
    except ValidationError as error:
        raise Invalid(details=json_safe(error.messages)) from error
    return loaded


def _typed(schema: type[Schema], name: str, text: str) -> Any:
    """Return a parameter of the query as its field takes it; what it cannot be is left to the field to refuse."""
    field = instance_of(schema).fields.get(name)
    if isinstance(field, Integer):
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else text
    if isinstance(field, Boolean):
        return BOOLEANS.get(text, text)
    return text
