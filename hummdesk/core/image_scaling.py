"""Scale an image from the standard input to a small WebP on the standard output, in a process of its own.

Pillow decodes what strangers have uploaded. In a process without environment, with limits of memory and time, a decoder
that crashes or allocates too much harms no connection, and its memory is free afterwards. Nothing of hummdesk is
imported, so that the process starts quickly.
"""

import io
import os
import resource
import sys
import warnings

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 10
NICENESS = 10
"""Messages come first."""
QUALITY = 80


def scaled(content: bytes, *, side: int, most_pixels: int, is_square: bool = False) -> bytes:
    """Return an upright WebP of an image, or of the first frame of an animation, of at most `side` pixels each way.

    `is_square`: its middle, of exactly this size. It has no metadata: photos of telephones contain the place where they
    were taken. Raises an exception of Pillow, or ValueError, for anything that is not such an image or, by its header,
    has more than `most_pixels`.
    """
    from PIL import Image, ImageOps

    warnings.simplefilter("error", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = most_pixels
    with Image.open(io.BytesIO(content), formats=("GIF", "JPEG", "PNG", "WEBP")) as image:
        if image.mode.startswith(("I", "F")):
            raise ValueError("More than 8 bits a channel would be cut off")
        image.draft("RGB", (side, side))  # a JPEG is decoded at that size or a little more
        mode = "RGBA" if image.has_transparency_data else "RGB"
        colors = image if image.mode == mode else image.convert(mode)
        if not is_square:
            colors.thumbnail((side, side))
        upright = ImageOps.exif_transpose(colors)
        small = io.BytesIO()
        (ImageOps.fit(upright, (side, side)) if is_square else upright).save(small, "WEBP", quality=QUALITY)
        return small.getvalue()


def main() -> None:
    side, most_pixels, is_square = (int(text) for text in sys.argv[1:])
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    content = sys.stdin.buffer.read()
    sys.stdout.buffer.write(scaled(content, side=side, most_pixels=most_pixels, is_square=bool(is_square)))


if __name__ == "__main__":
    main()
