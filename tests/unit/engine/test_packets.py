"""Decoding of packets from untrusted clients."""

import pytest

from hummdesk.engine.packet import Json, MalformedPacket, UnparsedPayload, decode

SMALL = 1000


def test_decode_event_returns_id_and_arguments() -> None:
    decoded = decode('27["x",{"a":1}]', max_bytes=SMALL)
    assert (decoded.id, decoded.data) == (7, ["x", {"a": 1}])


@pytest.mark.parametrize("text", ["ä" * 600, "x" * 1100])
def test_decode_event_over_the_limit_in_bytes_keeps_its_id(text: str) -> None:
    decoded = decode(f'27["x","{text}"]', max_bytes=SMALL)
    assert (decoded.id, decoded.data) == (7, ["x", UnparsedPayload.TOO_LARGE])
    assert decode('27["x","' + "ä" * 400 + '"]', max_bytes=SMALL).data[1] == "ä" * 400


def test_decode_event_nested_too_deeply_keeps_its_id() -> None:
    decoded = decode('27["x",' + "[" * 10_000 + "]" * 10_000 + "]", max_bytes=10**6)
    assert (decoded.id, decoded.data) == (7, ["x", UnparsedPayload.TOO_DEEP])


@pytest.mark.parametrize(
    "packet",
    [
        "",
        "x",
        "2",
        "2{}",
        '2"x"',
        "2[]",
        "2[",
        "2[NaN]",
        "2x[]",
        "1" * 5000,
        "0[]",
        '0"x"',
        "3{}",
        '511-["x"]',
        "2" + "[" * 10_000,
        "2" + "9" * 200 + '["x"]',
    ],
)
def test_decode_malformed_packet_raises_malformed_packet(packet: str) -> None:
    with pytest.raises(MalformedPacket):
        decode(packet, max_bytes=SMALL)


def test_dumps_encodes_values_that_orjson_refuses() -> None:
    assert Json.dumps({"a": "\ud800", "b": 2**70}) == '{"a":"\\ud800","b":1180591620717411303424}'
