"""Cache of what is computed of passages, bounded by its size."""

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
    """The most recently used groups of texts, at most `max_bytes` with what is computed of them; one is always held."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[tuple[str, ...], tuple[Value, int]] = OrderedDict()
        """With the size of each, since Python counts a text as larger once it has been encoded as UTF-8."""
        self.size = 0

    def clear(self) -> None:
        self._entries.clear()
        self.size = 0

    def find(self, texts: tuple[str, ...]) -> Value | None:
        """Return what is held of these texts."""
        if (found := self._entries.get(texts)) is None:
            return None
        self._entries.move_to_end(texts)
        return found[0]

    def hold(self, texts: tuple[str, ...], computed: Value) -> Value:
        """Hold what is computed of these texts, which are not held yet, and return it."""
        size = computed.size + sum(map(sys.getsizeof, texts))
        self._entries[texts] = computed, size
        self.size += size
        while self.size > self._max_bytes and len(self._entries) > 1:
            self.size -= self._entries.popitem(last=False)[1][1]
        return computed


class PassageCache(BoundedCache[Passages]):
    """What is computed of the passages of the most recently used sources."""

    def __init__(self, compute: Callable[[tuple[str, ...], bytes], Passages], *, max_bytes: int) -> None:
        super().__init__(max_bytes=max_bytes)
        self._compute = compute

    def get(self, texts: tuple[str, ...], encoded: bytes = b"") -> Passages:
        """Return what is held of a source with these texts, or compute it, of their stored encodings if they fit."""
        found = self.find(texts)
        return self.hold(texts, self._compute(texts, encoded)) if found is None else found
