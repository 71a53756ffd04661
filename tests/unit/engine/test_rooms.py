"""Room membership of the manager, without a server."""

from types import SimpleNamespace
from typing import Any

import pytest

from hummdesk.engine.manager import RoomManager


class Sessions(dict[str, Any]):
    """Engine.IO sessions by sid; every sid exists."""

    def __missing__(self, eio_sid: str) -> Any:
        self[eio_sid] = SimpleNamespace(sid=eio_sid)
        return self[eio_sid]

    def get(self, eio_sid: str, default: Any = None) -> Any:
        return self[eio_sid]


@pytest.fixture
def manager() -> RoomManager:
    manager = RoomManager()
    manager.server = SimpleNamespace(eio=SimpleNamespace(sockets=Sessions()))
    for name in "abc":
        manager.connect_as(f"eio-{name}", "/", name)
    return manager


def sids(manager: RoomManager, *rooms: str) -> set[str]:
    return set(manager.members_of_any("/", rooms))


def test_entered_room_contains_its_members(manager: RoomManager) -> None:
    manager.basic_enter_room("a", "/", "room-1")
    manager.basic_enter_room("a", "/", "room-1")
    manager.basic_enter_room("b", "/", "room-2")
    assert sids(manager, "room-1") == {"a"}
    assert sids(manager, "room-1", "room-2", "unknown") == {"a", "b"}
    assert sorted(manager.get_rooms("a", "/")) == ["a", "room-1"]


def test_members_of_several_rooms_do_not_change_the_stored_rooms(manager: RoomManager) -> None:
    manager.basic_enter_room("a", "/", "room-1")
    manager.basic_enter_room("b", "/", "room-2")
    manager.members_of_any("/", ["room-1", "room-2"])
    assert sids(manager, "room-1") == {"a"}


def test_sid_is_a_room_of_its_own_and_none_is_the_namespace(manager: RoomManager) -> None:
    assert sids(manager, "a") == {"a"}
    assert set(manager.members("/", None)) == {"a", "b", "c"}
    assert manager.members("/other", None) == {}


def test_enter_the_room_of_another_sid_is_refused(manager: RoomManager) -> None:
    with pytest.raises(ValueError, match="sid room"):
        manager.basic_enter_room("a", "/", "b")


def test_enter_room_of_an_unknown_sid_is_refused(manager: RoomManager) -> None:
    with pytest.raises(ValueError, match="not connected"):
        manager.basic_enter_room("x", "/", "room-1")


def test_left_room_without_members_is_removed(manager: RoomManager) -> None:
    manager.basic_enter_room("a", "/", "room-1")
    manager.basic_leave_room("a", "/", "room-1")
    manager.basic_leave_room("a", "/", "room-1")
    assert sids(manager, "room-1") == set()
    assert "room-1" not in manager.rooms["/"]


def test_disconnect_leaves_all_rooms_and_nothing_behind(manager: RoomManager) -> None:
    for name in "abc":
        manager.basic_enter_room(name, "/", "shared")
        manager.pre_disconnect(name, "/")
        assert not manager.is_connected(name, "/")
        manager.basic_disconnect(name, "/")
    assert manager.rooms == {}
    assert not any((manager._sids, manager._entered, manager._connecting, manager._disconnecting))


async def test_pre_connected_sid_is_connected_only_after_connect(manager: RoomManager) -> None:
    manager.server.eio.generate_id = lambda: "d"
    assert await manager.pre_connect("eio-d", "/") == "d"
    assert await manager.pre_connect("eio-d", "/") is None
    assert not manager.is_connected("d", "/")
    await manager.connect("d", "/")
    assert manager.is_connected("d", "/")
    assert manager.sid_from_eio_sid("eio-d", "/") == "d"
