"""Whether the account is open."""

from datetime import UTC, datetime

from hummdesk.routing.availability import availability
from hummdesk.routing.hours import load_calendar
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.sockets import ClientSession


async def get_availability(context: ServerContext, session: ClientSession, _: Payload) -> Payload:
    person = session.authenticated_person
    hours = await context.hours.of(person.account_id)
    await load_calendar(hours)
    if not person.is_staff and hours.outside == "queue":
        return {"isOpen": True}
    answer = availability(person.account_id, hours, datetime.now(UTC)).payload()
    del answer["timestamp"]
    return answer
