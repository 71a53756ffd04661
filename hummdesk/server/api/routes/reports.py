"""Queues, loads and reports for supervisors."""

from hummdesk.core.clock import wire_time
from hummdesk.server.actions import reports as actions
from hummdesk.server.api.call import Answer, Call, page_of
from hummdesk.server.context import ServerContext
from hummdesk.storage import draft_reports
from hummdesk.storage.reports import Choice


async def get_queues(context: ServerContext, call: Call) -> Answer:
    return Answer(await actions.queues(context, call.actor))


async def get_report(context: ServerContext, call: Call) -> Answer:
    query = call.query
    return Answer(await actions.report(context, call.actor, actions.scope_of(query), by=query["by"]))


async def get_draft_report(context: ServerContext, call: Call) -> Answer:
    since, until = call.query["from"], call.query["to"]
    async with context.database.account(call.account_id) as tx:
        found = await draft_reports.report(tx, since=since, until=until)
    return Answer({"from": wire_time(since), "to": wire_time(until)} | found)


async def list_report_items(context: ServerContext, call: Call) -> Answer:
    query = call.query
    choice = Choice(figure=query["figure"], hour=query["hour"], without=query["without"])
    place = {"limit": query["limit"], "cursor": query["cursor"]}
    return page_of("items", *await actions.items(context, call.actor, actions.scope_of(query), choice, **place))
