"""Sends to many sockets."""

import resource
import socket
from collections.abc import Callable, Iterable, Iterator

import pytest

from hummdesk.engine import outbox

SLOTS = 512
BUFFER_BYTES = 1 << 16

Pairs = list[tuple[socket.socket, socket.socket]]
Send = Callable[[list[socket.socket], bytes], dict[int, int]]


def each(sockets: list[socket.socket], data: bytes) -> dict[int, int]:
    return dict(outbox._send_each(sockets, data))


@pytest.fixture
def send() -> Send:
    return each


@pytest.fixture
def pairs() -> Iterator[Pairs]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    made = [socket.socketpair() for _ in range(SLOTS + 100)]
    for ours, theirs in made:
        ours.setblocking(False)
        theirs.setblocking(False)
    yield made
    for one in (one for pair in made for one in pair):
        one.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def received(theirs: Iterable[socket.socket]) -> set[bytes]:
    return {one.recv(1 << 20) for one in theirs}


def test_everybody_gets_all_of_it_in_order(send: Send, pairs: Pairs) -> None:
    ours, theirs = map(list, zip(*pairs, strict=True))
    for number in range(5):
        assert send(ours, b"%d, " % number) == {}
    assert send(ours[:3], b"last") == {}
    assert received(theirs[:3]) == {b"0, 1, 2, 3, 4, last"}
    assert received(theirs[3:]) == {b"0, 1, 2, 3, 4, "}


def test_who_takes_nothing_or_a_part_or_is_broken_is_named(send: Send, pairs: Pairs) -> None:
    ours, theirs = map(list, zip(*pairs, strict=True))
    data = b"x" * BUFFER_BYTES
    full, nearly, gone = 7, SLOTS + 1, SLOTS - 1
    while each([ours[full]], data) == {}:
        pass
    while True:
        try:
            ours[full].send(b"x")
        except BlockingIOError:
            break
    ours[nearly].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    theirs[gone].close()
    rest = send(ours, data)
    assert rest.keys() == {full, nearly, gone}
    assert (rest[full], rest[gone]) == (0, 0)
    assert 0 < rest[nearly] < len(data)
    assert len(theirs[nearly].recv(1 << 20)) == rest[nearly]
    assert received(theirs[:full] + theirs[full + 1 : gone]) == {data}
