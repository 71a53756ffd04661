"""JSON as clients and Redis receive it."""

import json
from typing import Any

import orjson


def encode(value: Any) -> bytes:
    """Encode as UTF-8, also what orjson refuses: an integer over 64 bits, as which PostgreSQL returns 1e20.

    Escaped, other than ASCII characters would be three times as long as what pages are measured by.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
        return text.encode(errors="replace")  # for half of a surrogate pair
