"""Labels of conversations."""

from hummdesk.core.errors import Conflict
from hummdesk.publish.events.inbox import LabelChanged
from hummdesk.server.api.call import Answer, Call, page_of
from hummdesk.server.context import ServerContext
from hummdesk.storage import labels
from hummdesk.storage.labels import Label


async def create_label(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        label, _ = await labels.create(tx, call.actor, label_id=call.new_id, **call.body)
    if label.id != call.new_id:
        raise Conflict("A label has this name", details={"id": str(label.id)})
    return await _published(context, call, label)


async def list_labels(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        found, cursor = await labels.page(tx, **call.query)
    return page_of("labels", [label.wire() for label in found], cursor)


async def get_label(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await labels.get(tx, call.id)).wire())


async def update_label(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        call.require_match((await labels.locked(tx, call.id)).wire())
        label = await labels.update(tx, call.actor, call.id, **call.body)
    return await _published(context, call, label)


async def _published(context: ServerContext, call: Call, label: Label) -> Answer:
    await context.publisher.publish(LabelChanged.of(call.account_id, label))
    return Answer(label.wire())
