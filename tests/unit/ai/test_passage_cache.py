"""The cache of passages holds the most recently used sources, up to a number of bytes."""

import sys

import numpy as np

from hummdesk.ai.embedded.passage_cache import PassageCache, Passages

ROW_BYTES = 400
PASSAGE_BYTES = ROW_BYTES + sys.getsizeof("a")
"""Of features and a text of one letter."""


class Computed:
    def __init__(self) -> None:
        self.texts: list[tuple[str, ...]] = []

    def __call__(self, texts: tuple[str, ...], encoded: bytes) -> Passages:
        self.texts.append(texts)
        return Passages(np.zeros((len(texts), ROW_BYTES // 4), dtype=np.float32), ())


def test_source_is_computed_once_while_it_is_held() -> None:
    computed = Computed()
    cache = PassageCache(computed, max_bytes=10 * PASSAGE_BYTES)
    assert cache.get(("a", "b")) is cache.get(("a", "b"))
    assert computed.texts == [("a", "b")]


def test_least_recently_used_sources_leave_a_full_cache() -> None:
    computed = Computed()
    cache = PassageCache(computed, max_bytes=3 * PASSAGE_BYTES)
    for texts in (("a",), ("b",), ("c",), ("a",), ("d", "e")):
        cache.get(texts)
        assert cache.size <= 3 * PASSAGE_BYTES
    computed.texts.clear()
    cache.get(("a",))
    cache.get(("d", "e"))
    assert computed.texts == []
    cache.get(("b",))
    assert computed.texts == [("b",)]


def test_source_that_is_larger_than_the_cache_replaces_all_others() -> None:
    computed = Computed()
    cache = PassageCache(computed, max_bytes=PASSAGE_BYTES)
    cache.get(("a",))
    cache.get(("b",) * 5)
    assert cache.size == 5 * PASSAGE_BYTES
    cache.get(("a",))
    assert cache.size == PASSAGE_BYTES


def test_texts_of_passages_count_towards_the_size() -> None:
    computed = Computed()
    cache = PassageCache(computed, max_bytes=100 * PASSAGE_BYTES)
    cache.get(("long " * 20 * PASSAGE_BYTES,))
    cache.get(("b",))
    assert cache.size == PASSAGE_BYTES
