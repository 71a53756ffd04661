"""What is published when a user changes."""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from hummdesk.core.errors import Unavailable
from hummdesk.core.models import Person
from hummdesk.publish.events.conversations import ConversationUnassigned
from hummdesk.server.actions.read_receipts import publish_change
from hummdesk.server.context import ServerContext
from hummdesk.storage.users import Unassigned


async def publish_unassigned(
    context: ServerContext, actor: Person, user_id: UUID, unassigned: Sequence[Unassigned]
) -> None:
    """Publish conversations that were taken from a user. If that fails here, the relay does it from the outbox."""
    with suppress(Unavailable):
        for one in unassigned:
            event = ConversationUnassigned(
                account_id=actor.account_id,
                conversation_id=one.conversation_id,
                timestamp=one.at,
                unassigned_from=user_id,
                unassigned_by=actor.id,
                team_id=one.team_id,
                event_id=one.event_id,
            )
            await context.publisher.publish_stored(event)
            await publish_change(context, actor.account_id, one.conversation_id, one.event_id)
