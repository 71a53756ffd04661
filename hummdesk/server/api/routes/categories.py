"""The categories and tags of messages of the account."""

from hummdesk.server.api.call import Answer, Call
from hummdesk.server.context import ServerContext
from hummdesk.storage import categories
from hummdesk.storage.categories import Categories, tags_of


async def get_categories(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await categories.get(tx)).wire())


async def put_categories(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        call.require_match((await categories.locked(tx)).wire())
        return Answer((await categories.put(tx, call.actor, call.account_id, Categories.of(call.body))).wire())


async def get_tags(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await categories.get(tx)).tags_wire())


async def put_tags(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        call.require_match((await categories.locked(tx)).tags_wire())
        return Answer((await categories.put_tags(tx, call.actor, call.account_id, tags_of(call.body))).tags_wire())
