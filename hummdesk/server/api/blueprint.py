"""The routes of the REST API on Sanic, and its OpenAPI document."""

import asyncio
import re
from functools import cache, partial
from typing import Any

from sanic import Blueprint, Request
from sanic.response import HTTPResponse, raw

from hummdesk.contract import openapi
from hummdesk.contract.rest import BASE, ROUTES, Route
from hummdesk.core import json_encoding
from hummdesk.server.api import dispatch
from hummdesk.server.api.table import FUNCTIONS
from hummdesk.server.node import Node


def blueprint(node: Node) -> Blueprint:
    routes = Blueprint("api", url_prefix=BASE)
    for route in ROUTES.values():
        for suffix in ("", dispatch.TABLE_SUFFIX) if route.table else ("",):
            name = f"api_{route.name}{suffix.replace('.', '_')}"
            path = f"{_sanic_path(route)}{suffix}"
            routes.add_route(partial(_handle, node, route), path, methods=[route.method], name=name)

    @routes.get("/openapi.json")
    async def describe(_: Request[Any, Any]) -> HTTPResponse:
        return raw(await asyncio.to_thread(_document), content_type="application/json")

    return routes


@cache
def _document() -> bytes:
    return json_encoding.encode(openapi.document())


async def _handle(node: Node, route: Route, request: Request[Any, Any], **parameters: str) -> HTTPResponse:
    return await dispatch.handle(node.context, route, FUNCTIONS[route.name], request, parameters)


def _sanic_path(route: Route) -> str:
    return re.sub(r"\{(\w+)\}", r"<\1:str>", route.plain_path)
