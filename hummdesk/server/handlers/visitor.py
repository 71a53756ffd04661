"""What the widget asks beside the conversations: details of the customer, and who answers."""

from hummdesk.core.background import soon
from hummdesk.server.actions.read_receipts import publish_change
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import visitors


async def state_details(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    customer = session.authenticated_person
    stated = {"email": payload["email"], "name": payload["name"]}
    async with context.database.account(customer.account_id) as tx:
        shown = await visitors.state_details(tx, contact_id=customer.id, **stated)
    for one in shown:
        soon(publish_change(context, customer.account_id, one.conversation_id, one.entry_id))
    return {}


async def get_introduction(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    return (await context.introductions.of(session.authenticated_person.account_id)).wire()
