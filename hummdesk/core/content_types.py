"""What a file is, by its first bytes: its name and the type that its sender announces decide nothing."""

import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

UNKNOWN = "application/octet-stream"
TEXT = "text/plain"

RASTER_IMAGES = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})
"""What pages show as images. SVG is not among them: it can contain scripts."""
MAX_PIXELS = 50_000_000
"""Larger images are files to download: a few kilobytes can become gigabytes in the memory of a browser."""
MAX_SIDE = 2**31 - 1
"""The largest width or height that is stored; no image has more, though the header of a PNG can announce it."""
HEAD_BYTES = 65_536
"""Enough to find the size of a JPEG behind its metadata; one whose size is not found is not shown."""

ORIENTATION = 0x0112
"""The tag of Exif that says how the camera was held."""
TURNED = frozenset({5, 6, 7, 8})
"""The orientations whose images are shown with width and height exchanged."""

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
)
_RIFF = ("image/webp", "audio/wav")
_CONTROL = frozenset(range(32)) - {9, 10, 12, 13, 27}


@dataclass(frozen=True, slots=True)
class Sniffed:
    """The size in pixels, as it is shown, is known of raster images only."""

    content_type: str
    width: int | None = None
    height: int | None = None


def is_shown(content_type: str | None, width: int | None, height: int | None) -> bool:
    """Whether pages may show a file as an image."""
    return content_type in RASTER_IMAGES and 0 < (width or 0) * (height or 0) <= MAX_PIXELS


def sniff(head: bytes) -> Sniffed:
    """Return what a file is that begins with these bytes."""
    content_type = _signed(head)
    if content_type in RASTER_IMAGES:
        try:
            width, height = _SIZES[content_type](head)
            return Sniffed(content_type, width, height) if max(width, height) <= MAX_SIDE else Sniffed(content_type)
        except (struct.error, IndexError, ValueError):  # it is cut off or broken
            return Sniffed(content_type)
    return Sniffed(content_type or (TEXT if _is_text(head) else UNKNOWN))


def _signed(head: bytes) -> str | None:
    for place, signature, content_type in _SIGNATURES:
        if head.startswith(signature, place) and (content_type not in _RIFF or head.startswith(b"RIFF")):
            return content_type
    return None


def _is_text(head: bytes) -> bool:
    """Whether it is UTF-8 without control characters; a character may be cut off at the end."""
    try:
        head.decode()
    except UnicodeDecodeError as fault:
        if fault.start < len(head) - 3 or fault.reason != "unexpected end of data":
            return False
    return _CONTROL.isdisjoint(head)


def _png(head: bytes) -> tuple[int, int]:
    if head[12:16] != b"IHDR":
        raise ValueError
    return struct.unpack_from(">II", head, 16)


def _gif(head: bytes) -> tuple[int, int]:
    return struct.unpack_from("<HH", head, 6)


def _webp(head: bytes) -> tuple[int, int]:
    kind = head[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X" and len(head) >= 30:
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    raise ValueError


def _jpeg(head: bytes) -> tuple[int, int]:
    """Read the segments up to the first frame header. Cameras that were turned say so in the Exif segment."""
    place, is_turned = 2, False
    while True:
        if head[place] != 0xFF:
            raise ValueError
        marker = head[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", head, place + 5)
            return (height, width) if is_turned else (width, height)
        (length,) = struct.unpack_from(">H", head, place + 2)
        if marker == 0xE1 and head.startswith(b"Exif\0\0", place + 4):
            is_turned = _orientation(head[place + 10 : place + 2 + length]) in TURNED
        place += 2 + max(2, length)


def _orientation(tiff: bytes) -> int | None:
    """Read the orientation in Exif metadata, None if it has none or is broken."""
    order = ">" if tiff.startswith(b"MM") else "<"
    with suppress(struct.error):
        (place,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, place)
        for entry in range(place + 2, place + 2 + 12 * entries, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if tag == ORIENTATION:
                return int(value)
    return None


_SIZES: dict[str, Callable[[bytes], tuple[int, int]]] = {
    "image/gif": _gif,
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/webp": _webp,
}
