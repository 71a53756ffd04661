import socket

import pytest

from hummdesk.dev.redis import free_port


def test_free_port_is_reserved_for_a_server_that_starts_later() -> None:
    port = free_port(0)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    for _ in range(2):  # it is restarted
        with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()


def test_wanted_port_is_returned_unless_a_server_listens_on_it() -> None:
    port = free_port(0)
    assert free_port(port) == port
    with socket.create_server(("127.0.0.1", port)):
        assert free_port(port) != port
