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


class PassageCache(Generic[Value]):
    """The most recently used groups of texts, at most `max_bytes` with what is computed of them; one is always held."""

    def __init__(self, compute: Callable[[tuple[str, ...], bytes], Value], *, max_bytes: int) -> None:
        self._compute = compute
        self._max_bytes = max_bytes
        self._entries: OrderedDict[tuple[str, ...], tuple[Value, int]] = OrderedDict()
        """With the size of each, since Python counts a text as larger once it has been encoded as UTF-8."""
        self.size = 0

    def clear(self) -> None:
        self._entries.clear()
        self.size = 0

    def get(self, texts: tuple[str, ...], encoded: bytes = b"") -> Value:
        """Return what is held of these texts, or compute it, of the stored encodings of a source if they fit."""
        if (found := self._entries.get(texts)) is not None:
            self._entries.move_to_end(texts)
            return found[0]
        passages = self._compute(texts, encoded)
        size = passages.size + sum(map(sys.getsizeof, texts))
        self._entries[texts] = passages, size
        self.size += size
        while self.size > self._max_bytes and len(self._entries) > 1:
            self.size -= self._entries.popitem(last=False)[1][1]
        return passages
