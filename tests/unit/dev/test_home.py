"""The home directory of `up`: its settings file, its lock, and the port it reserves."""

import re
import socket
import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values

from hummdesk.core.errors import CommandError
from hummdesk.dev import home
from hummdesk.server import listener

VALUES = {
    "DATABASE_URL": "postgresql://hummdesk@/hummdesk?host=%2Ftmp%2Fa%20b",
    "REDIS_URL": "redis://:pass-_@127.0.0.1:6379/0",
    "JWT_SECRET": "quotes ' and \" and # and \\ and spaces ",
    "ENCRYPTION_KEYS": "new,old",
    "PORT": "5000",
    "HUMMDESK_ENV": "development",
}


def test_written_settings_are_read_back(tmp_path: Path) -> None:
    home.write_settings(tmp_path, VALUES | {"AI_PROVIDER": "embedded"})
    assert home.read_settings(tmp_path) == VALUES
    assert stat.S_IMODE((tmp_path / "hummdesk.env").stat().st_mode) == 0o600
    assert home.env_lines({"PORT": "5000"}) == "PORT=5000\n"
    home.write_settings(tmp_path, VALUES | {"PORT": "5001"})
    assert dotenv_values(tmp_path / "hummdesk.env")["PORT"] == "5001"
    assert [path.name for path in tmp_path.iterdir()] == ["hummdesk.env"]


def test_settings_of_a_new_home_are_empty(tmp_path: Path) -> None:
    assert home.read_settings(tmp_path) == {}


def test_locked_home_refuses_a_second_lock(tmp_path: Path) -> None:
    with (
        home.locked(tmp_path),
        pytest.raises(CommandError, match=r"another `up` runs on .*--home DIR"),
        home.locked(tmp_path),
    ):
        pass
    with home.locked(tmp_path):
        assert list(tmp_path.iterdir()) == []


def test_home_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path / "file", tmp_path / "file" / "home", Path("/proc/hummdesk")):
        with pytest.raises(CommandError, match=r"cannot be written \(.*\): choose another with --home DIR"):
            home.make(wrong)


def test_existing_home_keeps_its_permissions(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    home.make(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750


def test_reserved_port_is_shared_by_web_processes_only() -> None:
    with listener.reserved("127.0.0.1", 0) as port:
        first = listener.listen("127.0.0.1", port, backlog=1)
        second = listener.listen("127.0.0.1", port, backlog=1)
        refused = re.escape(f"port {port} of 127.0.0.1 is in use: choose another with --port N")
        with pytest.raises(CommandError, match=refused), listener.reserved("127.0.0.1", port):
            pass
        first.close()
        second.close()
        with pytest.raises(CommandError, match="is in use"), listener.reserved("127.0.0.1", port):
            pass
    with listener.reserved("127.0.0.1", port) as again:
        assert again == port


def test_port_of_another_process_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CommandError, match="is in use"), listener.reserved("127.0.0.1", port):
            pass
        with pytest.raises(CommandError, match="is in use"):
            listener.listen("127.0.0.1", port, backlog=1)


def test_port_in_time_wait_can_be_reserved_again() -> None:
    with listener.reserved("127.0.0.1", 0) as port:
        server = listener.listen("127.0.0.1", port, backlog=1)
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first keeps the port in TIME_WAIT
        client.close()
        server.close()
    with listener.reserved("127.0.0.1", port) as again:
        assert again == port


def test_host_that_is_not_a_local_address_is_refused() -> None:
    for host, why in (("no.such.host.invalid", "is not an address"), ("192.0.2.1", "cannot be used")):
        with pytest.raises(CommandError, match=why), listener.reserved(host, 0):
            pass
