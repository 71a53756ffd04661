"""The presence of agents."""

from hummdesk.server.actions import presence
from hummdesk.server.api.call import Answer, Call, page_of
from hummdesk.server.context import ServerContext


async def list_presence(context: ServerContext, call: Call) -> Answer:
    return page_of("agents", *await presence.page(context, call.account_id, **call.query))
