"""Cost of model calls, by the providers' price lists (prices.json, US dollars per million tokens, November 2026)."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.core.models import TokenUsage

MILLION = 1_000_000
PRICE_LIST = Path(__file__).with_name("prices.json")
BATCH_SHARE = Decimal("0.5")
"""What both providers charge in a batch, for all kinds of tokens."""
KINDS = ("input", "cache_read", "cache_write", "output")

Prices = dict[str, dict[str, Decimal]]


def load_prices(path: str) -> Prices:
    """Return the price list, overridden by the file at `path` unless that is empty.

    Raises CommandError if the file cannot be read or contains no prices.
    """
    prices = _read(PRICE_LIST)
    return prices | _read(Path(path)) if path else prices


def cost(prices: Prices, model: str, usage: TokenUsage, *, share: Decimal = Decimal(1)) -> Decimal | None:
    """Return US dollars; None, which is not 0, if the price of the model or of a kind of token in use is unknown.

    `share`: of the price, BATCH_SHARE in a batch.
    """
    price = prices.get(model, {})
    used = {kind: getattr(usage, kind) for kind in KINDS if getattr(usage, kind)}
    if not used or not used.keys() <= price.keys():
        return None
    return sum((price[kind] * tokens for kind, tokens in used.items()), Decimal(0)) * share / MILLION


def unpriced(prices: Prices, provider: str, settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the kinds of tokens without a price of each model of a provider that has some."""
    models = {getattr(settings, f"{provider}_{kind}_model") for kind in ("classify", "draft")}
    kinds = {model: tuple(kind for kind in KINDS if kind not in prices.get(model, {})) for model in sorted(models)}
    return {model: unknown for model, unknown in kinds.items() if unknown}


def _read(path: Path) -> Prices:
    try:
        table: Any = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal, parse_int=Decimal)
        return {str(model): {kind: _price(price[kind]) for kind in price} for model, price in table.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise CommandError(
            f'AI_PRICES: {path}: expected {{"model": {{"input": 1.0, "output": 5.0}}}} ({error})'
        ) from None


def _price(value: object) -> Decimal:
    if not isinstance(value, Decimal) or not value.is_finite() or value < 0:
        raise ValueError(f"{value!r} is not a price")
    return value
