"""AI runs that staff requests: drafts, summaries and help.

An assignment starts a draft by a trigger, `conversations_draft`; an agent who opens a conversation, by `reads.view`.
"""

from typing import Literal
from uuid import UUID

from hummdesk.core.ids import new_id
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("run_requests")

RequestedKind = Literal["draft", "summary"]


async def request(tx: Transaction, *, conversation_id: UUID, kind: RequestedKind) -> UUID | None:
    """The current run about the newest public message, started if there is none; None if there is nothing to do.

    A run is current until it ends, and if it is done. Concurrent requests receive the same run. A run that waits for
    further messages of the customer becomes due at once.
    """
    while row := await queries.request(tx, conversation_id=conversation_id, kind=kind, run_id=new_id()):
        run_id: UUID | None = row["run_id"]
        if run_id is not None:
            return run_id
    return None


async def assist(tx: Transaction, *, conversation_id: UUID, message_id: UUID | None, run_id: UUID) -> bool:
    """Start a run for one agent about a message, without an id about the newest one.

    Return False if there is no such message, or it was withdrawn.
    """
    about = {"conversation_id": conversation_id, "message_id": message_id}
    while row := await queries.assist(tx, run_id=run_id, **about):
        if row["run_id"] is not None:
            return True
    return False
