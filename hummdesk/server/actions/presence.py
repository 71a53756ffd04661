"""The presence of agents."""

from collections.abc import Mapping
from uuid import UUID

from hummdesk.bus.presence import Status
from hummdesk.core.clock import wire_time
from hummdesk.core.errors import PayloadTooLarge
from hummdesk.server.context import Payload, ServerContext
from hummdesk.storage import people, photos
from hummdesk.storage.people import Colleague

AGENT_BYTES = 90
"""An agent has at least so many in an answer."""


async def agents(context: ServerContext, account_id: UUID) -> list[Payload]:
    """The active agents and admins of an account with their status.

    Raises PayloadTooLarge, before it loads more than an answer can have.
    """
    most = context.settings.max_answer_bytes // AGENT_BYTES
    async with context.database.account(account_id) as tx:
        colleagues = await people.colleagues(tx, limit=most + 1)
    if len(colleagues) > most:
        raise PayloadTooLarge("The account has too many agents for one answer; list them by pages over REST")
    present = await context.presence.statuses(account_id)
    return [_agent(account_id, colleague, present) for colleague in colleagues]


async def page(
    context: ServerContext, account_id: UUID, *, limit: int, cursor: str | None
) -> tuple[list[Payload], str | None]:
    """A page of them, newest first, and the cursor of the next one. Raises Invalid for a bad cursor."""
    async with context.database.account(account_id) as tx:
        colleagues, following = await people.colleagues_page(tx, limit=limit, cursor=cursor)
    present = await context.presence.statuses(account_id, [colleague.id for colleague in colleagues])
    return [_agent(account_id, colleague, present) for colleague in colleagues], following


def _agent(account_id: UUID, colleague: Colleague, present: Mapping[UUID, Status]) -> Payload:
    agent = {
        "agentId": str(colleague.id),
        "name": colleague.name,
        "email": colleague.email,
        "status": present.get(colleague.id, "offline"),
    }
    if colleague.last_seen_at is not None:
        agent["lastSeenAt"] = wire_time(colleague.last_seen_at)
    if colleague.photo_version is not None:
        agent["photo"] = photos.path_of(account_id, colleague.id, colleague.photo_version)
    return agent
