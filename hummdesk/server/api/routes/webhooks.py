"""Webhooks and the log of their deliveries."""

from hummdesk.core.clock import wire_time
from hummdesk.core.encryption import Encryption
from hummdesk.core.errors import NotFound, Unavailable
from hummdesk.core.webhooks import check_url
from hummdesk.server.api.call import Answer, Call, page_of
from hummdesk.server.context import ServerContext
from hummdesk.storage import feed, page_cursor, webhook_deliveries, webhooks


async def create_webhook(context: ServerContext, call: Call) -> Answer:
    url, events, after = call.body["url"], call.body["events"], call.body["after"]
    check_url(context.settings, url)
    encryption = _encryption(context)
    async with context.database.account(call.account_id) as tx:
        after = await feed.sequence(tx) if after is None else after
        webhook, secret = await webhooks.add(
            tx,
            encryption,
            call.actor,
            call.account_id,
            url=url,
            events=events,
            after=after,
            webhook_id=call.new_id,
        )
    return Answer(webhook.wire() | {"secret": secret})


async def list_webhooks(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        found, cursor = await webhooks.page(tx, **call.query)
    return page_of("webhooks", [webhook.wire() for webhook in found], cursor)


async def get_webhook(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await webhooks.get(tx, call.id)).wire())


async def update_webhook(context: ServerContext, call: Call) -> Answer:
    if "url" in call.body:
        check_url(context.settings, call.body["url"])
    async with context.database.account(call.account_id) as tx:
        call.require_match((await webhooks.lock(tx, call.id)).wire())
        return Answer((await webhooks.update(tx, call.actor, call.id, **call.body)).wire())


async def get_webhook_state(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await webhooks.state(tx, call.id)).wire())


async def rotate_webhook_secret(context: ServerContext, call: Call) -> Answer:
    encryption = _encryption(context)
    async with context.database.account(call.account_id) as tx:
        secret, until = await webhooks.rotate_secret(tx, encryption, call.actor, call.account_id, call.id)
    return Answer({"id": str(call.id), "secret": secret, "previousSecretUntil": wire_time(until)})


async def test_webhook(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        await webhook_deliveries.add_test(tx, call.id)
    return Answer({"queued": 1})


async def list_webhook_deliveries(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        await webhooks.get(tx, call.id)
        found, cursor = await webhook_deliveries.page(tx, call.id, **call.query)
    return page_of("deliveries", [delivery.wire() for delivery in found], cursor)


async def replay_webhook_delivery(context: ServerContext, call: Call) -> Answer:
    number = call.path["number"]
    if not number.isascii() or not number.isdigit() or len(number) > page_cursor.LONGEST_NUMBER:
        raise NotFound
    async with context.database.account(call.account_id) as tx:
        return Answer({"queued": await webhook_deliveries.replay(tx, call.actor, call.id, int(number))})


async def replay_webhook(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        if "after" in call.body:
            await webhooks.rewind(tx, call.actor, call.id, after=call.body["after"])
            return Answer({})
        await webhooks.get(tx, call.id)
        return Answer({"queued": await webhook_deliveries.replay_set_aside(tx, call.actor, call.id)})


def _encryption(context: ServerContext) -> Encryption:
    """Raises Unavailable without ENCRYPTION_KEYS."""
    encryption = Encryption.of(context.settings)
    if not encryption.can_encrypt:
        raise Unavailable("The server cannot store secrets: its operator has to set ENCRYPTION_KEYS")
    return encryption
