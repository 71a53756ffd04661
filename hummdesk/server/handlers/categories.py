"""The names of the account's own categories and tags of messages."""

from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import categories


async def get_categories(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    async with context.database.account(session.authenticated_person.account_id) as tx:
        found = await categories.get(tx)
    names = [{"key": one.key, "name": one.name, "description": one.description} for one in found.own]
    tags = [{"key": one.key, "name": one.name} for one in found.tags]
    return {"enabled": found.is_enabled, "categories": names, "tags": tags}
