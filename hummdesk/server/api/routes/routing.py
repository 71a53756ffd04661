"""How waiting conversations are assigned."""

from hummdesk.server.api.call import Answer, Call
from hummdesk.server.context import ServerContext
from hummdesk.storage import routing


async def get_routing(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await routing.settings(tx)).wire())


async def update_routing(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        call.require_match((await routing.locked(tx)).wire())
        return Answer((await routing.update(tx, call.actor, **call.body)).wire())


async def update_team_routing(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        call.require_match((await routing.locked(tx)).wire())
        return Answer((await routing.update_team(tx, call.actor, call.path["teamId"], **call.body)).wire())
