"""Cache of what is computed of the passages of a source, bounded by its size."""

import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from hummdesk.ai.embedded.encoder import Vectors


@dataclass(frozen=True, slots=True)
class Passages:
    """Of one source: for each passage, its features as a row, and its words."""

    features: Vectors
    words: tuple[frozenset[str], ...]

    @property
    def size(self) -> int:
        """Bytes. Words are counted as references: most of them are shared with other passages."""
        return self.features.nbytes + sum(map(sys.getsizeof, self.words))


class PassageCache:
    """The most recently used sources, of at most `max_bytes`; one source is always held."""

    def __init__(self, compute: Callable[[tuple[str, ...]], Passages], *, max_bytes: int) -> None:
        self._compute = compute
        self._max_bytes = max_bytes
        self._entries: OrderedDict[tuple[str, ...], Passages] = OrderedDict()
        self.size = 0

    def get(self, texts: tuple[str, ...]) -> Passages:
        if (found := self._entries.get(texts)) is not None:
            self._entries.move_to_end(texts)
            return found
        found = self._entries[texts] = self._compute(texts)
        self.size += found.size
        while self.size > self._max_bytes and len(self._entries) > 1:
            _, oldest = self._entries.popitem(last=False)
            self.size -= oldest.size
        return found
