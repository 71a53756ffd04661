"""Classifiers of letters: category, priority and sentiment of messages as customers write them.

Kernel regression: a message is compared with each example as a whole, by the mean of its sentences, by its cue phrases
and by its words and parts of words. The mean of the sentences keeps a matter that is buried between greeting and
signature; the cues of the lexicon are words such as "refund" in many languages; parts of words survive typing errors,
and are all there is of a language that the encoder does not know, such as Hindi. Scores become probabilities by
constants that were fitted to examples of trades that were left out (see `training/letters.py`).
"""

import re
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from hummdesk.ai.embedded import classifiers
from hummdesk.ai.embedded.embedding import normalize
from hummdesk.ai.embedded.encoder import Vectors, encode
from hummdesk.ai.embedded.weights import load_weights
from hummdesk.ai.lexicon import LEXICON
from hummdesk.core.categories import Category

# The order of each tuple, here and in `classifiers`, is the order of the columns in the fitted weights.
CATEGORIES: tuple[Category, ...] = (
    "account_access",
    "billing",
    "refund_cancellation",
    "order_shipping",
    "technical",
    "sales",
    "complaint_feedback",
    "fraud_security",
    "appointments",
    "privacy_legal",
    "how_to",
    "general",
)
CATEGORY = slice(0, 12)
PRIORITY = slice(12, 16)
SENTIMENT = slice(16, 19)
"""Columns of the scores."""

SHARPNESS = 2.0
"""As `classifiers.SCOPE_SHARPNESS`, in the kernel of whole letters and of their sentences."""
CUE_WEIGHT = 0.01
MAX_CUES = 3
"""Cues of one category that are counted in a letter."""
WORD_WEIGHT = 0.3
WORD_BUCKETS = 1 << 13
"""Words, pairs of words and parts of words are counted in so many buckets, by their CRC32, whose top bit is a sign."""

CACHED_WORDS = 4000
"""Words whose codes are cached per process, about 300 bytes each."""

CATEGORY_SCALE = 10.0
"""Factor from scores to logits. Our own letters of left-out trades suggest 12; letters of strangers are harder."""
GENERAL_WEIGHT = (0.3, 1.0)
"""Weight of the sentiment classifier that knows all sorts of texts: for a letter, and for a text that is none."""
NEGATIVE_BIAS = 1.4
"""Added to the logit of `negative` for a letter: customers who are angry write more politely than in public."""

MAX_CHARACTERS = 1000
"""Characters of a letter that are split into sentences or searched for cues: this bounds the time."""
SHORT_SENTENCE = 25
"""Characters; a shorter sentence is joined with the next one."""

_UNKNOWN_SCRIPT = re.compile(r"[\u0900-\u0dff]")
"""Scripts of India, which the encoder was not trained on: it takes all such texts for much the same."""
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？।؟])\s*|\n+")
_PUNCTUATION = re.compile(r"[\s!-/:-@\[-`{-~¡¿«»“”„‘’…–—。，！？、；：（）]+")
_FIRST_WITHOUT_SPACES = "\u3040"
"""From here on, scripts that separate no words or join them with particles: Chinese, Japanese, Korean."""


@dataclass(frozen=True, slots=True)
class LetterFeatures:
    """One row per letter: the letter as a whole, the mean of its sentences, the logarithmic counts of its cues."""

    whole: Vectors
    sentences: Vectors
    cues: Vectors


def letter_scores(texts: Sequence[str], encoded: Vectors, sentences: Sequence[Vectors]) -> Vectors:
    """Return one row per plain text, with the columns CATEGORY, PRIORITY and SENTIMENT.

    `encoded` are the vectors of the texts, `sentences` the result of `encode_sentences`.
    """
    weights = load_weights()
    features = letter_features(texts, encoded, sentences, mean=weights["mean"], directions=weights["letter_directions"])
    examples = LetterFeatures(weights["letter_wholes"], weights["letter_sentences"], weights["letter_cues"])
    scores: Vectors = letter_kernel(features, examples) @ weights["letter_weights"]
    scores += word_scores(texts, weights["letter_word_rarity"], weights["letter_words"])
    return scores


def letter_features(
    texts: Sequence[str], encoded: Vectors, sentences: Sequence[Vectors], *, mean: Vectors, directions: Vectors
) -> LetterFeatures:
    """Return the features of plain texts; the arguments are those of `letter_scores`."""
    known = np.array([[len(_UNKNOWN_SCRIPT.findall(text)) * 3 <= len(text)] for text in texts])
    return LetterFeatures(
        normalize(classifiers.centre(encoded, mean) @ directions) * known,
        normalize(sentence_means(encoded, sentences, mean) @ directions) * known,
        np.log1p(np.array([_cue_counts(text) for text in texts], dtype=np.float32)),
    )


def encode_with_sentences(texts: Sequence[str]) -> tuple[Vectors, list[Vectors]]:
    """Return the vectors of plain texts, and the result of `encode_sentences`: together, the encoder is faster."""
    several = _several_sentences(texts)
    vectors = encode([*texts, *chain.from_iterable(several)])
    return vectors[: len(texts)], _by_text(vectors[len(texts) :], several)


def encode_sentences(texts: Sequence[str]) -> list[Vectors]:
    """Return for each plain text one vector per sentence, none for a text of one sentence."""
    several = _several_sentences(texts)
    return _by_text(encode(list(chain.from_iterable(several))), several)


def _several_sentences(texts: Sequence[str]) -> list[list[str]]:
    return [found if len(found) > 1 else [] for found in map(split_sentences, texts)]


def _by_text(vectors: Vectors, sentences: Sequence[Sequence[str]]) -> list[Vectors]:
    return np.split(vectors, np.cumsum([len(of_text) for of_text in sentences])[:-1])


def sentence_means(encoded: Vectors, sentences: Sequence[Vectors], mean: Vectors) -> Vectors:
    """Return the mean of the centred vectors of each text's sentences."""
    means = classifiers.centre(encoded, mean)
    for number, vectors in enumerate(sentences):
        if len(vectors):
            means[number] = classifiers.centre(vectors, mean).mean(axis=0)
    return means


def letter_kernel(rows: LetterFeatures, columns: LetterFeatures) -> Vectors:
    """Return the kernel matrix of two sets of letters."""
    kernel = _exponential(rows.whole, columns.whole)
    kernel += _exponential(rows.sentences, columns.sentences)
    kernel /= 2
    kernel += CUE_WEIGHT * (rows.cues @ columns.cues.T)
    return kernel


def _exponential(rows: Vectors, columns: Vectors) -> Vectors:
    """In place: each copy of the matrix takes as long as its exponentials."""
    kernel: Vectors = rows @ columns.T
    kernel -= 1
    kernel *= SHARPNESS
    return np.exp(kernel, out=kernel)


def word_counts(texts: Sequence[str]) -> Vectors:
    """Return the logarithmic counts of each text's words and parts of words by bucket; a repeated one counts once."""
    counts = np.zeros((len(texts), WORD_BUCKETS), dtype=np.float32)
    for row, text in zip(counts, texts, strict=True):
        buckets, logarithmic = _counted_words(text)
        row[buckets] = logarithmic
    return counts


def word_features(counts: Vectors, rarity: Vectors) -> Vectors:
    """Weigh the counts by the rarity of their buckets, and scale each row to length 1."""
    return normalize(counts * rarity)


def word_scores(texts: Sequence[str], rarity: Vectors, weights: Vectors) -> Vectors:
    """Return the product of the texts' `word_features` and the weights, from the buckets that a text has: 2 in 100."""
    scores = np.zeros((len(texts), weights.shape[1]), dtype=np.float32)
    for row, text in zip(scores, texts, strict=True):
        buckets, counts = _counted_words(text)
        features = word_features(counts[None], rarity[buckets])
        row[:] = features[0] @ weights[buckets]
    return scores


def _counted_words(text: str) -> tuple[NDArray[np.int64], Vectors]:
    """Return the buckets that the text has, and their logarithmic counts; a repeated word or part counts once."""
    words = _folded(text[:MAX_CHARACTERS]).split()
    pairs = _codes(f"b{first} {second}" for first, second in pairwise(words))
    codes = np.unique(np.concatenate([pairs, *map(_codes_of_word, set(words))]))
    buckets, index = np.unique(codes % WORD_BUCKETS, return_inverse=True)
    counts = np.bincount(index, np.where(codes >> 31, 1.0, -1.0), minlength=len(buckets)).astype(np.float32)
    logarithmic: Vectors = np.sign(counts) * np.log1p(np.abs(counts))
    return buckets, logarithmic


@lru_cache(CACHED_WORDS)
def _codes_of_word(word: str) -> NDArray[np.uint32]:
    """Return the codes of a word and its parts, each kind with a letter before it."""
    if word >= _FIRST_WITHOUT_SPACES:
        parts, padded, lengths = [], word, (1, 2, 3)
    else:
        parts, padded, lengths = [f"w{word}"], f" {word} ", (3, 4, 5)
    for length in lengths:
        parts += [f"c{padded[start : start + length]}" for start in range(len(padded) - length + 1)]
    return _codes(parts)


def _codes(parts: Iterable[str]) -> NDArray[np.uint32]:
    return np.array([zlib.crc32(part.encode(errors="replace")) for part in parts], dtype=np.uint32)


def category_probabilities(scores: Vectors) -> Vectors:
    """Return one row per row of scores, in the order of CATEGORIES."""
    return classifiers.softmax(scores[:, CATEGORY] * CATEGORY_SCALE)


def priority_probabilities(scores: Vectors) -> Vectors:
    """Return one row per row of scores, in the order of `classifiers.PRIORITIES`."""
    return classifiers.softmax(classifiers.linear(scores[:, PRIORITY], load_weights()["letter_priority"]))


def sentiment_probabilities(scores: Vectors, general: Vectors, out_of_scope: Vectors) -> Vectors:
    """Return one row per row of scores, in the order of `classifiers.SENTIMENTS`.

    `general` are the probabilities by the classifier of all sorts of texts; the more probably a text is out of scope
    for a help desk, the more they count.
    """
    logits = classifiers.linear(scores[:, SENTIMENT], load_weights()["letter_sentiment"])
    least, most = GENERAL_WEIGHT
    logits = logits + (least + (most - least) * out_of_scope)[:, None] * np.log(general + 1e-6)
    logits[:, classifiers.SENTIMENTS.index("negative")] += NEGATIVE_BIAS * (1 - out_of_scope)
    return classifiers.softmax(logits)


def split_sentences(text: str) -> list[str]:
    """Return the sentences of the first MAX_CHARACTERS; a short one is joined with its successor."""
    sentences: list[str] = []
    for sentence in _SENTENCE_END.split(text[:MAX_CHARACTERS]):
        if sentences and len(sentences[-1]) < SHORT_SENTENCE:
            sentences[-1] += f" {sentence}"
        elif any(map(str.isalpha, sentence)):
            sentences.append(sentence)
    return sentences


def _cue_counts(text: str) -> list[int]:
    """Search only for the cues that begin as a word or a character of the text does: one in ten."""
    folded = _folded(text[:MAX_CHARACTERS])
    starts = {*folded, *map(_start, folded.split(" "))}
    counts = [0] * len(CATEGORIES)
    for start in starts & _cues().keys():
        for cue, category in _cues()[start]:
            counts[category] += cue in folded
    return [min(MAX_CUES, count) for count in counts]


@cache
def _cues() -> dict[str, list[tuple[str, int]]]:
    """Return the cues with their categories, as they occur in folded texts, by how they begin.

    They are at the beginning of a word where words exist.
    """
    cues: dict[str, list[tuple[str, int]]] = {}
    for number, category in enumerate(CATEGORIES):
        for folded in frozenset(map(_folded_cue, LEXICON["cues"][category])):
            if folded >= _FIRST_WITHOUT_SPACES:
                cues.setdefault(folded[0], []).append((folded, number))
            else:
                cues.setdefault(_start(folded.split(" ")[0]), []).append((f" {folded}", number))
    return cues


def _start(word: str) -> str:
    return f" {word[:2]}"


def _folded(text: str) -> str:
    return f" {_PUNCTUATION.sub(' ', unicodedata.normalize('NFKC', text).casefold())} "


def _folded_cue(cue: str) -> str:
    folded = _folded(cue).strip(" ")
    return f"{folded} " if cue.endswith(" ") else folded
