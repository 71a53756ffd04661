"""A session has one owner at a time, whatever order the processes come in."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from hummdesk.bus.commands import Commands
from hummdesk.bus.recovery_store import RecoverableSession, RecoveryStore
from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id


@pytest.fixture
async def stores(settings: Settings) -> AsyncIterator[tuple[RecoveryStore, RecoveryStore]]:
    """Those of two processes."""
    first, second = (
        RecoveryStore(Commands.of(settings.redis), node=new_id().hex, window_seconds=120, report_seconds=10)
        for _ in range(2)
    )
    yield first, second
    await first.close()
    await second.close()


@pytest.fixture
def session() -> RecoverableSession:
    return RecoverableSession(sid="sid", account_id=new_id(), person_id=new_id(), rooms={}, joined=[])


async def claim(store: RecoveryStore, pid: str, session: RecoverableSession) -> RecoverableSession | None:
    return await store.claim(pid, account_id=session.account_id, person_id=session.person_id)


@pytest.mark.parametrize("is_saved_by_second", [False, True])
async def test_late_save_of_suspended_process_leaves_the_session_to_the_other(
    stores: tuple[RecoveryStore, RecoveryStore], session: RecoverableSession, is_saved_by_second: bool
) -> None:
    """The first process was suspended before its save; its client has recovered the session at the second."""
    first, second = stores
    pid = new_id().hex
    await first.save(pid, session)
    await first.disconnect(pid)
    assert await claim(second, pid, session) == session
    later = replace(session, joined=[UUID(int=1)]) if is_saved_by_second else session
    if is_saved_by_second:
        await second.save(pid, later)

    await first.save(pid, replace(session, rooms={"late": "1-0"}))

    assert not await first.disconnect(pid), "the second has it"
    assert await second.disconnect(pid)
    assert await claim(first, pid, session) == later


async def test_session_of_another_process_that_disconnected_can_be_saved(
    stores: tuple[RecoveryStore, RecoveryStore], session: RecoverableSession
) -> None:
    first, second = stores
    pid = new_id().hex
    await first.save(pid, session)
    await first.disconnect(pid)
    await second.save(pid, session)
    assert await second.disconnect(pid)
