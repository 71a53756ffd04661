"""JSON of stored values, as clients, Redis, archives and commands receive it."""

import json
from datetime import datetime
from typing import Any

import orjson


def encode(value: Any, *, indented: bool = False) -> bytes:
    """Encode as UTF-8, also what orjson refuses: an integer over 64 bits, as which PostgreSQL returns 1e20.

    Escaped, other than ASCII characters would be three times as long as what pages are measured by.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 if indented else None, default=str)
    except TypeError:
        spaces, separators = (2, None) if indented else (None, (",", ":"))
        text = json.dumps(value, indent=spaces, separators=separators, ensure_ascii=False, default=_text)
        return text.encode(errors="replace")  # for half of a surrogate pair


def _text(value: object) -> Any:
    """Of a value that JSON has no type for, as orjson writes it; of one that is encoded already, the value itself."""
    if isinstance(value, orjson.Fragment):
        return json.loads(orjson.dumps(value))
    return value.isoformat() if isinstance(value, datetime) else str(value)
