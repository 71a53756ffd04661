"""Whether the account is open."""

from datetime import UTC, datetime
from uuid import UUID

from hummdesk.routing.availability import availability
from hummdesk.routing.hours import is_known, load_calendar
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import hours as stored
from hummdesk.storage.hours import BusinessHours


async def get_availability(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    person = session.authenticated_person
    hours = await context.hours.of(person.account_id)
    await load_calendar(hours)
    is_hidden = not person.is_staff and hours.outside == "queue"
    if is_hidden or not is_known(hours.time_zone):
        return {"isOpen": True}
    answer = availability(person.account_id, hours, await _now(context, person.account_id, hours)).payload()
    del answer["timestamp"]
    return answer


async def _now(context: ServerContext, account_id: UUID, hours: BusinessHours) -> datetime:
    """The time of PostgreSQL, which `availability_changed` follows: between two clocks a client could miss a change."""
    if not hours.is_enabled:
        return datetime.now(UTC)
    async with context.database.account(account_id) as tx:
        return await stored.now(tx)
