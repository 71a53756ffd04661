"""Help for one agent: a message translated, or what the agent is writing translated or rewritten."""

import math
from typing import Literal

from hummdesk.bus.assist_requests import AssistRequest
from hummdesk.core.assist import LANGUAGES, Assist
from hummdesk.core.config import Settings
from hummdesk.core.errors import Conflict, NotFound
from hummdesk.core.ids import new_id
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import accounts, ai_budgets, conversations, run_requests
from hummdesk.storage.database import Transaction

Reason = Literal["no_model", "budget_exhausted"]
REFUSALS: dict[Reason, str] = {
    "no_model": "The account has no external model, which this needs",
    "budget_exhausted": "The daily budget of the account is used up",
}


async def get_assistance(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    async with context.database.account(session.authenticated_person.account_id) as tx:
        reason = await _unavailable(tx, context.settings)
    return {"available": reason is None, "languages": list(LANGUAGES)} | ({"reason": reason} if reason else {})


async def request_assist(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    """Return the run that was started. Raises RateLimited, NotFound and Conflict."""
    agent, conversation_id, message_id = session.authenticated_person, payload["conversationId"], payload["messageId"]
    await context.rate_limits.require_ai(agent)
    wanted = Assist(
        kind=payload["kind"],
        text=payload["text"] or "",
        is_message=message_id is not None,
        language=payload["language"],
    )
    request, run_id = AssistRequest(requested_by=agent.id, wanted=wanted), new_id()
    async with context.database.account(agent.account_id) as tx:
        await conversations.check(tx, viewer=agent, conversation_id=conversation_id)
        if reason := await _unavailable(tx, context.settings):
            raise Conflict(REFUSALS[reason], details={"reason": reason})
        about = {"conversation_id": conversation_id, "message_id": message_id}
        if not await run_requests.assist(tx, run_id=run_id, **about):
            if message_id is not None:
                raise NotFound("The conversation has no such message, or it was withdrawn")
            raise Conflict("The conversation has no messages")
        # Before the commit: a worker may claim the run at once.
        seconds = math.ceil(context.settings.ai_deadline_seconds)
        await context.assists.save(agent.account_id, run_id, request, seconds=seconds)
    return {"runId": str(run_id)}


async def _unavailable(tx: Transaction, settings: Settings) -> Reason | None:
    """Return why no text can be translated or rewritten for the account, or None."""
    account = await accounts.get(tx)
    if (account.ai_provider or settings.ai_provider) == "embedded":
        return "no_model"
    return "budget_exhausted" if (await ai_budgets.own_budget(tx)).is_used_up(settings) else None
