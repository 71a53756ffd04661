"""Summary of a conversation as an extract: the customer's key sentences, the last answer, and who has to write next."""

from collections import Counter
from collections.abc import Sequence

from hummdesk.ai.embedded import language
from hummdesk.ai.lexicon import STOPWORDS
from hummdesk.ai.protocol import Turn
from hummdesk.ai.reply import ENGLISH, PHRASES
from hummdesk.ai.text import SENTENCE_END, plain, stems

KEY_SENTENCES = 3
"""Sentences of the customer in a summary."""
MIN_STEMS = 3
"""A sentence with fewer content words, such as a greeting, is left out unless it is a question."""
MAX_SENTENCE = 240
QUESTION_BONUS = 1.5
LATER_BONUS = 0.5
"""What a sentence in the last message of the customer counts more than one in the first."""


def extract(conversation: Sequence[Turn]) -> str:
    """Return the summary, in the language of the customer if phrases.json has it; empty without a public message."""
    asked = _key_sentences([turn.content for turn in conversation if turn.sender == "customer"])
    answers = [turn.content for turn in conversation if turn.sender == "agent"]
    summaries = PHRASES["summaries"]
    phrases = summaries.get(language.detect(" ".join(asked)), summaries[ENGLISH])
    lines = [phrases["asked"].format(text=" … ".join(asked))] if asked else []
    if answers:
        lines.append(phrases["answered"].format(text=_main_sentence(answers[-1])))
    if conversation and conversation[-1].sender == "customer":
        lines.append(phrases["waiting"])
    return "\n".join(lines)


def _key_sentences(messages: Sequence[str]) -> list[str]:
    """Return the sentences that hold most of what the customer writes about, in their order; a repeated one once."""
    sentences = [
        (number, sentence) for number, message in enumerate(messages) for sentence in SENTENCE_END.split(plain(message))
    ]
    topics = Counter(stem for _, sentence in sentences for stem in _content(sentence))

    def score(index: int) -> float:
        number, sentence = sentences[index]
        found = _content(sentence)
        weight = sum(topics[stem] for stem in found) / (len(found) + MIN_STEMS)
        later = LATER_BONUS * number / max(1, len(messages) - 1)
        return weight + later + (QUESTION_BONUS if _is_question(sentence) else 0)

    last_indexes = {sentence.strip().casefold(): index for index, (_, sentence) in enumerate(sentences)}
    informative = [index for index in last_indexes.values() if _is_informative(sentences[index][1])]
    chosen = sorted(informative, key=lambda index: (-score(index), index))[:KEY_SENTENCES]
    if not chosen and sentences:
        chosen = [len(sentences) - 1]
    return [_shortened(sentences[index][1]) for index in sorted(chosen)]


def _is_informative(sentence: str) -> bool:
    return len(_content(sentence)) >= (1 if _is_question(sentence) else MIN_STEMS)


def _is_question(sentence: str) -> bool:
    return sentence.rstrip().endswith(("?", "？"))


def _content(sentence: str) -> set[str]:
    return set(stems(sentence)) - STOPWORDS


def _main_sentence(answer: str) -> str:
    """Return the sentence of an answer with the most content words."""
    sentences = SENTENCE_END.split(plain(answer))
    return _shortened(max(sentences, key=lambda sentence: len(_content(sentence))))


def _shortened(sentence: str) -> str:
    return sentence if len(sentence) <= MAX_SENTENCE else f"{sentence[:MAX_SENTENCE].rsplit(' ', 1)[0]} …"
