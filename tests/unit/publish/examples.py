"""Models and a stream in memory for the unit tests of publication."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from hummdesk.bus.envelope import Envelope
from hummdesk.core.models import Message, Person
from hummdesk.storage.runs import EndedRun

ACCOUNT = UUID(int=1)
CONVERSATION = UUID(int=2)
MESSAGE = UUID(int=3)
AGENT = UUID(int=4)
TEAM = UUID(int=5)
RUN = UUID(int=6)
MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)
WIRE_MOMENT = "2026-01-31T12:00:00.000Z"
ABOUT_MESSAGE = {"conversationId": str(CONVERSATION), "messageId": str(MESSAGE), "timestamp": WIRE_MOMENT}


def a_person() -> Person:
    return Person(account_id=ACCOUNT, id=AGENT, email="a@example.com", name="Ada", role="agent")


def a_message(*, private: bool = False) -> Message:
    return Message(
        id=MESSAGE,
        conversation_id=CONVERSATION,
        seq=7,
        sender_id=AGENT,
        sender_type="agent",
        sender_name="Ada",
        content="Hello",
        content_type="text",
        attachments=[],
        metadata={},
        private=private,
        client_message_id=None,
        created_at=MOMENT,
    )


def an_ended_run(**changes: object) -> EndedRun:
    values: dict[str, object] = {
        "id": RUN,
        "account_id": ACCOUNT,
        "conversation_id": CONVERSATION,
        "message_id": MESSAGE,
        "kind": "classification",
        "outcome": "done",
        "last_error": None,
        "started_at": MOMENT,
        "finished_at": MOMENT,
    }
    return EndedRun.from_row(values | changes)


class Stream:
    """Stands in for the stream writer."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.stored: list[asyncio.Future[None]] = []
        self.stores_at_once = False

    def append(self, envelope: Envelope) -> asyncio.Future[None]:
        self.envelopes.append(envelope)
        self.stored.append(asyncio.get_running_loop().create_future())
        if self.stores_at_once:
            self.stored[-1].set_result(None)
        return self.stored[-1]
