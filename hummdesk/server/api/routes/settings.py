"""The settings of an account."""

from decimal import Decimal

from hummdesk.core.errors import Invalid
from hummdesk.server.api.call import Answer, Call
from hummdesk.server.context import Payload, ServerContext
from hummdesk.storage import accounts, files


async def get_settings(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await accounts.get(tx)).settings())


async def update_settings(context: ServerContext, call: Call) -> Answer:
    changes = _changes(context, call.body)
    async with context.database.account(call.account_id) as tx:
        call.require_match((await accounts.locked(tx)).settings())
        return Answer((await accounts.update(tx, call.actor, **changes)).settings())


async def get_file_usage(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await files.usage(tx)).wire(context.settings.file_quota_bytes))


def _changes(context: ServerContext, body: Payload) -> Payload:
    """Raises Invalid for a provider without an API key."""
    provider, dollars = body.get("ai_provider"), body.get("ai_daily_dollars")
    if provider is not None and provider not in context.settings.providers:
        raise Invalid(details={"aiProvider": ["The server has no API key for this provider."]})
    changes = dict(body)
    if dollars is not None:
        changes["ai_daily_dollars"] = Decimal(str(dollars))
    if "widget_look" in body:
        changes["widget_look"] = body["widget_look"] or {}
    if "widget_origins" in body:
        changes["widget_origins"] = tuple(dict.fromkeys(body["widget_origins"]))
    return changes
