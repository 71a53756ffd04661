"""AI runs on request: the draft of a reply, and a summary for the agent who takes over."""

from uuid import UUID

from hummdesk.core.errors import Conflict
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import conversations, draft_reports, run_requests
from hummdesk.storage.run_requests import RequestedKind

NOTHING_TO_DO: dict[RequestedKind, str] = {
    "draft": "No message of the customer waits for an answer, or the conversation is closed",
    "summary": "The conversation has no messages",
}


async def request_draft(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    return await _request(context, session, payload["conversationId"], "draft")


async def request_summary(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    return await _request(context, session, payload["conversationId"], "summary")


async def mark_draft(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    agent, conversation_id = session.authenticated_person, payload["conversationId"]
    async with context.database.account(agent.account_id) as tx:
        await conversations.check(tx, viewer=agent, conversation_id=conversation_id)
        about = {"conversation_id": conversation_id, "run_id": payload["runId"]}
        await draft_reports.mark(tx, mark=payload["mark"], **about)
    return {}


async def _request(
    context: ServerContext, session: ClientSession, conversation_id: UUID, kind: RequestedKind
) -> Payload:
    """Return the run that is current or was started. Raises RateLimited, NotFound and Conflict."""
    agent = session.authenticated_person
    await context.rate_limits.require_ai(agent)
    async with context.database.account(agent.account_id) as tx:
        await conversations.check(tx, viewer=agent, conversation_id=conversation_id)
        run_id = await run_requests.request(tx, conversation_id=conversation_id, kind=kind)
    if run_id is None:
        raise Conflict(NOTHING_TO_DO[kind])
    return {"runId": str(run_id)}
