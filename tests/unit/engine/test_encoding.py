"""Encoded packets: WebSocket frames and items of polling payloads."""

import zlib

import pytest
from socketio import packet
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol

from hummdesk.engine.encoding import COMPRESSION_THRESHOLD, EncodedPacket, encode


def parse(data: bytes, *, compressed: bool = False) -> list[Frame]:
    parser = Protocol(CLIENT, max_size=None)
    parser.extensions = [PerMessageDeflate(True, True, 15, 15)] if compressed else []
    parser.receive_data(data)
    return [event for event in parser.events_received() if isinstance(event, Frame)]


@pytest.mark.parametrize("size", [1, 125, 126, 65_535, 65_536, 300_000])
@pytest.mark.parametrize("content", ["x", b"x"])
def test_frame_of_any_size_is_parsed_by_a_client(size: int, content: str | bytes) -> None:
    [frame] = parse(EncodedPacket(content * size).frame)
    assert frame.opcode is (Opcode.TEXT if isinstance(content, str) else Opcode.BINARY)
    assert frame.fin
    assert bytes(frame.data) == b"x" * size


def test_compressed_frames_are_decompressed_independently_of_each_other() -> None:
    packets = [EncodedPacket(text * 500) for text in ("4abc", "4äöü", "4abc")]
    frames = b"".join(packet.compressed_frame for packet in packets)
    assert len(frames) < 100
    assert [bytes(frame.data).decode() for frame in parse(frames, compressed=True)] == [
        text * 500 for text in ("4abc", "4äöü", "4abc")
    ]
    assert packets[0].compressed_frame == packets[2].compressed_frame


def test_compressed_frame_below_the_threshold_is_not_compressed() -> None:
    small = EncodedPacket("4" * (COMPRESSION_THRESHOLD - 1))
    assert small.compressed_frame is small.frame
    assert len(zlib.compress(b"4" * COMPRESSION_THRESHOLD)) < COMPRESSION_THRESHOLD


def test_frames_are_encoded_once() -> None:
    shared = EncodedPacket("4" + "x" * 1000)
    assert shared.compressed_frame is shared.compressed_frame
    assert shared.polling_payload is shared.polling_payload


def test_encode_returns_the_packet_and_its_attachments() -> None:
    event = packet.Packet(packet.EVENT, data=["upload", b"\x01", {"thumbnail": b"\x02"}])
    encoded = encode(event)
    assert [one.polling_payload for one in encoded] == [
        b'452-["upload",{"_placeholder":true,"num":0},{"thumbnail":{"_placeholder":true,"num":1}}]',
        b"bAQ==",
        b"bAg==",
    ]
