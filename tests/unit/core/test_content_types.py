"""What a file is, by its first bytes."""

import struct

import pytest

from hummdesk.core.content_types import MAX_PIXELS, Sniffed, is_shown, sniff

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480) + bytes(5)
GIF = b"GIF89a" + struct.pack("<HH", 640, 480)
EXIF = b"\xff\xe1" + struct.pack(">H", 5000) + bytes(4998)
JPEG = b"\xff\xd8" + EXIF + b"\xff\xc2" + struct.pack(">HBHH", 17, 8, 480, 640)
WEBP = {
    "lossy": b"VP8 " + bytes(10) + struct.pack("<HH", 640, 480),
    "lossless": b"VP8L" + bytes(4) + b"\x2f" + struct.pack("<I", 639 | 479 << 14),
    "extended": b"VP8X" + bytes(8) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little"),
}


@pytest.mark.parametrize(
    ("head", "content_type"),
    [(PNG, "image/png"), (GIF, "image/gif"), (JPEG, "image/jpeg")]
    + [(b"RIFF\0\0\0\0WEBP" + chunk, "image/webp") for chunk in WEBP.values()],
)
def test_sniff_raster_image_returns_its_type_and_size(head: bytes, content_type: str) -> None:
    assert sniff(head) == Sniffed(content_type, 640, 480)


@pytest.mark.parametrize("side", [2**31, 2**32 - 1])
def test_sniff_image_with_a_side_beyond_the_column_returns_no_size(side: int) -> None:
    for width, height in ((side, 1), (1, side)):
        head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
        assert sniff(head) == Sniffed("image/png")


@pytest.mark.parametrize(
    "head", [PNG[:12], JPEG[:20], GIF[:7], b"RIFF\0\0\0\0WEBPVP8 ", b"\xff\xd8\xff\xe0" + bytes(99)]
)
def test_sniff_broken_image_returns_no_size_and_it_is_not_shown(head: bytes) -> None:
    found = sniff(head)
    assert found.width is None
    assert not is_shown(found.content_type, found.width, found.height)


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04rest", "application/zip"),
        (b"<!doctype html><script>", "text/plain"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'>", "text/plain"),
        ("Grüße".encode()[:-2], "text/plain"),
        (b"Gr\xfc\xdfe, with more behind it", "application/octet-stream"),
        (b"MZ\x90\x00", "application/octet-stream"),
        (b"GIF", "text/plain"),
        (b"xxxxxxxxWEBP\x00", "application/octet-stream"),
    ],
)
def test_sniff_other_file_returns_a_type_that_no_browser_runs(head: bytes, content_type: str) -> None:
    assert sniff(head) == Sniffed(content_type)


def test_image_of_too_many_pixels_is_not_shown() -> None:
    assert is_shown("image/png", 5000, MAX_PIXELS // 5000)
    assert not is_shown("image/png", 65_535, 65_535)
    assert not is_shown("image/svg+xml", 10, 10)
