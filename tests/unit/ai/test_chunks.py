"""Chunks of sources: what the cross-encoder reads of them."""

from hummdesk.ai.embedded import article_text
from hummdesk.ai.embedded.article_text import count_words
from hummdesk.ai.embedded.chunks import CHUNK_WORDS, chunks_by_sentence
from hummdesk.ai.embedded.source_ranking import RankedSource, Source
from hummdesk.ai.protocol import Citation

WORKSHOP = "The workshop is in the old mill at the river."
SENTENCE = "We repair what has broken in the first two years of use."
BODY = "\n".join(
    [
        *("## Repairs", *(4 * [SENTENCE]), WORKSHOP),
        *("## Returns", "Send boots back within sixty days, unworn, in their own box, with the receipt."),
    ]
)


def chunk(source: Source, *asked: str) -> str:
    return RankedSource(source, 0.5, 1.0, asked).nearest_chunk


def article(body: str, *questions: str) -> Source:
    return Source(Citation(kind="article", title="Boots", id="boots"), body, questions)


def test_chunk_has_title_and_heading_and_sentences_of_one_heading() -> None:
    chunks = chunks_by_sentence("Boots", article_text.sentences(BODY))
    assert chunks[0] == "Boots. Repairs. " + " ".join(
        [*(4 * [SENTENCE]), "The workshop is in the old mill at the river."]
    )
    assert chunks[-1].startswith("Boots. Returns. Send boots back")
    assert [chunks.count(one) for one in dict.fromkeys(chunks)] == [5, 1]


def test_chunk_ends_before_the_sentence_that_would_make_it_too_long() -> None:
    sentences = article_text.sentences("\n".join(20 * [SENTENCE]))
    chunks = chunks_by_sentence("", sentences)
    most = CHUNK_WORDS // count_words(SENTENCE)
    assert len(chunks) == 20
    assert {count_words(one) for one in chunks} == {most * count_words(SENTENCE)}


def test_sentence_that_is_longer_than_a_chunk_is_its_own_chunk() -> None:
    sentences = article_text.sentences("Short one.\n" + "word " * 100 + "\nShort two.")
    assert [count_words(one) for one in chunks_by_sentence("", sentences)] == [2, 100, 2]


def test_nearest_chunk_of_a_long_article_is_that_of_the_sentence_that_is_asked_for() -> None:
    source = article(BODY, "Do you sell laces?")
    assert chunk(source, "Within how many days may I send them back?").startswith("Boots. Returns.")
    assert chunk(source, "Where is your workshop?").startswith("Boots. Repairs.")
    assert chunk(source, "laces for sale?") == "Do you sell laces?"


def test_nearest_chunk_of_a_short_article_is_the_article_or_its_question() -> None:
    source = article("We repair boots.", "Do you sell laces?")
    assert chunk(source, "Can you mend my boots?") == "Boots. We repair boots."
    assert chunk(source, "laces for sale?") == "Do you sell laces?"
