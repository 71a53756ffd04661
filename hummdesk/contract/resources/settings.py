"""The settings of an account."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from hummdesk.contract.fields import Boolean, BoundedList, Integer, ListOf, Matching, Number, OneOf, Text
from hummdesk.contract.requests import Payload, Update

PROVIDERS = ("embedded", "anthropic", "openai")
READ_ON_VIEW = ("off", "assignee")
MAX_NAME = 100
MAX_ORIGINS = 50
MAX_TOKENS = 10**15
MAX_DOLLARS = 10.0**9
MAX_DAYS = 36_500
MAX_TITLE = 60
MAX_GREETING = 200
MAX_RULES = 3
MAX_PROFILE = 2_000
MAX_POLICIES = 8_000
PRE_CHAT = ("off", "optional", "required")


def _origin() -> Matching:
    return Matching(r"self|https?://[^/\s?#@]+", what="an origin like https://shop.example, or `self`,", longest=255)


class LookTexts(Payload):
    title = Text(shortest=1, longest=MAX_TITLE)
    greeting = Text(shortest=1, longest=MAX_GREETING)


class LookLanguages(Payload):
    """The languages of the widget."""

    en = fields.Nested(LookTexts())
    de = fields.Nested(LookTexts())


class ProactiveTexts(Payload):
    en = Text(shortest=1, longest=MAX_GREETING)
    de = Text(shortest=1, longest=MAX_GREETING)

    @validates_schema
    def _something(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("Give a text.", "en")


class ProactiveRule(Payload):
    """A message that the widget shows once to a visitor who has no conversation yet: on pages whose path begins with
    `page`, after `afterSeconds`, to visitors who are new or returning. What is missing applies to all.
    """

    page = Matching(r"/[^\s?#]*", what="a path like `/boots`", longest=200)
    afterSeconds = Integer(least=0, most=3600)
    visitors = OneOf("all", "new", "returning")
    texts = fields.Nested(ProactiveTexts(), required=True)


class WidgetLook(Payload):
    """How the widget looks; what is missing has the default. Text on the color is black or white.

    `showTeam`, `askEmail` and `namePage` are true by default: names of agents who are online are shown, visitors are
    asked for an e-mail address after their first message, and are named by their first page. `recordPages`, false by
    default, records the pages that customers open while the widget is connected. `preChat` asks for name and e-mail
    address before the first message, `off` by default.
    """

    color = Matching("#[0-9a-f]{6}", what="a color like `#0b5f59`", longest=7)
    position = OneOf("left", "right")
    texts = fields.Nested(LookLanguages())
    showTeam = Boolean()
    askEmail = Boolean()
    namePage = Boolean()
    recordPages = Boolean()
    preChat = OneOf(*PRE_CHAT)
    proactive = BoundedList(fields.Nested(ProactiveRule()), most=MAX_RULES)


class FileUsage(Schema):
    """The bytes of the account's files, with unfinished ones, and its quota, which is null without a limit."""

    bytes = Integer(least=0, most=2**63 - 1, required=True)
    quotaBytes = Integer(least=1, most=2**63 - 1, required=True, allow_none=True)


class SettingsUpdate(Update):
    """What is to be changed. null is the server's default, for `retentionDays` no limit; a budget of 0 is unlimited.

    A draft with less confidence than `aiMinConfidence` is not shown. External models draft with `aiCompany`, `aiVoice`
    and `aiPolicies`: what the company is, how it writes and what each reply follows. `widgetLook` replaces the whole
    look. `readOnView` says whether an agent's view of an assigned conversation marks it as read.
    """

    name = Text(shortest=1, longest=MAX_NAME)
    aiProvider = OneOf(*PROVIDERS, allow_none=True, attribute="ai_provider")
    aiDailyTokens = Integer(least=0, most=MAX_TOKENS, allow_none=True, attribute="ai_daily_tokens")
    aiDailyDollars = Number(most=MAX_DOLLARS, allow_none=True, attribute="ai_daily_dollars")
    aiMinConfidence = Number(most=1, allow_none=True, attribute="ai_min_confidence")
    aiCompany = Text(longest=MAX_PROFILE, attribute="ai_company")
    aiVoice = Text(longest=MAX_PROFILE, attribute="ai_voice")
    aiPolicies = Text(longest=MAX_POLICIES, attribute="ai_policies")
    widgetOrigins = BoundedList(_origin(), most=MAX_ORIGINS, attribute="widget_origins")
    widgetLook = fields.Nested(WidgetLook(), allow_none=True, attribute="widget_look")
    retentionDays = Integer(least=1, most=MAX_DAYS, allow_none=True, attribute="retention_days")
    readOnView = OneOf(*READ_ON_VIEW, attribute="read_on_view")


class AccountSettings(Schema):
    name = Text(required=True, shortest=1, longest=10_000)
    aiProvider = OneOf(*PROVIDERS, required=True, allow_none=True)
    aiDailyTokens = Integer(least=0, most=2**63 - 1, required=True, allow_none=True)
    aiDailyDollars = Number(most=1e99, required=True, allow_none=True)
    aiMinConfidence = Number(most=1, required=True, allow_none=True)
    aiCompany = Text(longest=10_000, required=True)
    aiVoice = Text(longest=10_000, required=True)
    aiPolicies = Text(longest=10_000, required=True)
    widgetOrigins = ListOf(Text(longest=10_000), required=True)
    widgetLook = fields.Nested(WidgetLook(), required=True)
    retentionDays = Integer(least=1, most=2**31 - 1, required=True, allow_none=True)
    readOnView = OneOf(*READ_ON_VIEW, required=True)
