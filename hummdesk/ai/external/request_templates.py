"""Request templates: prompt, answer schema, model and limits of each kind of request to an external model."""

from dataclasses import dataclass
from typing import Self, cast

from marshmallow import Schema

from hummdesk.ai.external.answer_schemas import ClassificationAnswer, DraftAnswer, SummaryAnswer, json_schema
from hummdesk.ai.external.assist import MAX_TOKENS, AssistAnswer
from hummdesk.ai.external.client import CompletionRequest, Effort, Role
from hummdesk.ai.external.prompts import Prompt, load_prompt
from hummdesk.core.config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTemplate:
    prompt: Prompt
    schema: Schema
    model: str
    max_tokens: int
    """Of the answer and of the reasoning before it."""
    timeout_seconds: float
    effort: Effort = "low"
    account_prompt: str = ""
    """Follows the prompt in the requests of an account."""

    def request(self, turns: tuple[tuple[Role, str], ...]) -> CompletionRequest:
        return CompletionRequest(
            model=self.model,
            system=self.prompt.text,
            account_system=self.account_prompt,
            turns=turns,
            schema_name=self.prompt.name,
            schema=json_schema(self.schema),
            max_tokens=self.max_tokens,
            effort=self.effort,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTemplates:
    classify: RequestTemplate
    draft: RequestTemplate
    summarize: RequestTemplate
    assist: RequestTemplate

    @classmethod
    def of(cls, provider: str, settings: Settings) -> Self:
        return cls(
            classify=RequestTemplate(
                prompt=load_prompt("classify"),
                schema=ClassificationAnswer(),
                model=getattr(settings, f"{provider}_classify_model"),
                max_tokens=2000,
                timeout_seconds=settings.ai_classify_seconds,
                effort=_effort(settings.ai_classify_effort),
            ),
            draft=RequestTemplate(
                prompt=load_prompt("draft"),
                schema=DraftAnswer(),
                model=getattr(settings, f"{provider}_draft_model"),
                max_tokens=5000,
                timeout_seconds=settings.ai_draft_seconds,
                effort=_effort(settings.ai_effort),
            ),
            summarize=RequestTemplate(
                prompt=load_prompt("summary"),
                schema=SummaryAnswer(),
                model=getattr(settings, f"{provider}_draft_model"),
                max_tokens=3000,
                timeout_seconds=settings.ai_draft_seconds,
                effort=_effort(settings.ai_effort),
            ),
            assist=RequestTemplate(
                prompt=load_prompt("assist"),
                schema=AssistAnswer(),
                model=getattr(settings, f"{provider}_draft_model"),
                max_tokens=MAX_TOKENS,
                timeout_seconds=settings.ai_draft_seconds,
                effort=_effort(settings.ai_effort),
            ),
        )


def _effort(setting: str) -> Effort:
    return cast(Effort, setting)
