"""Who is there, who is typing."""

from hummdesk.bus.presence import Status
from hummdesk.core.clock import wire_time
from hummdesk.core.errors import Forbidden
from hummdesk.core.models import Person
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import people, teams


async def agent_online(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    await _change(context, session.who, "online")
    return {}


async def agent_offline(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    """Offline by hand: until `agent_online` or a new session."""
    await _change(context, session.who, "offline")
    return {}


async def set_agent_status(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    agent, status = session.who, payload["status"]
    before = await context.presence.change(agent.account_id, agent.id, status)
    if (before == "offline") != (status == "offline"):
        await _announce(context, agent, status)
    told = await context.broadcast.agent_status_changed(agent=agent, old=before, new=status)
    await _settle(context, agent, status)
    return told


async def _change(context: ServerContext, agent: Person, status: Status) -> None:
    before = await context.presence.change(agent.account_id, agent.id, status)
    await _announce(context, agent, status)
    if before != status:
        await context.broadcast.agent_status_changed(agent=agent, old=before, new=status)
    await _settle(context, agent, status)


async def _announce(context: ServerContext, agent: Person, status: Status) -> None:
    if status == "offline":
        await _gone(context, agent)
    else:
        await context.broadcast.presence("agent_online", agent=agent, status=status)


async def tell(context: ServerContext, agent: Person, status: Status) -> None:
    """Tell that an agent has come or gone, or has another status."""
    await _announce(context, agent, status)
    await _settle(context, agent, status)


async def _settle(context: ServerContext, agent: Person, status: Status) -> None:
    """This has been told. Tell how it stands until what was told last is that.

    Two processes may tell in another order than they brought it about; whoever tells of the older one last finds out.
    """
    while (stands := await context.presence.told(agent.account_id, agent.id)) != status:
        status = stands
        await _announce(context, agent, status)


async def _gone(context: ServerContext, agent: Person) -> None:
    """Note when an agent was last seen, and tell the account."""
    async with context.database.account(agent.account_id) as tx:
        seen_at = await people.seen(tx, user_id=agent.id)
    await context.broadcast.presence("agent_offline", agent=agent, status="offline", last_seen_at=wire_time(seen_at))


async def get_presence(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    account_id = session.who.account_id
    async with context.database.account(account_id) as tx:
        colleagues = await people.colleagues(tx)
    present = await context.presence.statuses(account_id)
    agents = []
    for colleague in colleagues:
        agent = {
            "agentId": str(colleague.id),
            "name": colleague.name,
            "email": colleague.email,
            "status": present.get(colleague.id, "offline"),
        }
        if colleague.last_seen_at is not None:
            agent["lastSeenAt"] = wire_time(colleague.last_seen_at)
        agents.append(agent)
    return {"agents": agents}


async def get_teams(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    async with context.database.account(session.who.account_id) as tx:
        found = await teams.teams(tx, [session.who.account_id])
    return {"teams": [team.wire() for team in found]}


async def typing_start(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    _require_joined(session, payload)
    await context.typing.start(session, payload["conversationId"])
    return {}


async def typing_stop(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    _require_joined(session, payload)
    await context.typing.stop(session, payload["conversationId"])
    return {}


def _require_joined(session: ClientSession, payload: Payload) -> None:
    """A conversation that was not joined is not looked up: that it is foreign or absent is not told."""
    if payload["conversationId"] not in session.joined:
        raise Forbidden("Join the conversation first")
