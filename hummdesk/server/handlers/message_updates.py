"""The changes to stored messages that a returning client has missed."""

from uuid import UUID

from hummdesk.core.models import Message, Person
from hummdesk.publish.events.messages import MessageUpdated
from hummdesk.server.context import Payload
from hummdesk.storage import messages
from hummdesk.storage.database import Transaction


async def missed_updates(
    tx: Transaction, viewer: Person, conversation_id: UUID, *, up_to_seq: int, known: int | None, current: int
) -> list[Message] | None:
    """The messages up to a seq that were changed after the revision that the client knows; None if they are too many.

    Nothing if the client knows none. `current` is the revision that the answer names: it was read before the messages,
    so that a client that asks again with it misses no change.
    """
    if known is None or known >= current:
        return []
    return await messages.updates(
        tx, viewer=viewer, conversation_id=conversation_id, after_revision=known, up_to_seq=up_to_seq
    )


def payloads(viewer: Person, changed: list[Message]) -> list[Payload]:
    return [MessageUpdated.of(viewer.account_id, message).payload() for message in changed]
