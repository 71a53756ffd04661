"""Many sends by one system call, or by one for each socket: the same."""

import resource
import socket
from collections.abc import Callable, Iterable, Iterator

import pytest

from hummdesk.engine import outbox, ring

Pairs = list[tuple[socket.socket, socket.socket]]
Send = Callable[[list[socket.socket], bytes], dict[int, int]]


def each(sockets: list[socket.socket], data: bytes) -> dict[int, int]:
    return dict(outbox._send_each(sockets, data))


def together() -> Send:
    try:
        shared = ring.Ring()
    except OSError as refusal:
        pytest.skip(f"io_uring: {refusal.strerror}")
    return lambda sockets, data: shared.send([one.fileno() for one in sockets], data)


@pytest.fixture(params=["each", "together"])
def send(request: pytest.FixtureRequest) -> Send:
    return each if request.param == "each" else together()


@pytest.fixture
def pairs() -> Iterator[Pairs]:
    """More than one call takes, so that the last ones of a call come to lie at the beginning of the ring."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    made = [socket.socketpair() for _ in range(ring.SLOTS + 100)]
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
    data = b"x" * ring.BUFFER_BYTES
    full, nearly, gone = 7, ring.SLOTS + 1, ring.SLOTS - 1
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


def test_a_kernel_that_refuses_leaves_it_to_single_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "SETUP", 9999)
    with pytest.raises(OSError, match="not implemented"):
        ring.Ring()
    assert ring.ring_if_any() is None
    pair = [socket.socketpair() for _ in range(outbox.MANY)]
    assert dict(outbox.Outbox()._send([ours for ours, _ in pair], b"data")) == {}
    assert received(theirs for _, theirs in pair) == {b"data"}
    for one in (one for both in pair for one in both):
        one.close()


def test_a_kernel_without_memory_has_taken_only_what_it_says(monkeypatch: pytest.MonkeyPatch, pairs: Pairs) -> None:
    together()
    shared = ring.Ring()
    descriptors = [ours.fileno() for ours, _ in pairs[:40]]
    honest = shared._enter
    monkeypatch.setattr(
        shared, "_enter", lambda call, ring, number, *rest: honest(call, ring, number - 30, 0, *rest[1:])
    )
    assert shared.send(descriptors, b"one ") == dict.fromkeys(range(10, 40), 0)
    monkeypatch.setattr(shared, "_enter", lambda *_: -1)
    assert shared.send(descriptors, b"none ") == dict.fromkeys(range(40), 0)
    monkeypatch.setattr(shared, "_enter", honest)
    assert shared.send(descriptors, b"all") == {}
    assert received(theirs for _, theirs in pairs[:10]) == {b"one all"}
    assert received(theirs for _, theirs in pairs[10:40]) == {b"all"}
