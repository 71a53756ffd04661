"""Requests of the widget beside the conversations: details of the customer, visits to pages, and who answers."""

from hummdesk.core.background import soon
from hummdesk.server.actions.read_receipts import publish_change
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import page_visits, visitors


async def state_details(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    customer = session.authenticated_person
    stated = {"email": payload["email"], "name": payload["name"]}
    async with context.database.account(customer.account_id) as tx:
        shown = await visitors.state_details(tx, contact_id=customer.id, **stated)
    for one in shown:
        soon(publish_change(context, customer.account_id, one.conversation_id, one.entry_id))
    return {}


async def visit_page(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    customer = session.authenticated_person
    await context.rate_limits.require_page(customer)
    page = {"address": payload["url"], "title": payload["title"], "own_origin": context.settings.public_address}
    async with context.database.account(customer.account_id) as tx:
        await page_visits.add(tx, contact_id=customer.id, **page)
    return {}


async def get_introduction(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    return (await context.introductions.of(session.authenticated_person.account_id)).wire()
