"""Images as people have them, and as attackers send them."""

import io
import struct
import zlib
from typing import Any

from PIL import Image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
ORIENTATION = 0x0112


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def picture(size: tuple[int, int] = (300, 200), kind: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    """Red, green, blue and white in the four corners, in this order by rows."""
    image = Image.new("RGB", size, WHITE)
    width, height = size[0] // 2, size[1] // 2
    image.paste(RED, (0, 0, width, height))
    image.paste(GREEN, (width, 0, size[0], height))
    image.paste(BLUE, (0, height, width, size[1]))
    return encoded(image.convert(mode), kind, **options)


def turned(orientation: int) -> Image.Exif:
    """The description of a camera that was held this way."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def corners(data: bytes) -> list[str]:
    """The names of the colours in the four corners, by rows."""
    image = opened(data).convert("RGB")
    right, bottom = image.width - 1, image.height - 1
    return [_named(image.getpixel(at)) for at in ((0, 0), (right, 0), (0, bottom), (right, bottom))]


def _named(colour: Any) -> str:
    names = {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE}
    return min(names, key=lambda name: sum(abs(a - b) for a, b in zip(names[name], colour, strict=True)))


# --- what attackers send ----------------------------------------------------------


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of zeros: thousands of pixels in each byte."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(1)
    some = bytes((width + 1) * 100)
    rows = b"".join(packer.compress(some) for _ in range(height // 100)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def png_of_size(width: int, height: int) -> bytes:
    """The header of a PNG, and no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"")) + _chunk(b"IEND", b"")


def gif_of_size(width: int, height: int) -> bytes:
    """A GIF whose one frame says it is so large."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\x00\x3b"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + frame


def tiff(entries: list[tuple[int, int, int, int]], following: int = 0, data: bytes = b"") -> bytes:
    """A little-endian TIFF of one directory; ``entries`` are tag, type, count and value."""
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\x00" + struct.pack("<I", 8) + directory + struct.pack("<I", following) + data


def tiff_of_size(width: int, height: int, **options: int) -> bytes:
    """A TIFF without pixels that says it is so large."""
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, options.get("strip", 100)),
    ]  # fmt: skip
    return tiff(entries, following=options.get("following", 0), data=bytes(100))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
