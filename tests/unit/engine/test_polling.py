"""Payloads of the polling transport."""

import tracemalloc

import pytest

from hummdesk.engine.encoding import CLOSE, EncodedPacket
from hummdesk.engine.polling import PACKET_OVERHEAD_BYTES, PollBuffer, TooManyPacketsError, decode_payload


@pytest.mark.parametrize(
    ("payload", "packets"),
    [
        ("4hello", ["4hello"]),
        ("4a\x1e4b\x1e3", ["4a", "4b", "3"]),
        ("bAQIDBA==\x1e4text", [b"\x01\x02\x03\x04", "4text"]),
        ("", [""]),
        ("4€", ["4€"]),
    ],
)
def test_decode_payload_returns_its_packets(payload: str, packets: list[str | bytes]) -> None:
    assert list(decode_payload(payload)) == packets


@pytest.mark.parametrize("payload", ["b!!!!", "bAQI", "4a\x1ebA"])
def test_decode_payload_with_invalid_base64_raises_value_error(payload: str) -> None:
    with pytest.raises(ValueError, match=r"base64|padding|data characters"):
        list(decode_payload(payload))


def test_decode_payload_with_too_many_packets_raises_before_the_first() -> None:
    assert len(list(decode_payload("4\x1e" * 15 + "4", max_packets=16))) == 16
    with pytest.raises(TooManyPacketsError):
        next(decode_payload("4\x1e" * 16 + "4", max_packets=16))


def test_empty_buffer_encodes_a_noop() -> None:
    assert PollBuffer().take_payload(1000) == b"6"


def test_buffer_encodes_text_and_binary_packets_in_order() -> None:
    buffer = PollBuffer()
    buffer.extend([EncodedPacket("4a"), EncodedPacket(b"\x01\x02")])
    buffer.extend([CLOSE])
    assert len(buffer) == 3
    assert buffer.take_payload(1000) == b"4a\x1ebAQI=\x1e1"
    assert len(buffer) == buffer.byte_count == 0


def test_payload_keeps_to_its_limit_and_leaves_the_rest() -> None:
    buffer = PollBuffer()
    buffer.extend(EncodedPacket(f"4{number}" + "x" * 398) for number in range(5))
    sizes = []
    while buffer:
        payload = buffer.take_payload(1000)
        assert len(payload) <= 1000
        sizes.append(payload.count(b"\x1e") + 1)
    assert sizes == [2, 2, 1]


def test_payload_contains_a_packet_over_the_limit() -> None:
    buffer = PollBuffer()
    buffer.extend([EncodedPacket("4" + "x" * 2000), EncodedPacket("4next")])
    assert len(buffer.take_payload(1000)) == 2001
    assert buffer.take_payload(1000) == b"4next"


def test_byte_count_follows_the_buffered_packets() -> None:
    buffer = PollBuffer()
    packets = [EncodedPacket("4" + "x" * 500) for _ in range(3)]
    buffer.extend(packets)
    each = len(packets[0].frame) + PACKET_OVERHEAD_BYTES
    assert buffer.byte_count == 3 * each
    buffer.take_payload(600)
    assert buffer.byte_count == 2 * each
    assert buffer.take_all() == packets[1:]
    assert buffer.byte_count == len(buffer) == 0


def test_short_packets_count_with_what_they_occupy() -> None:
    buffer = PollBuffer()
    tracemalloc.start()
    buffer.extend(EncodedPacket(f"4{number}") for number in range(10_000))
    occupied, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert occupied <= buffer.byte_count * 1.25
