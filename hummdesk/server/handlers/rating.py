"""Ratings of closed conversations and verdicts about automatic answers, by their customers."""

from hummdesk.server.actions import ratings
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import automatic


async def rate_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    given = {"rating": payload["rating"], "comment": payload["comment"] or None}
    rated = await ratings.rate(context, session.authenticated_person, payload["conversationId"], **given)
    return rated.payload()


async def judge_answer(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    customer = session.authenticated_person
    async with context.database.account(customer.account_id) as tx:
        is_handed_over = await automatic.judge(tx, customer, payload["conversationId"], payload["verdict"])
    return {"handedOver": is_handed_over}
