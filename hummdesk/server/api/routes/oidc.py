"""The identity provider of the account."""

from hummdesk.core.config import SettingsError
from hummdesk.core.errors import Conflict, NotFound
from hummdesk.server.api.call import Answer, Call
from hummdesk.server.context import ServerContext
from hummdesk.storage import oidc


async def get_oidc(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer(await oidc.described(tx, call.account_id, context.settings))


async def put_oidc(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        if await oidc.locked(tx) is not None:
            call.require_match(await oidc.described(tx, call.account_id, context.settings))
        elif call.if_match:
            raise NotFound("This account has no identity provider")
        try:
            await oidc.put_body(tx, call.actor, call.account_id, call.body, context.settings)
        except SettingsError:
            raise Conflict("The server stores no secrets, as ENCRYPTION_KEYS is not set") from None
        return Answer(await oidc.described(tx, call.account_id, context.settings))


async def remove_oidc(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        if not await oidc.remove(tx, call.actor, call.account_id):
            raise NotFound("This account has no identity provider")
    return Answer()
