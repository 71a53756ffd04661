"""Prompts of external models."""

from typing import get_args

import pytest

from hummdesk.ai.external.answer_schemas import OUTCOMES
from hummdesk.ai.external.prompts import FOLDER, load_prompt
from hummdesk.ai.protocol import Priority, Sentiment, Tone
from hummdesk.core.assist import AssistKind
from hummdesk.core.categories import Category


@pytest.mark.parametrize("name", [file.stem for file in FOLDER.glob("*.md")])
def test_prompt_file_has_version_and_purpose(name: str) -> None:
    prompt = load_prompt(name)
    number, digest = prompt.version.split("-")
    assert int(number) >= 1
    assert len(digest) == 8
    assert prompt.label == f"{name}@{prompt.version}"
    assert len(prompt.purpose) > 20
    assert "---" not in prompt.text


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("classify", (*get_args(Category), *get_args(Priority), *get_args(Sentiment))),
        ("draft", (*OUTCOMES, *get_args(Tone))),
        ("assist", get_args(AssistKind)),
    ],
)
def test_prompt_names_every_choice_of_the_schema(name: str, choices: tuple[str, ...]) -> None:
    text = load_prompt(name).text
    assert [choice for choice in choices if f"`{choice}`" not in text] == []
