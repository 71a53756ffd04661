"""Tokens, given as a text or as a function."""

import inspect
from collections.abc import Awaitable, Callable

Token = str | Callable[[], str | Awaitable[str]]
"""A text, or a function or coroutine function that returns it."""


async def text_of(token: Token) -> str:
    if isinstance(token, str):
        return token
    found = token()
    return await found if inspect.isawaitable(found) else found
