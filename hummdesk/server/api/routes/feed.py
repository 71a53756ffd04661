"""The feed."""

from hummdesk.core.models import Person
from hummdesk.publish.feed import FeedPage, page
from hummdesk.server.api.call import Answer, Call
from hummdesk.server.context import ServerContext


async def get_feed(context: ServerContext, call: Call) -> Answer:
    """Answer with the next events as soon as there are any, at the latest after `wait` seconds."""
    after, limit, wait = call.query["after"], call.query["limit"], call.query["wait"]
    if after is None or not wait:
        return Answer((await _read(context, call.actor, after, limit)).wire())
    with context.feed_polls.poll(call.actor, seconds=wait) as poll:
        await context.reader.follow(call.account_id)
        found = await _read(context, call.actor, after, limit)
        while not found.events and await poll.wait():
            found = await _read(context, call.actor, after, limit)
    return Answer(found.wire())


async def _read(context: ServerContext, actor: Person, after: int | None, limit: int) -> FeedPage:
    async with context.feed_polls.reading, context.database.account(actor.account_id) as tx:
        return await page(tx, after=after, limit=limit)
