"""API keys."""

from hummdesk.core.errors import Conflict
from hummdesk.server.api.call import Answer, Call, page_of
from hummdesk.server.context import ServerContext
from hummdesk.storage import api_keys


async def create_key(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        key, text = await api_keys.create(tx, call.actor, call.account_id, key_id=call.new_id, **call.body)
        if text is None and key.id == call.new_id:  # its first text was in an answer that was lost
            key, text = await api_keys.rotate(tx, call.actor, call.account_id, key.id)
    if text is None:
        raise Conflict("An active key has this name", details={"id": str(key.id)})
    return Answer(key.wire() | {"key": text})


async def list_keys(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        found, cursor = await api_keys.page(tx, **call.query)
    return page_of("keys", [key.wire() for key in found], cursor)


async def get_key(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await api_keys.key(tx, call.id)).wire())


async def rotate_key(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        key, text = await api_keys.rotate(tx, call.actor, call.account_id, call.id)
    return Answer(key.wire() | {"key": text})


async def revoke_key(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await api_keys.revoke(tx, call.actor, call.id)).wire())
