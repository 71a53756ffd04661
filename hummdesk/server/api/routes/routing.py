"""How waiting conversations are assigned."""

from hummdesk.server.api.call import Answer, Call
from hummdesk.server.context import ServerContext
from hummdesk.storage import routing


async def get_routing(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await routing.settings(tx)).wire())


async def put_routing(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        call.require_match((await routing.settings(tx)).wire())
        return Answer((await routing.update(tx, call.actor, **call.body)).wire())


async def put_team_routing(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        call.require_match((await routing.settings(tx)).wire())
        return Answer((await routing.update_team(tx, call.actor, call.path["teamId"], **call.body)).wire())
