"""However often a session changes while Redis does not answer, one save of it waits."""

import asyncio
from typing import Any

import pytest

from hummdesk.bus.recovery_store import RecoverableSession
from hummdesk.core import background
from hummdesk.core.errors import Unavailable
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.server import recovery_saver
from hummdesk.server.rate_limits import TokenBucket
from hummdesk.server.recovery_saver import RecoverySaver
from hummdesk.server.sockets import NEVER, ClientSession

PERSON = Person(account_id=new_id(), id=new_id(), email="a@example.com", name="A", role="agent")


class Store:
    """Answers when it is released; records how many conversations each saved session has joined."""

    def __init__(self) -> None:
        self.saved: list[int] = []
        self.waiting = 0
        self.most_waiting = 0
        self.released = asyncio.Event()
        self.is_unavailable = False

    async def save(self, _: str, session: RecoverableSession) -> None:
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        await self.released.wait()
        self.waiting -= 1
        if self.is_unavailable:
            raise Unavailable
        self.saved.append(len(session.joined))


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def saver(store: Store) -> RecoverySaver:
    sockets: Any = None
    return RecoverySaver(store, sockets)  # type: ignore[arg-type]


@pytest.fixture
def session() -> ClientSession:
    return ClientSession(sid="sid", pid="pid", address="", bucket=TokenBucket(rate=0, burst=0), person=PERSON)


async def join(saver: RecoverySaver, session: ClientSession, number: int) -> None:
    for _ in range(number):
        session.joined |= {new_id()}
        saver.schedule(session)
        await asyncio.sleep(0)


async def test_changes_during_a_save_are_saved_together(
    saver: RecoverySaver, store: Store, session: ClientSession
) -> None:
    await join(saver, session, 100)
    store.released.set()
    await background.drain()
    assert store.most_waiting == 1
    assert store.saved == [1, 100]
    assert session.saved_at != NEVER


async def test_change_that_is_not_saved_yet_leaves_the_session_unsaved(
    saver: RecoverySaver, store: Store, session: ClientSession
) -> None:
    store.is_unavailable = True
    await join(saver, session, 2)
    store.released.set()
    await background.drain()
    assert session.saved_at == NEVER
    store.is_unavailable = False
    await join(saver, session, 1)
    await background.drain()
    assert store.saved == [3]


async def test_wait_ends_with_the_save_of_the_latest_change(
    saver: RecoverySaver, store: Store, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery_saver, "WAIT_SECONDS", 60)
    await saver.wait(session)
    await join(saver, session, 2)
    waiting = asyncio.create_task(saver.wait(session))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    store.released.set()
    await waiting
    assert store.saved == [1, 2]


async def test_wait_without_an_answer_of_redis_ends_after_its_time(
    saver: RecoverySaver, store: Store, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery_saver, "WAIT_SECONDS", 0.01)
    await join(saver, session, 1)
    await saver.wait(session)
    assert store.waiting == 1
    store.released.set()
    await background.drain()
