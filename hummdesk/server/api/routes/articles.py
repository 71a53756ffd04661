"""Knowledge articles and canned replies."""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any
from uuid import UUID, uuid5

from hummdesk.core.errors import NotFound
from hummdesk.server.api.call import Answer, Call, page_of
from hummdesk.server.context import ServerContext
from hummdesk.storage import articles
from hummdesk.storage.articles import Kind


async def create_article(context: ServerContext, call: Call) -> Answer:
    return await _create(context, call, "article")


async def list_articles(context: ServerContext, call: Call) -> Answer:
    return await _list(context, call, "article", "articles")


async def get_article(context: ServerContext, call: Call) -> Answer:
    return await _get(context, call, "article")


async def update_article(context: ServerContext, call: Call) -> Answer:
    return await _update(context, call, "article")


async def delete_article(context: ServerContext, call: Call) -> Answer:
    return await _delete(context, call, "article")


async def import_articles(context: ServerContext, call: Call) -> Answer:
    return await _import(context, call, "article", call.body["articles"])


async def list_article_drafts(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        await articles.get(tx, "article", call.id)
        found = await articles.drafts(tx, call.id, limit=call.query["limit"])
    return page_of("drafts", [draft.wire() for draft in found], None)


async def create_canned_reply(context: ServerContext, call: Call) -> Answer:
    return await _create(context, call, "canned_reply")


async def list_canned_replies(context: ServerContext, call: Call) -> Answer:
    return await _list(context, call, "canned_reply", "cannedReplies")


async def get_canned_reply(context: ServerContext, call: Call) -> Answer:
    return await _get(context, call, "canned_reply")


async def update_canned_reply(context: ServerContext, call: Call) -> Answer:
    return await _update(context, call, "canned_reply")


async def delete_canned_reply(context: ServerContext, call: Call) -> Answer:
    return await _delete(context, call, "canned_reply")


async def import_canned_replies(context: ServerContext, call: Call) -> Answer:
    return await _import(context, call, "canned_reply", call.body["cannedReplies"])


async def _create(context: ServerContext, call: Call, kind: Kind) -> Answer:
    async with context.database.account(call.account_id) as tx:
        await articles.put(tx, call.actor, kind, call.new_id, **call.body)
        return Answer((await articles.get(tx, kind, call.new_id)).wire(kind))


async def _list(context: ServerContext, call: Call, kind: Kind, name: str) -> Answer:
    async with context.database.account(call.account_id) as tx:
        found, cursor = await articles.page(tx, kind, **call.query)
    return page_of(name, [article.wire(kind) for article in found], cursor)


async def _get(context: ServerContext, call: Call, kind: Kind) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await articles.get(tx, kind, call.id)).wire(kind))


async def _update(context: ServerContext, call: Call, kind: Kind) -> Answer:
    async with context.database.account(call.account_id) as tx:
        call.require_match((await articles.locked(tx, kind, call.id)).wire(kind))
        return Answer((await articles.update(tx, call.actor, kind, call.id, **call.body)).wire(kind))


async def _delete(context: ServerContext, call: Call, kind: Kind) -> Answer:
    async with context.database.account(call.account_id) as tx:
        if not await articles.remove(tx, call.actor, kind, call.id):
            raise NotFound
    return Answer()


async def _import(context: ServerContext, call: Call, kind: Kind, given: list[dict[str, Any]]) -> Answer:
    changed = 0
    async with context.database.account(call.account_id) as tx:
        for article_id, values in sorted(_identified(call, given), key=itemgetter(0)):  # they lock in one order
            changed += await articles.put(tx, call.actor, kind, article_id, **values)
    return Answer({"changed": changed})


def _identified(call: Call, given: list[dict[str, Any]]) -> Iterator[tuple[UUID, dict[str, Any]]]:
    """The articles of an import with their ids; those of new ones are the same when the request is repeated."""
    for number, article in enumerate(given):
        values = {name: value for name, value in article.items() if name != "id"}
        named = article.get("id")
        yield uuid5(call.new_id, str(number)) if named is None else articles.id_of(call.account_id, named), values
