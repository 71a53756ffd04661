import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from hummdesk.core.errors import Unauthorized
from hummdesk.core.models import Person
from hummdesk.publish.events.presence import Typing
from hummdesk.server.rate_limits import TokenBucket
from hummdesk.server.sockets import ClientSession
from hummdesk.server.typing_indicators import TypingIndicators
from tests.unit import virtual_time

CONVERSATION, OTHER = UUID(int=1), UUID(int=2)
PERSON = Person(id=UUID(int=9), account_id=UUID(int=8), email="", role="customer", name="Maya", team_ids=())


class FakePublisher:
    """Records the events with the time and the conversation."""

    def __init__(self) -> None:
        self.events: list[tuple[float, str, UUID]] = []
        self.modes: list[tuple[str, bool]] = []

    async def publish(self, event: Typing) -> None:
        self.events.append((asyncio.get_running_loop().time(), event.event_name, event.conversation_id))
        self.modes.append((event.event_name, event.private))


def indicators(publisher: FakePublisher) -> TypingIndicators:
    return TypingIndicators(publisher, timeout=5)  # type: ignore[arg-type]


def session(sid: str = "sid", person: Person | None = PERSON) -> ClientSession:
    return ClientSession(sid=sid, pid="pid", address="::1", bucket=TokenBucket(rate=0, burst=0), person=person)


def test_typing_stops_after_the_timeout() -> None:
    async def test() -> None:
        publisher = FakePublisher()
        await indicators(publisher).start(session(), CONVERSATION)
        await asyncio.sleep(20)
        assert publisher.events == [(0, "typing_start", CONVERSATION), (5, "typing_stop", CONVERSATION)]

    virtual_time.run(test())


def test_continued_typing_is_published_again_and_extends_the_timeout() -> None:
    async def test() -> None:
        publisher, one = FakePublisher(), session()
        typing = indicators(publisher)
        await typing.start(one, CONVERSATION)
        await asyncio.sleep(4)
        await typing.start(one, CONVERSATION)
        await asyncio.sleep(20)
        assert [(at, event) for at, event, _ in publisher.events] == [
            (0, "typing_start"),
            (4, "typing_start"),
            (9, "typing_stop"),
        ]

    virtual_time.run(test())


def test_stop_is_published_only_while_typing() -> None:
    async def test() -> None:
        publisher, one = FakePublisher(), session()
        typing = indicators(publisher)
        await typing.stop(one, CONVERSATION)
        await typing.start(one, CONVERSATION)
        await typing.stop(one, CONVERSATION)
        await typing.stop(one, CONVERSATION)
        await asyncio.sleep(20)
        assert [event for _, event, _ in publisher.events] == ["typing_start", "typing_stop"]

    virtual_time.run(test())


def test_change_from_reply_to_note_ends_the_reply_for_its_recipients() -> None:
    async def test() -> None:
        publisher, one = FakePublisher(), session(person=replace(PERSON, role="agent"))
        typing = indicators(publisher)
        for private in (False, True, True, False):
            await typing.start(one, CONVERSATION, private=private)
        await asyncio.sleep(20)
        assert publisher.modes == [
            ("typing_start", False),
            ("typing_stop", False),
            ("typing_start", True),
            ("typing_start", True),
            ("typing_stop", True),
            ("typing_start", False),
            ("typing_stop", False),
        ]

    virtual_time.run(test())


def test_end_of_a_note_by_timeout_is_private() -> None:
    async def test() -> None:
        publisher = FakePublisher()
        await indicators(publisher).start(session(person=replace(PERSON, role="agent")), CONVERSATION, private=True)
        await asyncio.sleep(20)
        assert publisher.modes == [("typing_start", True), ("typing_stop", True)]

    virtual_time.run(test())


def test_stop_all_stops_the_conversations_of_one_socket() -> None:
    async def test() -> None:
        publisher, one, another = FakePublisher(), session("one"), session("another")
        typing = indicators(publisher)
        await typing.start(one, CONVERSATION)
        await typing.start(one, OTHER)
        await typing.start(another, CONVERSATION)
        await typing.stop_all(one)
        assert [event for _, event, _ in publisher.events].count("typing_stop") == 2
        assert publisher.events[-2:] == [(0, "typing_stop", CONVERSATION), (0, "typing_stop", OTHER)]

    virtual_time.run(test())


def test_start_without_a_person_is_unauthorized() -> None:
    async def test() -> None:
        with pytest.raises(Unauthorized):
            await indicators(FakePublisher()).start(session(person=None), CONVERSATION)

    virtual_time.run(test())
