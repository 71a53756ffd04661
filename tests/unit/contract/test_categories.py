"""Limits of an account's own categories and tags."""

from typing import Any

import pytest

from hummdesk.contract.resources.categories import (
    MAX_ALL_EXAMPLES,
    MAX_CATEGORIES,
    MAX_EXAMPLES,
    MAX_TAGS,
    NewCategories,
    NewTags,
)

RENT: dict[str, Any] = {"key": "rent", "name": "Rent"}
REPAIRS: dict[str, Any] = {"key": "repairs", "name": "Repairs", "examples": ["The tap drips"]}


def faults(*categories: dict[str, Any], enabled: bool = True) -> dict[str, Any]:
    return NewCategories().validate({"enabled": enabled, "categories": list(categories)})


def test_several_categories_are_valid_and_may_be_disabled_with_fewer() -> None:
    assert faults(RENT, REPAIRS) == {}
    assert faults(enabled=False) == faults(RENT, enabled=False) == {}


@pytest.mark.parametrize(
    "category",
    [
        {"key": "re"},
        {"key": "Rent"},
        {"key": "r" * 41},
        {"key": "rent-2"},
        {"key": "general"},
        {"key": "repairs"},
        {"name": "REPAIRS"},
        {"name": " "},
        {"name": "x" * 61},
        {"name": "x\x00"},
        {"description": "x" * 301},
        {"examples": ["x"] * (MAX_EXAMPLES + 1)},
        {"examples": [""]},
        {"examples": ["x" * 501]},
        {"examples": "x"},
        {"weight": 2},
    ],
)
def test_category_outside_the_limits_is_refused(category: dict[str, Any]) -> None:
    assert faults(RENT | category, REPAIRS)


def test_too_few_too_many_or_too_long_categories_are_refused() -> None:
    assert faults(RENT)
    many = [{"key": f"key{n}", "name": f"Name {n}", "examples": ["x"] * MAX_EXAMPLES} for n in range(MAX_CATEGORIES)]
    assert "examples" in str(faults(*many))
    enough = MAX_ALL_EXAMPLES // MAX_EXAMPLES
    assert faults(*many[:enough]) == {}
    assert faults(*many, RENT)


def test_tags_may_be_one_or_none_and_general() -> None:
    assert NewTags().validate({"tags": []}) == NewTags().validate({"tags": [RENT | {"key": "general"}]}) == {}


def test_repeated_or_too_many_tags_are_refused() -> None:
    assert NewTags().validate({"tags": [RENT, RENT | {"key": "lease"}]})
    many = [{"key": f"key{n}", "name": f"Name {n}"} for n in range(MAX_TAGS + 1)]
    assert NewTags().validate({"tags": many[:-1]}) == {}
    assert NewTags().validate({"tags": many})
    long = [{"key": f"key{n}", "name": f"Name {n}", "examples": ["x"] * 10} for n in range(MAX_ALL_EXAMPLES // 10 + 1)]
    assert "examples" in str(NewTags().validate({"tags": long}))
