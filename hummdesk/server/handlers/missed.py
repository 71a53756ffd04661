"""What a returning client has missed in a conversation: later messages, and changes to those that it has."""

from uuid import UUID

from hummdesk.core import json_encoding
from hummdesk.core.models import Message, Person
from hummdesk.publish.events.messages import MessageUpdated
from hummdesk.server.context import Payload
from hummdesk.storage import messages
from hummdesk.storage.database import Transaction


async def missed_in(
    tx: Transaction, viewer: Person, conversation_id: UUID, *, after_seq: int, revision: int | None, max_bytes: int
) -> Payload:
    """Return all messages after `after_seq` and all changes after `revision` to the others, or `resyncRequired`.

    `max_bytes` limits both together as JSON. Raises NotFound.
    """
    found, last = await messages.missed(
        tx, viewer=viewer, conversation_id=conversation_id, after_seq=after_seq, max_bytes=max_bytes
    )
    later = [message.wire() for message in found or ()]
    left = max_bytes - (len(json_encoding.encode(later)) if later else 0)
    updates = await _updates(
        tx, viewer, conversation_id, up_to_seq=after_seq, known=revision, current=last.revision, max_bytes=left
    )
    if found is None or updates is None:
        return {"resyncRequired": True, "lastSeq": last.last_seq}
    changes = [MessageUpdated.of(viewer.account_id, message).payload() for message in updates]
    return {"messages": later, "updates": changes, "lastSeq": last.last_seq, "revision": last.revision}


async def _updates(
    tx: Transaction,
    viewer: Person,
    conversation_id: UUID,
    *,
    up_to_seq: int,
    known: int | None,
    current: int,
    max_bytes: int,
) -> list[Message] | None:
    """The messages up to a seq that were changed after the revision that the client knows; None if they do not fit.

    Nothing if the client knows none. `current` is the revision that the answer names: it was read before the messages,
    so that a client that asks again with it misses no change.
    """
    if known is None or known >= current:
        return []
    return await messages.updates(
        tx,
        viewer=viewer,
        conversation_id=conversation_id,
        after_revision=known,
        up_to_seq=up_to_seq,
        max_bytes=max_bytes,
    )
