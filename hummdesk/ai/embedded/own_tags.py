"""The tags of a message among those that an account has named itself, learned from their examples at once.

A tag fits if the message is similar enough to one of its texts: its name with its description, and its examples. Of a
message with several sentences, the similarity is the mean of that of the whole message and of its nearest sentence.
The threshold is chosen on the development part of `training/evaluation/taxonomies`.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hummdesk.ai.embedded.analysis import MAX_TAGS, MessageFeatures
from hummdesk.ai.embedded.embedding import embed, project
from hummdesk.ai.embedded.encoder import Vectors
from hummdesk.ai.text import plain
from hummdesk.core.categories import OwnTag

LEAST_SIMILARITY = 0.37
CACHED = 100
"""Accounts whose tags a process caches: at most 0.36 MB each."""


@dataclass(frozen=True, slots=True)
class FittedTags:
    vectors: Vectors
    """A row of length 1 for each text of a tag, those of one tag after each other."""
    starts: tuple[int, ...]
    """The first row of each tag."""

    def similarities(self, message: MessageFeatures) -> Vectors:
        """Return one value per tag."""
        similarities: Vectors = self._nearest(message.embedded)[0]
        if len(message.sentences):
            similarities = (similarities + self._nearest(project(message.sentences)).max(axis=0)) / 2
        return similarities

    def _nearest(self, embedded: Vectors) -> Vectors:
        nearest: Vectors = np.maximum.reduceat(embedded @ self.vectors.T, self.starts, axis=1)
        return nearest


@lru_cache(maxsize=CACHED)
def fit(tags: tuple[OwnTag, ...]) -> FittedTags:
    """Embed the texts of tags, of which there is at least one; the same ones once. Takes about 1 ms per example."""
    texts = [[f"{one.name}. {one.description}", *one.examples] for one in tags]
    starts = np.cumsum([0, *(len(of_tag) for of_tag in texts[:-1])])
    return FittedTags(embed([plain(text) for of_tag in texts for text in of_tag]), tuple(starts.tolist()))


def fitting(message: MessageFeatures, tags: tuple[OwnTag, ...]) -> tuple[str, ...]:
    """Return the keys of the tags that fit, the best first, at most MAX_TAGS."""
    if not message.stems:
        return ()
    similarities = fit(tags).similarities(message)
    best = np.argsort(-similarities, kind="stable")[:MAX_TAGS]
    return tuple(tags[number].key for number in best if similarities[number] >= LEAST_SIMILARITY)
