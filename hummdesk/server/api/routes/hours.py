"""The business hours of the account."""

from hummdesk.core.background import in_thread
from hummdesk.routing.calendars import require_calendar
from hummdesk.server.api.call import Answer, Call
from hummdesk.server.context import ServerContext
from hummdesk.storage import hours
from hummdesk.storage.hours import BusinessHours


async def get_hours(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        return Answer((await hours.get(tx)).wire())


async def put_hours(context: ServerContext, call: Call) -> Answer:
    wanted = BusinessHours.of(call.body)
    await in_thread(lambda: require_calendar(wanted))  # imports the calendars of all countries
    async with context.database.account(call.account_id) as tx:
        call.require_match((await hours.locked(tx)).wire())
        return Answer((await hours.put(tx, call.actor, call.account_id, wanted)).wire())
