"""The table of REST routes and its OpenAPI document."""

import re

import pytest

from docs.generate import ROOT
from hummdesk.contract import openapi
from hummdesk.contract.event_schemas import instance_of
from hummdesk.contract.resources.settings import LookLanguages
from hummdesk.contract.rest import ROUTES, Route
from hummdesk.server.api.table import FUNCTIONS
from tests.integration.api.route_examples import BODIES, HOW, id_fields, noun_of


def test_every_route_has_its_function() -> None:
    assert list(FUNCTIONS) == list(ROUTES)


def test_every_reference_of_the_document_is_defined() -> None:
    document = openapi.document()
    named = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert named <= document["components"]["schemas"].keys()


def test_method_and_path_name_one_route() -> None:
    places = {(route.method, re.sub(r"\{.*?\}", "{}", route.path)) for route in ROUTES.values()}
    assert len(places) == len(ROUTES)


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES.keys())
def test_every_route_has_an_example_for_the_generated_tests(route: Route) -> None:
    """Of the leak matrix, and of repeated requests."""
    assert route.body is None or route.name in BODIES, f"BODIES has no {route.name}: {HOW}"
    for schema in (route.query, route.body):
        for name, _ in id_fields(schema):
            noun_of(route, name)
    for name in route.parameters:
        noun_of(route, name)


@pytest.mark.parametrize("route", [r for r in ROUTES.values() if r.body], ids=lambda route: route.name)
def test_example_of_a_body_is_valid(route: Route) -> None:
    body = openapi.document()["paths"][route.plain_path][route.method.lower()]["requestBody"]
    assert route.body is not None
    assert instance_of(route.body).validate(body["content"]["application/json"]["example"]) == {}


def test_example_of_an_answer_is_valid() -> None:
    document = openapi.document()
    for route in ROUTES.values():
        answer = document["paths"][route.plain_path][route.method.lower()]["responses"].get(str(route.status))
        if route.answer is not None:
            example = answer["content"]["application/json"]["example"]
            assert instance_of(route.answer).validate(example) == {}, route.name


def test_look_of_widget_has_texts_in_the_languages_of_the_catalogue() -> None:
    catalogue = {file.stem for file in (ROOT / "web/texts").glob("??.json")}
    assert LookLanguages().fields.keys() == catalogue
