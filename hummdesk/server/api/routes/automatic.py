"""Answers that the AI sends by itself."""

from hummdesk.core.clock import wire_time
from hummdesk.server.api.call import Answer, Call
from hummdesk.server.context import ServerContext
from hummdesk.storage import accounts, automatic
from hummdesk.storage.automatic import AutomaticAnswers


async def get_automatic_answers(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await automatic.settings(tx)).wire())


async def put_automatic_answers(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        await accounts.locked(tx)
        call.require_match((await automatic.settings(tx)).wire())
        new = AutomaticAnswers.of(call.body)
        return Answer((await automatic.put(tx, call.actor, call.account_id, new)).wire())


async def get_automatic_report(context: ServerContext, call: Call) -> Answer:
    since, until = call.query["from"], call.query["to"]
    async with context.database.account(call.account_id) as tx:
        found = await automatic.report(tx, since=since, until=until)
    return Answer({"from": wire_time(since), "to": wire_time(until)} | found)
