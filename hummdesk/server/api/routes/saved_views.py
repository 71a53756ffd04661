"""Saved views of the inbox: an agent's own, and those that admins share with all staff."""

from hummdesk.core.errors import Forbidden
from hummdesk.core.models import Person
from hummdesk.publish.events.inbox import SavedViewChanged
from hummdesk.server.api.call import Answer, Call
from hummdesk.server.context import ServerContext
from hummdesk.storage import saved_views
from hummdesk.storage.saved_views import SavedView


async def create_view(context: ServerContext, call: Call) -> Answer:
    _require_right(call.actor, is_shared=call.body["shared"])
    async with context.database.account(call.account_id) as tx:
        view = await saved_views.create(tx, call.actor, view_id=call.new_id, **call.body)
    return await _published(context, call, view)


async def list_views(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer({"views": [view.wire() for view in await saved_views.views(tx, call.actor)]})


async def get_view(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await saved_views.get(tx, call.actor, call.id)).wire())


async def update_view(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        old = await saved_views.locked(tx, call.actor, call.id)
        _require_right(call.actor, is_shared=old.owner_id is None)
        call.require_match(old.wire())
        view = await saved_views.update(tx, call.actor, old, **call.body)
    return await _published(context, call, view)


async def delete_view(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        view = await saved_views.locked(tx, call.actor, call.id)
        _require_right(call.actor, is_shared=view.owner_id is None)
        await saved_views.remove(tx, call.actor, view)
    await context.publisher.publish(SavedViewChanged.of(call.account_id, view, deleted=True))
    return Answer()


def _require_right(actor: Person, *, is_shared: bool) -> None:
    if is_shared and actor.role != "admin" and not actor.is_key:
        raise Forbidden("Only an API key or an admin shares views with all staff, and changes those")
    if not is_shared and actor.is_key:
        raise Forbidden("An API key has no views of its own; make a shared one")


async def _published(context: ServerContext, call: Call, view: SavedView) -> Answer:
    await context.publisher.publish(SavedViewChanged.of(call.account_id, view))
    return Answer(view.wire())
