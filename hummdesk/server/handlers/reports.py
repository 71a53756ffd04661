"""Queues, loads and reports for supervisors."""

from hummdesk.server.actions import reports as actions
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession


async def get_queues(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    return await actions.queues(context, session.authenticated_person)


async def get_report(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    return await actions.report(context, session.authenticated_person, actions.scope_of(payload), by=payload["by"])
