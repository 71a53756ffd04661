"""Sessions of staff: users see and revoke their own, admins those of the account."""

from uuid import UUID

from hummdesk.core.errors import Forbidden, NotFound
from hummdesk.server.api.call import Answer, Call, page_of
from hummdesk.server.context import ServerContext
from hummdesk.storage import staff_sessions


async def list_sessions(context: ServerContext, call: Call) -> Answer:
    owner, wanted = _owner(call), call.query["userId"]
    if owner is not None and wanted not in (None, owner):
        raise Forbidden
    async with context.database.account(call.account_id) as tx:
        found, cursor = await staff_sessions.page(
            tx,
            user_id=owner or wanted,
            idle_hours=context.settings.session_idle_hours,
            limit=call.query["limit"],
            cursor=call.query["cursor"],
        )
    return page_of("sessions", [session.wire() for session in found], cursor)


async def revoke_session(context: ServerContext, call: Call) -> Answer:
    async with context.database.account(call.account_id) as tx:
        if not await staff_sessions.revoke(tx, call.actor, call.id, user_id=_owner(call)):
            raise NotFound
    return Answer()


def _owner(call: Call) -> UUID | None:
    """The user whose sessions the caller may see; None: those of all users."""
    return None if call.actor.role == "admin" else call.actor.id
