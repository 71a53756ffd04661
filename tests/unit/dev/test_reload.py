"""Source files are compared by their time of modification."""

import pytest

from hummdesk.dev import reload


def test_changes_lists_added_changed_and_removed_files() -> None:
    kept, changed, added, removed = (reload.PAGES / name for name in ("a", "b", "c", "d"))
    before = {kept: 1.0, changed: 1.0, removed: 1.0}
    assert reload.changes(before, {kept: 1.0, changed: 2.0, added: 1.0}) == [changed, added, removed]


async def test_watch_after_a_change_restarts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    file = reload.CHECKOUT / "tasks" / "app.py"
    states = [{file: 1.0}, {file: 1.0}, {file: 2.0}, {file: 2.0}]
    monkeypatch.setattr(reload, "_modified", lambda: states.pop(0))
    monkeypatch.setattr(reload, "POLL_SECONDS", 0)
    restarts: list[str] = []
    printed: list[str] = []

    async def restart() -> None:
        restarts.append("restart")

    with pytest.raises(IndexError):  # the states are used up
        await reload.watch(restart, printed.append)
    assert restarts == ["restart"]
    assert printed == ["tasks/app.py has changed: restarting"]
