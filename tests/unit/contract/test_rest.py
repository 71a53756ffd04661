"""The table of REST routes and its OpenAPI document."""

import re

from hummdesk.contract import openapi
from hummdesk.contract.rest import ROUTES
from hummdesk.server.api.table import FUNCTIONS


def test_every_route_has_its_function() -> None:
    assert list(FUNCTIONS) == list(ROUTES)


def test_every_reference_of_the_document_is_defined() -> None:
    document = openapi.document()
    named = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert named <= document["components"]["schemas"].keys()


def test_method_and_path_name_one_route() -> None:
    places = {(route.method, re.sub(r"\{.*?\}", "{}", route.path)) for route in ROUTES.values()}
    assert len(places) == len(ROUTES)
