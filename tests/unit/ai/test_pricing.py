"""Prices of external models."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from hummdesk.ai.external.pricing import KINDS, cost, load_prices, unpriced
from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.core.models import TokenUsage


def test_default_models_have_prices() -> None:
    settings, prices = Settings(), load_prices("")
    for provider in ("anthropic", "openai"):
        for kind in ("classify", "draft"):
            model = getattr(settings, f"{provider}_{kind}_model")
            assert set(KINDS) == prices[model].keys(), model


def test_cost_without_price_of_a_used_token_kind_is_unknown() -> None:
    prices = {"m": {"input": Decimal(3), "output": Decimal(15)}}
    assert cost(prices, "m", TokenUsage(input=1_000_000, output=100_000)) == Decimal("4.5")
    assert cost(prices, "m", TokenUsage(input=10, cache_read=5)) is None
    assert cost(prices, "n", TokenUsage(input=10)) is None
    assert cost(prices, "m", TokenUsage()) is None


def test_own_prices_override_the_list(tmp_path: Path) -> None:
    own = tmp_path / "prices.json"
    own.write_text(json.dumps({"mine": {"input": 0, "output": 0}, "gpt-6-luna": {"input": 7, "output": 8}}))
    found = load_prices(str(own))
    assert cost(found, "mine", TokenUsage(input=5, output=5)) == 0
    assert found["gpt-6-luna"]["input"] == 7
    assert "claude-haiku-5-5" in found


def test_every_built_in_price_is_whole() -> None:
    assert {model: kinds for model, kinds in load_prices("").items() if set(kinds) != set(KINDS)} == {}


def test_models_without_a_price_are_named() -> None:
    prices = {"mine": {"input": Decimal(0), "output": Decimal(0)}}
    settings = Settings(openai_classify_model="mine", openai_draft_model="other")
    assert unpriced(prices, "openai", settings) == {"mine": ("cache_read", "cache_write"), "other": KINDS}
    assert unpriced(load_prices(""), "openai", Settings()) == {}


@pytest.mark.parametrize("text", ["", "[]", '{"m": 3}', '{"m": {"input": "3"}}', '{"m": {"input": -1}}'])
def test_file_without_prices_is_named_in_error(tmp_path: Path, text: str) -> None:
    own = tmp_path / "prices.json"
    own.write_text(text)
    with pytest.raises(CommandError, match=r"AI_PRICES: .*prices.json"):
        load_prices(str(own))
    with pytest.raises(CommandError, match="AI_PRICES"):
        load_prices(str(tmp_path / "none.json"))
