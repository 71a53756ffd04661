"""Users."""

from datetime import UTC, datetime, timedelta

from hummdesk.core.background import soon
from hummdesk.core.clock import wire_time
from hummdesk.core.errors import Conflict
from hummdesk.publish.events.inbox import DirectoryChanged
from hummdesk.server.actions.changes import publish_moved
from hummdesk.server.api.call import Answer, Call, page_of
from hummdesk.server.context import ServerContext
from hummdesk.storage import sign_in_links, users
from hummdesk.storage.users import User, UserChanges


async def create_user(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        user, _ = await users.create(tx, call.actor, user_id=call.new_id, **call.body)
    if user.id != call.new_id:
        raise Conflict("A user has this e-mail address", details={"id": str(user.id)})
    return await _published(context, call, None, user)


async def list_users(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        found, cursor = await users.page(tx, **call.query)
    return page_of("users", [user.wire() for user in found], cursor)


async def get_user(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await users.get(tx, call.id)).wire())


async def update_user(context: ServerContext, call: Call) -> Answer:
    changes = call.body
    if changes.get("capacity", 0) is None:
        changes = changes | {"capacity": "queue"}
    return await _changed(context, call, UserChanges(**changes))


async def disable_user(context: ServerContext, call: Call) -> Answer:
    return await _changed(context, call, UserChanges(active=False))


async def enable_user(context: ServerContext, call: Call) -> Answer:
    return await _changed(context, call, UserChanges(active=True))


async def create_sign_in_link(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        secret = await sign_in_links.create_link(tx, call.id, actor=call.actor)
    expires_at = datetime.now(UTC) + timedelta(seconds=sign_in_links.LINK_SECONDS)
    url = sign_in_links.url_of(context.settings, secret)
    return Answer({"signInUrl": url, "expiresAt": wire_time(expires_at)})


async def _changed(context: ServerContext, call: Call, changes: UserChanges) -> Answer:
    async with context.database.account(call.account_id) as tx:
        before = await users.locked(tx, call.id)
        call.require_match(before.wire())
        user, unassigned = await users.update(tx, call.actor, call.id, changes)
    soon(publish_moved(context, unassigned))
    return await _published(context, call, before, user)


async def _published(context: ServerContext, call: Call, before: User | None, user: User) -> Answer:
    """Return the user, whose change is published if it differs from before."""
    if user != before:
        await context.publisher.publish(DirectoryChanged(account_id=call.account_id, part="agents"))
    return Answer(user.wire())
