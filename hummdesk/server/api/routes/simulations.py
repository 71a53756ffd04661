"""Simulations of drafts on closed conversations."""

from decimal import Decimal

from hummdesk.core.errors import Invalid
from hummdesk.server.api.call import Answer, Call, page_of
from hummdesk.server.context import ServerContext
from hummdesk.storage import simulations


async def start_simulation(context: ServerContext, call: Call) -> Answer:
    body = call.body
    if body["provider"] is not None and body["provider"] not in context.settings.providers:
        raise Invalid(details={"provider": ["The server has no API key for this provider."]})
    async with context.database.account(call.account_id) as tx:
        started = await simulations.start(
            tx,
            call.actor,
            id=call.new_id,
            since=body["since"],
            max_conversations=body["maxConversations"],
            max_dollars=Decimal(str(body["maxDollars"])),
            provider=body["provider"],
        )
    return Answer(started.wire())


async def list_simulations(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        found = await simulations.newest(tx)
    return Answer({"simulations": [one.wire() for one in found]})


async def get_simulation(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        simulation = await simulations.get(tx, call.id)
        return Answer(simulation.wire() | await simulations.figures(tx, call.id))


async def get_simulation_curve(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        await simulations.get(tx, call.id)
        return Answer({"curve": await simulations.curve(tx, call.id, call.query["category"])})


async def list_simulated_drafts(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return page_of("drafts", *await simulations.drafts(tx, call.id, **call.query))


async def cancel_simulation(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await simulations.cancel(tx, call.actor, call.id)).wire())


async def delete_simulation(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        await simulations.remove(tx, call.actor, call.id)
    return Answer()
