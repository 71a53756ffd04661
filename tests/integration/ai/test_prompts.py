"""Prompts, prices and forms: what models are asked, and what that costs."""

import json
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from hummdesk.ai.external import pricing
from hummdesk.ai.external.answer_schemas import OUTCOMES
from hummdesk.ai.external.prompts import FOLDER, prompt
from hummdesk.ai.protocol import Category, Priority, Sentiment, Tone
from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.core.models import TokenUsage


@pytest.mark.parametrize("name", [file.stem for file in FOLDER.glob("*.md")])
def test_each_says_its_version_and_what_it_is_for(name: str) -> None:
    found = prompt(name)
    number, digest = found.version.split("-")
    assert int(number) >= 1
    assert len(digest) == 8
    assert found.label == f"{name}@{found.version}"
    assert len(found.purpose) > 20
    assert "---" not in found.text


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("classify", (*get_args(Category), *get_args(Priority), *get_args(Sentiment))),
        ("draft", (*OUTCOMES, *get_args(Tone))),
    ],
)
def test_each_names_all_that_may_be_chosen(name: str, choices: tuple[str, ...]) -> None:
    text = prompt(name).text
    assert [choice for choice in choices if f"`{choice}`" not in text] == []


def test_what_is_asked_by_default_has_a_price() -> None:
    settings, listed = Settings(), pricing.prices("")
    for provider in ("anthropic", "openai"):
        for task in ("classify", "draft"):
            model = getattr(settings, f"{provider}_{task}_model")
            assert {"input", "output", "cache_read"} <= listed[model].keys(), model


def test_a_cost_is_known_only_if_every_kind_of_token_has_a_price() -> None:
    prices = {"m": {"input": Decimal(3), "output": Decimal(15)}}
    assert pricing.cost(prices, "m", TokenUsage(input=1_000_000, output=100_000)) == Decimal("4.5")
    assert pricing.cost(prices, "m", TokenUsage(input=10, cache_read=5)) is None
    assert pricing.cost(prices, "n", TokenUsage(input=10)) is None
    assert pricing.cost(prices, "m", TokenUsage()) is None


def test_prices_of_ones_own_come_first(tmp_path: Path) -> None:
    own = tmp_path / "prices.json"
    own.write_text(json.dumps({"mine": {"input": 0, "output": 0}, "gpt-6-luna": {"input": 7, "output": 8}}))
    found = pricing.prices(str(own))
    assert pricing.cost(found, "mine", TokenUsage(input=5, output=5)) == 0
    assert found["gpt-6-luna"]["input"] == 7
    assert "claude-haiku-5-5" in found


@pytest.mark.parametrize("text", ["", "[]", '{"m": 3}', '{"m": {"input": "3"}}', '{"m": {"input": -1}}'])
def test_a_file_that_has_no_prices_is_named(tmp_path: Path, text: str) -> None:
    own = tmp_path / "prices.json"
    own.write_text(text)
    with pytest.raises(CommandError, match=r"AI_PRICES: .*prices.json"):
        pricing.prices(str(own))
    with pytest.raises(CommandError, match="AI_PRICES"):
        pricing.prices(str(tmp_path / "none.json"))
