"""The settings of an account."""

from typing import Any

from marshmallow import Schema, ValidationError, validates_schema

from hummdesk.contract.fields import BoundedList, Integer, ListOf, Matching, Number, OneOf, Text
from hummdesk.contract.requests import Payload

PROVIDERS = ("embedded", "anthropic", "openai")
MAX_NAME = 100
MAX_ORIGINS = 50
MAX_TOKENS = 10**15
MAX_DOLLARS = 10.0**9
MAX_DAYS = 36_500


def _origin() -> Matching:
    return Matching(r"self|https?://[^/\s?#@]+", what="an origin like https://shop.example, or `self`,", longest=255)


class SettingsUpdate(Payload):
    """What is to be changed. null is the server's default, for `retentionDays` no limit; a budget of 0 is unlimited."""

    name = Text(shortest=1, longest=MAX_NAME)
    aiProvider = OneOf(*PROVIDERS, allow_none=True, attribute="ai_provider")
    aiDailyTokens = Integer(least=0, most=MAX_TOKENS, allow_none=True, attribute="ai_daily_tokens")
    aiDailyDollars = Number(most=MAX_DOLLARS, allow_none=True, attribute="ai_daily_dollars")
    widgetOrigins = BoundedList(_origin(), most=MAX_ORIGINS, attribute="widget_origins")
    retentionDays = Integer(least=1, most=MAX_DAYS, allow_none=True, attribute="retention_days")

    @validates_schema
    def _something(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("Give at least one field.")


class AccountSettings(Schema):
    name = Text(required=True, shortest=1, longest=10_000)
    aiProvider = OneOf(*PROVIDERS, required=True, allow_none=True)
    aiDailyTokens = Integer(least=0, most=2**63 - 1, required=True, allow_none=True)
    aiDailyDollars = Number(most=1e99, required=True, allow_none=True)
    widgetOrigins = ListOf(Text(longest=10_000), required=True)
    retentionDays = Integer(least=1, most=2**31 - 1, required=True, allow_none=True)
