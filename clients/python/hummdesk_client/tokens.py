"""Tokens, given as a text or as a function."""

import base64
import inspect
import json
import math
from collections.abc import Awaitable, Callable

Token = str | Callable[[], str | Awaitable[str]]
"""A text, or a function or coroutine function that returns it."""


def lifetime_seconds(text: str) -> float:
    """The time from a token's issue to its expiry; infinite if it does not say.

    It is not compared with the clock of this machine, which may be wrong.
    """
    try:
        part = text.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return float(claims["exp"] - claims["iat"])
    except (IndexError, KeyError, TypeError, ValueError):
        return math.inf


async def text_of(token: Token) -> str:
    if isinstance(token, str):
        return token
    found = token()
    return await found if inspect.isawaitable(found) else found
