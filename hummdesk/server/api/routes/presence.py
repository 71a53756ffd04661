"""The presence of agents."""

from hummdesk.server.actions import presence
from hummdesk.server.api.call import Answer, Call
from hummdesk.server.context import ServerContext


async def get_presence(context: ServerContext, call: Call) -> Answer:
    return Answer({"agents": await presence.agents(context, call.account_id)})
