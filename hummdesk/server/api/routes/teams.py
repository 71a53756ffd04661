"""Teams and their members."""

from hummdesk.core.background import soon
from hummdesk.core.errors import Conflict
from hummdesk.publish.events.inbox import DirectoryChanged
from hummdesk.server.actions.changes import publish_moved
from hummdesk.server.api.call import Answer, Call, page_of
from hummdesk.server.context import ServerContext
from hummdesk.storage import teams, users
from hummdesk.storage.teams import ManagedTeam


async def create_team(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        team, _ = await teams.create(tx, call.actor, team_id=call.new_id, **call.body)
    if team.id != call.new_id:
        raise Conflict("A team has this name", details={"id": str(team.id)})
    return await _published(context, call, None, team)


async def list_teams(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        found, cursor = await teams.page(tx, **call.query)
    return page_of("teams", [team.wire() for team in found], cursor)


async def get_team(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await teams.get(tx, call.id)).wire())


async def update_team(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        before = await teams.locked(tx, call.id)
        call.require_match(before.wire())
        team, moved = await teams.update(tx, call.actor, call.id, **call.body)
    soon(publish_moved(context, moved))
    return await _published(context, call, before, team)


async def list_team_members(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        await teams.get(tx, call.id)
        found, cursor = await users.page(tx, team_id=call.id, **call.query)
    return page_of("users", [user.wire() for user in found], cursor)


async def add_team_members(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        before = await teams.locked(tx, call.id)
        team = await teams.add_members(tx, call.actor, call.id, call.body["user_ids"])
    return await _published(context, call, before, team)


async def remove_team_member(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        before = await teams.locked(tx, call.id)
        team = await teams.remove_members(tx, call.actor, call.id, [call.path["userId"]])
    return await _published(context, call, before, team)


async def _published(context: ServerContext, call: Call, before: ManagedTeam | None, team: ManagedTeam) -> Answer:
    """Return the team, whose change is published if it differs from before."""
    if team != before:
        await context.publisher.publish(DirectoryChanged(account_id=call.account_id, part="teams"))
    return Answer(team.wire())
