"""Contacts."""

from hummdesk.server.api.call import Answer, Call, page_of
from hummdesk.server.context import ServerContext
from hummdesk.storage import contacts, page_visits
from hummdesk.storage.contacts import ContactChanges


async def upsert_contact(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        contact, _ = await contacts.upsert(tx, call.actor, ContactChanges(**call.body))
    return Answer(contact.wire())


async def list_contacts(context: ServerContext, call: Call) -> Answer:
    external_id, email, *_ = call.query["external_id"], call.query["email"]
    async with context.database.account(call.account_id) as tx:
        if external_id is not None or email is not None:
            only = await contacts.find(tx, external_id=external_id, email=email)
            return page_of("contacts", [] if only is None else [only.wire()], None)
        found, cursor = await contacts.page(
            tx, limit=call.query["limit"], cursor=call.query["cursor"], active=call.query["active"]
        )
    return page_of("contacts", [contact.wire() for contact in found], cursor)


async def get_contact(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await contacts.get(tx, call.id)).wire())


async def list_contact_pages(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        await contacts.get(tx, call.id)
        found = await page_visits.visits(tx, call.id)
    return Answer({"pages": [visit.wire() for visit in found]})


async def update_contact(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        call.require_match((await contacts.locked(tx, call.id)).wire())
        return Answer((await contacts.update(tx, call.actor, call.id, ContactChanges(**call.body))).wire())
