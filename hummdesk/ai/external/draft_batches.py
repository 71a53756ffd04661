"""Drafts of an external model that are requested in a batch: at half the price, answered within a day."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from hummdesk.ai.external import pricing
from hummdesk.ai.external.batch_client import BatchAnswer, BatchClient
from hummdesk.ai.external.draft_request import DraftRequest
from hummdesk.ai.external.profiles import with_profile
from hummdesk.ai.external.provider import estimated_usage, parsed
from hummdesk.ai.external.request_templates import RequestTemplate
from hummdesk.ai.protocol import Context, Draft, IncomingMessage, Knowledge, Profile, ProviderError, ProviderRefused
from hummdesk.core.models import ModelCall, Reservation, TokenUsage

log = logging.getLogger(__name__)

_NOTHING = TokenUsage()


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Of one request before it is sent. A model without a price costs no dollars."""

    tokens: int
    """Of the input: the output is not known before."""
    dollars: Decimal
    most_tokens: int
    """With the longest output."""
    most_dollars: Decimal


class DraftBatches:
    """Requests are stored by the caller between `prepare` and `read`: an answer may come after a restart."""

    def __init__(self, provider: str, client: BatchClient, template: RequestTemplate, prices: pricing.Prices) -> None:
        self.provider = provider
        self.client = client
        self._template = template
        self._prices = prices

    def prepare(self, message: IncomingMessage, context: Context, knowledge: Knowledge) -> dict[str, Any]:
        """Return the request for a draft as JSON, with the model and the prompt that it is for."""
        return DraftRequest.of(self._template.prompt, message, context, knowledge).stored() | self._used

    def is_current(self, request: Mapping[str, Any]) -> bool:
        """Return whether the request is for the model and the prompt of this process."""
        return all(request.get(name) == value for name, value in self._used.items())

    def estimate(self, request: Mapping[str, Any], profile: Profile) -> Estimate:
        template = with_profile(self._template, profile)
        usage = estimated_usage(template.request(self._stored(request).turns))
        longest = TokenUsage(input=usage.input, output=template.max_tokens)
        return Estimate(
            tokens=usage.total,
            dollars=self._cost(usage) or Decimal(0),
            most_tokens=longest.total,
            most_dollars=self._cost(longest) or Decimal(0),
        )

    async def submit(self, requests: Mapping[UUID, Mapping[str, Any]], profile: Profile) -> str:
        """Submit the prepared requests, and return the id of the batch. Raises ProviderError."""
        template = with_profile(self._template, profile)
        return await self.client.submit(
            {str(id): template.request(self._stored(request).turns) for id, request in requests.items()}
        )

    def read(
        self, request: Mapping[str, Any], answer: BatchAnswer, reservation: Reservation | None
    ) -> tuple[Draft | None, ModelCall]:
        """Return the draft of an answer, None if it failed, and the call with its cost.

        An answer that does not fit the schema has failed: another one would take another batch.
        """
        if answer.completion is None:
            return None, self.call(answer.code, request, reservation=reservation)
        usage = answer.completion.usage
        try:
            found = parsed(self._template.schema, answer.completion)
        except ProviderError as failure:
            return None, self.call(failure.code, request, usage, reservation)
        call = self.call("ok", request, usage, reservation)
        try:
            return self._stored(request).read(found, provider=self.provider), call
        except ProviderRefused:
            return None, call
        except Exception as error:  # of the checks: the other answers of the batch are stored
            log.exception("ai_batch.answer_not_read", exc_info=error)
            return None, call

    def call(
        self,
        outcome: str,
        request: Mapping[str, Any] | None = None,
        usage: TokenUsage = _NOTHING,
        reservation: Reservation | None = None,
    ) -> ModelCall:
        """Return the record of a request; None: it was erased. Its duration is 0: a batch waits for the provider."""
        used = self._used if request is None else request
        return ModelCall(
            provider=self.provider,
            model=used["model"],
            prompt=used["prompt"],
            outcome=outcome,
            usage=usage,
            cost=self._cost(usage, used["model"]),
            seconds=0.0,
            reservation=reservation,
        )

    def _stored(self, request: Mapping[str, Any]) -> DraftRequest:
        return DraftRequest.from_stored(self._template.prompt, request)

    @property
    def _used(self) -> dict[str, str]:
        return {"model": self._template.model, "prompt": self._template.prompt.label}

    def _cost(self, usage: TokenUsage, model: str | None = None) -> Decimal | None:
        return pricing.cost(self._prices, model or self._template.model, usage, share=pricing.BATCH_SHARE)
