"""The WordPiece tokenizer against tokens that the reference implementation, `tokenizers` by Hugging Face, has found."""

import json
from pathlib import Path

import numpy as np
import pytest

from hummdesk.ai.embedded.cross_encoder import FILE
from hummdesk.ai.embedded.wordpiece import MAX_WORD, WordPieceTokenizer

RECORDED: list[list[str]] = json.loads(Path(__file__).with_name("wordpiece.json").read_text(encoding="utf-8"))
"""Pairs of a text and its tokens, separated by spaces."""
SMALL = {word: number for number, word in enumerate(("[UNK]", "re", "##fund", "##s", "refund", "!"))}


@pytest.fixture(scope="module")
def vocabulary() -> list[str]:
    with np.load(FILE) as stored:
        return bytes(stored["vocabulary"]).decode().split("\n")


@pytest.fixture(scope="module")
def tokenizer(vocabulary: list[str]) -> WordPieceTokenizer:
    return WordPieceTokenizer({word: number for number, word in enumerate(vocabulary)})


@pytest.mark.parametrize(("text", "tokens"), RECORDED)
def test_tokens_are_those_of_the_reference_implementation(
    text: str, tokens: str, tokenizer: WordPieceTokenizer, vocabulary: list[str]
) -> None:
    assert " ".join(vocabulary[token] for token in tokenizer.tokenize(text)) == tokens


def test_words_are_split_into_the_longest_tokens_from_the_left() -> None:
    assert WordPieceTokenizer(SMALL).tokenize("Refunds!") == [4, 3, 5]


def test_word_of_which_a_part_is_in_no_token_is_unknown() -> None:
    assert WordPieceTokenizer(SMALL).tokenize("refundable refund") == [0, 4]


def test_word_that_is_too_long_is_unknown() -> None:
    tokenizer = WordPieceTokenizer({"[UNK]": 0, "a": 1, "##a": 2})
    assert tokenizer.tokenize("a" * MAX_WORD) == [1, *(MAX_WORD - 1) * [2]]
    assert tokenizer.tokenize("a" * (MAX_WORD + 1)) == [0]


@pytest.mark.parametrize("marker", ["[CLS]", "[SEP]", "[PAD]"])
def test_text_cannot_contain_the_tokens_that_mark_its_beginning_and_end(
    marker: str, tokenizer: WordPieceTokenizer, vocabulary: list[str]
) -> None:
    assert vocabulary.index(marker) not in tokenizer.tokenize(f"before {marker} after")
