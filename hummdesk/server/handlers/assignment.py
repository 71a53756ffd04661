"""Moves of conversations: assign, unassign, claim, release; and the last decision of routing."""

from hummdesk.server.actions import assignments, decisions
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession


async def assign_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    whom = {"agent_id": payload["agentId"], "team_id": payload["teamId"], "note": payload["note"]}
    return await assignments.assign(context, session.authenticated_person, payload["conversationId"], **whom)


async def unassign_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    actor, conversation_id = session.authenticated_person, payload["conversationId"]
    return await assignments.unassign(context, actor, conversation_id, reason=payload["reason"])


async def claim_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    claimed = await assignments.claim(context, session.authenticated_person, payload["conversationId"])
    return claimed.payload()


async def release_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    return await assignments.release(context, session.authenticated_person, payload["conversationId"])


async def get_decision(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    return await decisions.last(context, session.authenticated_person, payload["conversationId"])
