"""The presence of agents, the teams, and typing."""

from hummdesk.bus.presence import Status
from hummdesk.core.errors import Forbidden
from hummdesk.core.models import Person
from hummdesk.publish.events.presence import AgentStatusChanged
from hummdesk.server.actions import presence
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import teams


async def agent_online(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    await _change(context, session.authenticated_person, "online")
    return {}


async def agent_offline(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    """Go offline by hand, until `agent_online` or a new session."""
    await _change(context, session.authenticated_person, "offline")
    return {}


async def _change(context: ServerContext, agent: Person, status: Status) -> None:
    before = await context.presence.change(agent.account_id, agent.id, status)
    changes = [AgentStatusChanged.of(agent, old=before, new=status)] if before != status else []
    await context.presence_publisher.publish(agent, status, *changes)
    context.router.wake(agent.account_id)


async def set_agent_status(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    agent, status = session.authenticated_person, payload["status"]
    before = await context.presence.change(agent.account_id, agent.id, status)
    changed = AgentStatusChanged.of(agent, old=before, new=status)
    if (before == "offline") != (status == "offline"):
        await context.presence_publisher.publish(agent, status, changed)
    else:
        await context.presence_publisher.confirm(agent, status, changed)
    context.router.wake(agent.account_id)
    return changed.payload()


async def get_presence(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    return {"agents": await presence.agents(context, session.authenticated_person.account_id)}


async def get_teams(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    async with context.database.account(session.authenticated_person.account_id) as tx:
        found = await teams.teams(tx, [session.authenticated_person.account_id])
    return {"teams": [team.wire() for team in found]}


async def typing_start(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    _require_joined(session, payload)
    if payload["private"] and not session.authenticated_person.is_staff:
        raise Forbidden("Customers cannot write private notes")
    await context.typing.start(session, payload["conversationId"], private=payload["private"])
    return {}


async def typing_stop(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    _require_joined(session, payload)
    await context.typing.stop(session, payload["conversationId"])
    return {}


def _require_joined(session: ClientSession, payload: Payload) -> None:
    """Refuse without a query, so that the answer does not show whether the conversation exists."""
    if payload["conversationId"] not in session.joined:
        raise Forbidden("Join the conversation first")
