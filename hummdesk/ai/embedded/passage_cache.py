"""Caches of values that were computed from passages, bounded by their size."""

import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from hummdesk.ai.embedded.encoder import Vectors


@dataclass(frozen=True, slots=True)
class Passages:
    """Of one source: for each passage, its features as a row, and its words."""

    features: Vectors
    words: tuple[frozenset[str], ...]

    @property
    def size(self) -> int:
        """Bytes, without the texts. Words are counted as references: most are shared with other passages."""
        return self.features.nbytes + sum(map(sys.getsizeof, self.words))


class Computed(Protocol):
    @property
    def size(self) -> int:
        """Bytes, without the texts."""


Value = TypeVar("Value", bound=Computed)


class BoundedCache(Generic[Value]):
    """Values of the most recently used groups of texts, of at most `max_bytes` with the texts; one is always cached."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[tuple[str, ...], tuple[Value, int]] = OrderedDict()
        """With the size of each, since Python counts a text as larger once it has been encoded as UTF-8."""
        self.size = 0

    def clear(self) -> None:
        self._entries.clear()
        self.size = 0

    def find(self, texts: tuple[str, ...]) -> Value | None:
        """Return the cached value of these texts."""
        if (found := self._entries.get(texts)) is None:
            return None
        self._entries.move_to_end(texts)
        return found[0]

    def put(self, texts: tuple[str, ...], computed: Value) -> Value:
        """Cache the value of these texts, which have none yet, and return it."""
        size = computed.size + sum(map(sys.getsizeof, texts))
        self._entries[texts] = computed, size
        self.size += size
        while self.size > self._max_bytes and len(self._entries) > 1:
            self.size -= self._entries.popitem(last=False)[1][1]
        return computed


class PassageCache(BoundedCache[Passages]):
    """Passages of the most recently used sources."""

    def __init__(self, compute: Callable[[tuple[str, ...], bytes], Passages], *, max_bytes: int) -> None:
        super().__init__(max_bytes=max_bytes)
        self._compute = compute

    def get(self, texts: tuple[str, ...], encoded: bytes = b"") -> Passages:
        """Return the passages of a source with these texts, computed from their stored encodings if they fit."""
        found = self.find(texts)
        return self.put(texts, self._compute(texts, encoded)) if found is None else found
