"""The audit log."""

from uuid import UUID

from hummdesk.core.errors import Invalid
from hummdesk.server.api.call import Answer, Call, page_of
from hummdesk.server.context import ServerContext
from hummdesk.storage import audit
from hummdesk.storage.page_cursor import NEWEST


async def list_audit_entries(context: ServerContext, call: Call) -> Answer:
    limit, cursor = call.query["limit"], call.query["cursor"]
    async with context.database.account(call.account_id) as tx:
        found = await audit.entries(
            tx,
            before=_position(cursor),
            limit=limit + 1,
            noun=call.query["noun"],
            actor_id=call.query["actor_id"],
        )
    page = found[:limit]
    return page_of("entries", [entry.wire() for entry in page], str(page[-1].id) if len(found) > limit else None)


def _position(cursor: str | None) -> UUID:
    try:
        return NEWEST[1] if cursor is None else UUID(cursor)
    except ValueError:
        raise Invalid(details={"cursor": ["Not a cursor of this list."]}) from None
