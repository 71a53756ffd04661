"""The publication of presence, with a stream and a presence store in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from hummdesk.bus.presence import Status
from hummdesk.core.errors import Unavailable
from hummdesk.core.models import Person
from hummdesk.publish import presence as presence_module
from hummdesk.publish.presence import PresencePublisher
from hummdesk.publish.publisher import Publisher
from hummdesk.storage import people
from tests.unit.publish.examples import ACCOUNT, AGENT, MOMENT, Stream, a_person


class Store:
    """Stands in for bus.Presence; `confirm` gives these statuses, one after the other."""

    def __init__(self, *statuses: Status) -> None:
        self.statuses_after = list(statuses)

    async def confirm(self, account_id: UUID, agent_id: UUID) -> Status:
        return self.statuses_after.pop(0)

    async def statuses(self, account_id: UUID) -> dict[UUID, Status]:
        return {AGENT: "busy"}


class Database:
    @asynccontextmanager
    async def account(self, account_id: UUID) -> AsyncIterator[None]:
        yield


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    async def seen(tx: None, *, user_id: UUID) -> object:
        return MOMENT

    monkeypatch.setattr(people, "seen", seen)
    stream = Stream()
    stream.stores_at_once = True
    return stream


def publishing(stream: Stream, store: Store) -> PresencePublisher:
    return PresencePublisher(Publisher(stream), store, Database())  # type: ignore[arg-type]


def published(stream: Stream) -> list[tuple[str, str]]:
    return [(envelope.event, envelope.data["status"]) for envelope in stream.envelopes]


async def test_publish_confirms_the_status(stream: Stream) -> None:
    store = Store("online")
    await publishing(stream, store).publish(a_person(), "online")
    assert published(stream) == [("agent_online", "online")]
    assert store.statuses_after == []


async def test_publish_of_a_status_that_was_changed_meanwhile_publishes_the_current_one(stream: Stream) -> None:
    await publishing(stream, Store("busy", "offline", "offline")).publish(a_person(), "online")
    assert published(stream) == [("agent_online", "online"), ("agent_online", "busy"), ("agent_offline", "offline")]


async def test_departure_is_published_with_the_time_when_the_agent_was_last_seen(stream: Stream) -> None:
    await publishing(stream, Store("offline")).publish(a_person(), "offline")
    [envelope] = stream.envelopes
    assert envelope.data["lastSeenAt"] == "2026-01-31T12:00:00.000Z"


async def test_publish_while_redis_is_unavailable_gives_up_without_confirming(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_module, "PUBLISH_SECONDS", 0.01)
    stream.stores_at_once = False
    store = Store("online")
    with pytest.raises(Unavailable):
        await publishing(stream, store).publish(a_person(), "online")
    assert store.statuses_after == ["online"]


@pytest.mark.parametrize(("agent", "expected"), [(a_person(), [("agent_online", "busy")]), (None, [])])
async def test_publish_status_of_an_agent_reads_the_current_one(
    stream: Stream, monkeypatch: pytest.MonkeyPatch, agent: Person | None, expected: list[tuple[str, str]]
) -> None:
    async def find_person(tx: None, **_: object) -> Person | None:
        return agent

    monkeypatch.setattr(people, "find_person", find_person)
    store = Store("busy")
    await publishing(stream, store).publish_status(ACCOUNT, AGENT)
    assert published(stream) == expected
    assert store.statuses_after == [], "confirmed in any case"
