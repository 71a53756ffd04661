"""Small images: upright, of the first frame, without metadata; bombs and broken files are refused."""

import io
import struct
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from PIL import Image

from hummdesk.core import thumbnails
from hummdesk.core.content_types import MAX_PIXELS, ORIENTATION, sniff
from hummdesk.core.image_scaling import scaled

RED, BLUE = (200, 0, 0), (0, 0, 200)


def stored(image: Image.Image, kind: str, **options: Any) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def small(content: bytes, side: int = 64) -> Image.Image:
    return Image.open(io.BytesIO(scaled(content, side=side, most_pixels=MAX_PIXELS)))


def photo(orientation: int) -> bytes:
    """A JPEG that is red on its left and blue on its right, taken with a camera that was held so."""
    image = Image.new("RGB", (400, 200), BLUE)
    image.paste(RED, (0, 0, 200, 200))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[0x010F] = "Maker"
    return stored(image, "JPEG", exif=exif)


def is_red(pixel: Any) -> bool:
    return bool(pixel[0] > pixel[2])


@pytest.mark.parametrize(
    ("orientation", "size", "is_top_left_red", "is_bottom_left_red"),
    [(1, (64, 32), True, True), (3, (64, 32), False, False), (6, (32, 64), True, False), (8, (32, 64), False, True)],
)
def test_photo_of_a_turned_camera_is_upright_and_its_size_is_that_of_the_shown_image(
    orientation: int, size: tuple[int, int], is_top_left_red: bool, is_bottom_left_red: bool
) -> None:
    content = photo(orientation)
    image = small(content)
    assert (image.format, image.size) == ("WEBP", size)
    assert is_red(image.getpixel((4, 4))) == is_top_left_red
    assert is_red(image.getpixel((4, size[1] - 4))) == is_bottom_left_red
    found = sniff(content)
    assert (found.width, found.height) == ((400, 200) if size == (64, 32) else (200, 400))


def test_photo_loses_its_metadata() -> None:
    image = small(photo(6))
    assert not image.getexif()
    assert "exif" not in image.info


def test_first_frame_of_an_animation_is_kept() -> None:
    frames = [Image.new("RGB", (300, 300), color) for color in (RED, BLUE)]
    for kind in ("GIF", "WEBP"):
        image = small(stored(frames[0], kind, save_all=True, append_images=frames[1:]))
        assert getattr(image, "n_frames", 1) == 1
        assert is_red(image.getpixel((10, 10)))


def test_transparency_is_kept() -> None:
    image = small(stored(Image.new("RGBA", (300, 100), (0, 0, 0, 0)), "PNG"))
    assert (image.mode, image.size, image.getpixel((5, 5))[3]) == ("RGBA", (64, 21), 0)  # type: ignore[index]


def test_image_that_is_small_is_not_enlarged() -> None:
    assert small(stored(Image.new("RGB", (30, 20)), "PNG")).size == (30, 20)


def bomb() -> bytes:
    """A few kilobytes that are a PNG of 400 million pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(20_001 * 100)))


@pytest.mark.parametrize(
    "content",
    [
        bomb(),
        photo(1)[:500],
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        stored(Image.new("I;16", (300, 300)), "PNG"),
        stored(Image.new("RGB", (300, 300)), "TIFF"),
    ],
    ids=["bomb", "cut off", "broken", "SVG", "16 bits", "TIFF"],
)
def test_bombs_broken_images_and_other_files_are_refused(content: bytes) -> None:
    with pytest.raises((OSError, ValueError, SyntaxError, Image.DecompressionBombError)):
        scaled(content, side=64, most_pixels=MAX_PIXELS)


async def parts(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]


async def test_scale_in_a_process_returns_a_small_image_and_nothing_of_a_broken_one() -> None:
    image = Image.open(io.BytesIO(await thumbnails.scale(parts(photo(6)))))
    assert (image.format, image.size) == ("WEBP", (200, 400))
    assert await thumbnails.scale(parts(bomb() + bytes(1_000_000))) == b""


async def test_scale_with_a_source_that_fails_raises_its_error() -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield photo(1)[:100]
        raise LookupError

    with pytest.raises(LookupError):
        await thumbnails.scale(failing())
