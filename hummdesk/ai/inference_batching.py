"""Inference in batches: one pass of the model over many texts costs half of a pass for each."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from hummdesk.core.batching import Batcher

T = TypeVar("T")

MAX_TEXTS = 50
"""Texts in one pass, which blocks the event loop: for about 1 ms for each short text, 6 ms for each long one.

As many as a Celery task of classifications names, whose results are then stored together.
"""
MAX_CHARACTERS = 32_000
"""A pass ends with the text that brings it to so many characters: 32 long ones."""


def inference_batcher(
    infer: Callable[[Sequence[str]], Sequence[T]], *, max_read: int = MAX_CHARACTERS
) -> Batcher[str, T]:
    """Return a batcher of texts; `infer` returns a result for each text, of which it reads at most `max_read`."""

    async def run(texts: list[str]) -> Sequence[T]:
        results = infer(texts)
        await asyncio.sleep(0)  # other work of the loop runs between two passes
        return results

    return Batcher(run, max_items=MAX_TEXTS, max_size=MAX_CHARACTERS, size=lambda text: min(len(text), max_read))
