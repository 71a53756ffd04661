"""Tokens of users and contacts, and who the caller is."""

import time
from datetime import UTC, datetime
from uuid import UUID

from hummdesk.core import tokens
from hummdesk.core.clock import wire_time
from hummdesk.core.errors import Conflict, Invalid
from hummdesk.core.models import Person
from hummdesk.server.api.call import Answer, Call
from hummdesk.server.context import Payload, ServerContext
from hummdesk.storage import audit


async def create_token(context: ServerContext, call: Call) -> Answer:
    settings, seconds = context.settings, call.body["seconds"]
    if settings.jwt_algorithm != "HS256":
        raise Conflict(f"This server issues no tokens: JWT_ALGORITHM is {settings.jwt_algorithm}")
    longest = settings.jwt_max_hours * 3600
    if longest and seconds > longest:
        raise Invalid(details={"seconds": [f"Must be at most {int(longest)}, as JWT_MAX_HOURS."]})
    person = await _person(context, call.account_id, call.body)
    async with context.database.account(call.account_id) as tx:
        await audit.record(tx, call.actor, "token.issued", person.id, {"role": person.role, "seconds": seconds})
    expires_at = datetime.fromtimestamp(int(time.time()) + seconds, UTC)
    return Answer({"token": tokens.issue(settings, person, hours=seconds / 3600), "expiresAt": wire_time(expires_at)})


async def get_me(context: ServerContext, call: Call) -> Answer:
    actor = call.actor
    me: Payload = {
        "id": str(actor.id),
        "accountId": str(actor.account_id),
        "type": "key" if actor.is_key else "user",
        "name": actor.name,
        "role": actor.role,
    }
    return Answer(me if actor.is_key else me | {"email": actor.email})


async def _person(context: ServerContext, account_id: UUID, body: Payload) -> Person:
    field = "contactId" if "contactId" in body else "userId"
    person = await context.people.find(account_id, body[field], customer=field == "contactId")
    if person is None:
        raise Invalid(details={field: ["Not an active contact." if field == "contactId" else "Not an active user."]})
    return person
