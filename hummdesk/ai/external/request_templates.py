"""What models outside are asked to do: with which prompt, which model, in which form and how long."""

from dataclasses import dataclass
from typing import Self

from marshmallow import Schema

from hummdesk.ai.external.answer_schemas import ClassificationAnswer, DraftAnswer
from hummdesk.ai.external.prompts import Prompt, prompt
from hummdesk.core.config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    prompt: Prompt
    form: Schema
    model: str
    max_tokens: int
    """Of the answer and of what the model thinks before it."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    classify: Task
    draft: Task

    @classmethod
    def of(cls, provider: str, settings: Settings) -> Self:
        return cls(
            classify=Task(
                prompt=prompt("classify"),
                form=ClassificationAnswer(),
                model=getattr(settings, f"{provider}_classify_model"),
                max_tokens=2000,
                seconds=settings.ai_classify_seconds,
            ),
            draft=Task(
                prompt=prompt("draft"),
                form=DraftAnswer(),
                model=getattr(settings, f"{provider}_draft_model"),
                max_tokens=5000,
                seconds=settings.ai_draft_seconds,
            ),
        )
