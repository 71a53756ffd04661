"""Write coalescing: one write for each recipient and tick, on direct sockets and through sessions."""

import asyncio
import random
import resource
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest

from hummdesk.engine import coalescer as coalescer_module
from hummdesk.engine.coalescer import MAX_PENDING_BYTES, WriteCoalescer
from hummdesk.engine.encoding import CLOSE, EncodedPacket
from hummdesk.engine.websocket import DirectSocket

MANY = 600


class FakeRecipient:
    """Records what does not go to its direct socket."""

    def __init__(self, direct_socket: DirectSocket | None = None) -> None:
        self.direct_socket = direct_socket
        self.writes: list[list[EncodedPacket]] = []
        self.remainder = b""

    def write_packets(self, packets: Sequence[EncodedPacket]) -> None:
        self.writes.append(list(packets))

    def write_remainder(self, frames: bytes) -> None:
        self.remainder += frames


@pytest.fixture
def recipients() -> Iterator[tuple[list[FakeRecipient], list[socket.socket]]]:
    """Recipients with connected sockets, and the clients' ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    pairs = [socket.socketpair() for _ in range(MANY)]
    for pair in pairs:
        for one in pair:
            one.setblocking(False)
    yield [FakeRecipient(server) for server, _ in pairs], [client for _, client in pairs]
    for pair in pairs:
        for one in pair:
            one.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def packets(*names: str) -> list[EncodedPacket]:
    return [EncodedPacket(f"4{name}") for name in names]


def fill_buffer(recipient: FakeRecipient) -> None:
    assert recipient.direct_socket is not None
    with suppress(BlockingIOError):
        while recipient.direct_socket.send(b"x"):
            pass


def shrink_buffer(recipient: FakeRecipient) -> None:
    assert recipient.direct_socket is not None
    recipient.direct_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)


async def test_add_writes_the_packets_of_one_tick_together_and_in_order() -> None:
    coalescer, recipient = WriteCoalescer(), FakeRecipient()
    first, second, third = packets("a", "b", "c")
    coalescer.add([recipient], first)
    coalescer.add([recipient], second)
    assert recipient.writes == []
    await asyncio.sleep(0)
    coalescer.add([recipient], third)
    await asyncio.sleep(0)
    assert recipient.writes == [[first, second], [third]]


async def test_flush_writes_at_once_and_only_once() -> None:
    coalescer, recipient = WriteCoalescer(), FakeRecipient()
    [packet] = packets("a")
    coalescer.add([recipient], packet)
    coalescer.flush()
    assert recipient.writes == [[packet]]
    await asyncio.sleep(0)
    assert recipient.writes == [[packet]]


async def test_overlapping_recipients_get_their_packets_in_order() -> None:
    coalescer = WriteCoalescer()
    everyone = {name: FakeRecipient() for name in "abc"}
    sent = dict(zip(("ab", "b", "bc", "abc", "a"), packets(*"12345"), strict=True))
    for names, packet in sent.items():
        coalescer.add([everyone[name] for name in names], packet)
    coalescer.flush()
    for name, recipient in everyone.items():
        assert recipient.writes == [[packet for names, packet in sent.items() if name in names]]


async def test_event_for_many_is_written_over_several_ticks_and_delays_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coalescer_module, "MAX_WRITES", 3)
    coalescer = WriteCoalescer()
    many, other = [FakeRecipient() for _ in range(7)], FakeRecipient()
    event, answer, later = packets("event", "answer", "later")
    coalescer.add(many, event)
    coalescer.add([other], answer)
    await asyncio.sleep(0)
    assert other.writes == [[answer]]
    assert [bool(one.writes) for one in many] == [True] * 2 + [False] * 5
    coalescer.add([many[-1], other], later)
    await asyncio.sleep(0)
    assert other.writes == [[answer], [later]]
    assert many[-1].writes == [[event, later]]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [one.writes for one in many[:-1]] == [[[event]]] * 6


async def test_flush_writes_what_a_tick_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalescer_module, "MAX_WRITES", 3)
    coalescer = WriteCoalescer()
    many = [FakeRecipient() for _ in range(7)]
    first, second = packets("a", "b")
    coalescer.add(many, first)
    await asyncio.sleep(0)
    coalescer.add(many[:5], second)
    coalescer.flush()
    assert [one.writes for one in many] == [[[first], [second]]] * 3 + [[[first, second]]] * 2 + [[[first]]] * 2


async def test_flush_of_what_a_tick_has_left_does_not_double_the_writes_of_later_ticks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coalescer_module, "MAX_WRITES", 3)
    coalescer = WriteCoalescer()
    many = [FakeRecipient() for _ in range(7)]
    first, second = packets("a", "b")
    coalescer.add(many, first)
    await asyncio.sleep(0)
    coalescer.flush()
    coalescer.add(many, second)
    await asyncio.sleep(0)
    assert [one.writes for one in many] == [[[first], [second]]] * 3 + [[[first]]] * 4


@pytest.mark.parametrize("seed", range(20))
async def test_recipients_of_random_events_get_each_once_and_in_order(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(coalescer_module, "MAX_WRITES", 4)
    chance = random.Random(seed)
    coalescer, everyone = WriteCoalescer(), [FakeRecipient() for _ in range(10)]
    expected: dict[FakeRecipient, list[EncodedPacket]] = {one: [] for one in everyone}
    for packet in packets(*map(str, range(60))):
        recipients = chance.sample(everyone, chance.choice((1, 2, 9, 10)))
        coalescer.add(recipients, packet)
        for one in recipients:
            expected[one].append(packet)
        chance.choice((coalescer.flush, lambda: None, lambda: None))()
        if chance.random() < 0.5:
            await asyncio.sleep(0)
    coalescer.flush()
    for one in everyone:
        assert [packet for write in one.writes for packet in write] == expected[one]


async def test_packet_added_during_a_flush_is_sent_in_the_next_tick() -> None:
    coalescer = WriteCoalescer()
    [first, second] = packets("a", "b")

    class Replying(FakeRecipient):
        def write_packets(self, packets: Sequence[EncodedPacket]) -> None:
            super().write_packets(packets)
            if len(self.writes) == 1:
                coalescer.add([self], second)

    recipient = Replying()
    coalescer.add([recipient], first)
    await asyncio.sleep(0)
    assert recipient.writes == [[first]]
    await asyncio.sleep(0)
    assert recipient.writes == [[first], [second]]


async def test_direct_sockets_get_all_frames_in_order(
    recipients: tuple[list[FakeRecipient], list[socket.socket]],
) -> None:
    coalescer = WriteCoalescer()
    sessions, clients = recipients
    five = packets(*"01234")
    for packet in five:
        coalescer.add(sessions, packet)
        coalescer.flush()
    [last] = packets("last")
    coalescer.add(sessions[:3], last)
    coalescer.flush()
    frames = b"".join(packet.frame for packet in five)
    assert {client.recv(1 << 20) for client in clients[:3]} == {frames + last.frame}
    assert {client.recv(1 << 20) for client in clients[3:]} == {frames}
    assert not any(session.writes or session.remainder for session in sessions)


async def test_full_slow_and_broken_sockets_get_the_remainder_written(
    recipients: tuple[list[FakeRecipient], list[socket.socket]],
) -> None:
    sessions, clients = recipients
    full, slow, broken = 7, MANY - 2, 511
    packet = EncodedPacket("4" + "x" * 65_000)
    fill_buffer(sessions[full])
    shrink_buffer(sessions[slow])
    clients[broken].close()
    coalescer = WriteCoalescer()
    coalescer.add(sessions, packet)
    coalescer.flush()
    assert [number for number, session in enumerate(sessions) if session.remainder] == sorted((full, slow, broken))
    assert sessions[full].remainder == sessions[broken].remainder == packet.frame
    assert 0 < len(sessions[slow].remainder) < len(packet.frame)
    assert clients[slow].recv(1 << 20) + sessions[slow].remainder == packet.frame
    others = [client for number, client in enumerate(clients) if number not in (full, slow, broken)]
    assert {client.recv(1 << 20) for client in others} == {packet.frame}


async def test_packets_over_the_limit_of_one_tick_leave_at_once() -> None:
    coalescer, recipient = WriteCoalescer(), FakeRecipient()
    large = EncodedPacket("4" + "x" * (MAX_PENDING_BYTES // 2))
    coalescer.add([recipient], large)
    assert recipient.writes == []
    coalescer.add([recipient], large)
    assert recipient.writes == [[large, large]]
    coalescer.add([recipient], CLOSE)
    await asyncio.sleep(0)
    assert recipient.writes == [[large, large], [CLOSE]]
