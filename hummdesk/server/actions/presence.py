"""The presence of agents."""

from uuid import UUID

from hummdesk.core.clock import wire_time
from hummdesk.server.context import Payload, ServerContext
from hummdesk.storage import people


async def agents(context: ServerContext, account_id: UUID) -> list[Payload]:
    """The active agents and admins of an account with their status."""
    async with context.database.account(account_id) as tx:
        colleagues = await people.colleagues(tx)
    present = await context.presence.statuses(account_id)
    found = []
    for colleague in colleagues:
        agent = {
            "agentId": str(colleague.id),
            "name": colleague.name,
            "email": colleague.email,
            "status": present.get(colleague.id, "offline"),
        }
        if colleague.last_seen_at is not None:
            agent["lastSeenAt"] = wire_time(colleague.last_seen_at)
        found.append(agent)
    return found
