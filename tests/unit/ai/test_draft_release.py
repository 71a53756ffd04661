"""Parts of a model's draft that are shown while it is generated."""

import json
from collections.abc import Sequence

import pytest

from hummdesk.ai.external.draft_release import DraftRelease, partial_draft
from hummdesk.ai.external.grounding import CitedSource
from hummdesk.ai.protocol import ProviderRefused

CONTENT = 'Hi [NAME_1],\n\nyes. We repair it "free" 😀 of charge! See C:\\help. Bye'
QUOTE = {"id": "S1", "quote": "free of charge"}
CITED = [CitedSource(**QUOTE)]
ANSWER = {"outcome": "answered", "sources": [QUOTE], "content": CONTENT, "tone": "friendly", "confidence": 0.8}


def passes(content: str, _sources: Sequence[CitedSource]) -> str:
    return content


def shown(text: str, *, size: int = 1) -> list[str]:
    """What is shown of an answer that arrives in pieces of this size."""
    found: list[str] = []
    release = DraftRelease(passes, found.append)
    for at in range(0, len(text), size):
        release.feed(text[at : at + size])
    return found


@pytest.mark.parametrize("ascii_only", [True, False])
def test_partial_draft_of_each_prefix_begins_the_content(ascii_only: bool) -> None:
    text = json.dumps(ANSWER, ensure_ascii=ascii_only)
    drafts = [draft for end in range(len(text)) if (draft := partial_draft(text[:end])) is not None]
    assert all(CONTENT.startswith(draft.content) and draft.sources == CITED for draft in drafts)
    assert drafts[-1].content == CONTENT
    assert drafts[-1].is_whole


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_whole_sentences_are_shown_and_the_rest_at_the_end_of_the_content(size: int) -> None:
    found = shown(json.dumps(ANSWER), size=size)
    assert found[-1] == CONTENT
    assert size > 1 or found == [
        "Hi [NAME_1],",
        "Hi [NAME_1],\n\nyes.",
        'Hi [NAME_1],\n\nyes. We repair it "free" 😀 of charge!',
        'Hi [NAME_1],\n\nyes. We repair it "free" 😀 of charge! See C:\\help.',
        CONTENT,
    ]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ANSWER | {"outcome": "needs_person"}),
        json.dumps({"content": CONTENT, "outcome": "answered", "sources": [QUOTE]}),
        json.dumps({"outcome": "answered", "content": CONTENT, "sources": [QUOTE]}),
        json.dumps(ANSWER | {"content": ["Hi. There."]}),
        json.dumps(ANSWER | {"sources": "S1"}),
        f"Let me think. {json.dumps(ANSWER)}",
        "[1, 2]",
        "Hi. There.",
        "",
    ],
)
def test_answer_that_is_none_or_in_another_order_shows_nothing(text: str) -> None:
    assert shown(text) == []


def test_refused_sentence_ends_the_release() -> None:
    checked: list[str] = []

    def check(content: str, sources: Sequence[CitedSource]) -> str:
        assert sources == CITED
        checked.append(content)
        if "evil" in content:
            raise ProviderRefused("unsafe", code="unsafe")
        return content.replace("[NAME_1]", "Hugo")

    found: list[str] = []
    release = DraftRelease(check, found.append)
    for sign in json.dumps(ANSWER | {"content": "Hi [NAME_1]. Go to evil. It is fine."}):
        release.feed(sign)
    assert found == ["Hi Hugo."]
    assert checked == ["Hi [NAME_1].", "Hi [NAME_1]. Go to evil."]


def test_sentence_is_not_cut_behind_the_day_of_a_date() -> None:
    found = shown(json.dumps(ANSWER | {"content": "Ab dem 3. Mai. Danke"}))
    assert found == ["Ab dem 3. Mai.", "Ab dem 3. Mai. Danke"]
