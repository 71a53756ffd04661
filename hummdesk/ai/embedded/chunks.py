"""Chunks of sources, which the cross-encoder reads: about 60 words of an article under one heading, with its title."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from hummdesk.ai.embedded.article_text import Sentence, count_words
from hummdesk.ai.embedded.retrieval import similarity_in_meaning

CHUNK_WORDS = 60
"""Most words of a chunk, without title and heading, unless one sentence is longer."""


def nearest_chunk(queries: Sequence[str], passages: Sequence[str], chunks: Sequence[str | None]) -> str:
    """Return the chunk of the passage that is most similar to a query; `chunks` has one for each passage, or None."""
    similar = similarity_in_meaning(queries, passages).max(axis=0)
    similar[[chunk is None for chunk in chunks]] = -np.inf
    return chunks[int(similar.argmax())] or ""


def chunks_by_sentence(title: str, sentences: Sequence[Sentence]) -> list[str]:
    """Return for each sentence of an article the chunk that it belongs to."""
    by_sentence = []
    for _, numbered in groupby(zip(sentences, _numbers(sentences), strict=True), key=lambda pair: pair[1]):
        own = [sentence for sentence, _ in numbered]
        text = " ".join(one.text for one in own)
        by_sentence += len(own) * [". ".join(filter(None, (title, own[0].heading, text)))]
    return by_sentence


def _numbers(sentences: Sequence[Sentence]) -> Iterator[int]:
    """Yield for each sentence the number of its chunk."""
    number, words, heading = 0, 0, None
    for one in sentences:
        added = count_words(one.text)
        if words and (words + added > CHUNK_WORDS or one.heading != heading):
            number, words = number + 1, 0
        words, heading = words + added, one.heading
        yield number
