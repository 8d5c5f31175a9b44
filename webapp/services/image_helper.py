"""The program that decodes images: started by images.py, run alone, without secrets and within limits.

Images come from strangers and their decoders are written in C. What goes wrong here,
from a crash to a bomb that eats memory, takes this process with it and no download.

It knows nothing of Stowage. On the socket that is its standard input it says one byte
when it is ready; then come requests (a width, and the open file beside it), and an
answer goes back for each. It ends when the socket is closed.
"""

import io
import os
import resource
import socket
import struct
import warnings
from contextlib import suppress
from typing import BinaryIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
    Image,
    ImageCms,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

READY = b"\x01"
REQUEST = struct.Struct("!I")
ANSWER = struct.Struct("!III")
"""Number of bytes that follow, 0 when the image is refused; width and height of the original."""

SQUARE_UP_TO = 128
"""Small ones are tiles of lists: a square from the middle. Larger ones keep their shape."""
MOST_PIXELS = 64_000_000
MOST_PIXELS_SCALED = 250_000_000
"""For what is made small while it is decoded, see :func:`_scales_itself`."""
MOST_MEMORY = 1024 * 1024 * 1024
MOST_SECONDS = 10
MOST_SCANS = 100
"""Of a progressive JPEG; ten are usual, and each one goes over the whole image."""
QUALITY = 80

# Named one by one: whatever else Pillow can read, such as EPS, is not even tried.
_FORMATS = [
    plugin.format
    for plugin in (
        AvifImagePlugin.AvifImageFile,
        BmpImagePlugin.BmpImageFile,
        GifImagePlugin.GifImageFile,
        IcoImagePlugin.IcoImageFile,
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        TiffImagePlugin.TiffImageFile,
        WebPImagePlugin.WebPImageFile,
    )
]
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})
_SRGB = ImageCms.createProfile("sRGB")


class RefusedError(Exception):
    """More than is good for us."""


def main() -> None:
    """Answer requests until nobody is there any more."""
    _limit_self()
    with socket.socket(fileno=0) as door:
        door.sendall(READY)
        while True:
            request, descriptors, _, _ = socket.recv_fds(door, REQUEST.size, 1)
            if len(request) < REQUEST.size or not descriptors:
                return
            with open(descriptors[0], "rb") as file:
                door.sendall(_answer(file, *REQUEST.unpack(request)))


def _limit_self() -> None:
    os.nice(10)  # whoever downloads goes first
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS_SCALED
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each thread takes address space, and there may be many processors
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    for what, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 16),
    ):
        with suppress(OSError, ValueError):  # not every system has each
            resource.setrlimit(what, (most, most))


def _answer(file: BinaryIO, width: int) -> bytes:
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + MOST_SECONDS
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        file.seek(0)
        data, size = make(file, width)
    except Exception:  # noqa: BLE001 (decoders raise anything, and whatever it is, there is no thumbnail)
        return ANSWER.pack(0, 0, 0)
    return ANSWER.pack(len(data), *size) + data


def make(file: BinaryIO, width: int) -> tuple[bytes, tuple[int, int]]:
    """Return the thumbnail as WebP, and how large the original is when held upright.

    Raises:
        RefusedError: too many pixels. Pillow raises all kinds of errors besides.
    """
    image: Image.Image = Image.open(file, formats=_FORMATS)
    original = image.size
    orientation = _orientation(image)
    target, part = _shape(original, width)
    _make_loadable(image, target, file)
    # A JPEG may be smaller by now.
    scale_x, scale_y = image.size[0] / original[0], image.size[1] / original[1]
    box = (part[0] * scale_x, part[1] * scale_y, part[2] * scale_x, part[3] * scale_y)
    small = _resizable(image).resize(target, Image.Resampling.LANCZOS, box=box, reducing_gap=2.0)
    shown = _in_screen_colours(small, image.info.get("icc_profile"))
    if orientation in _TURNS:
        shown = shown.transpose(_TURNS[orientation])
    upright = original[::-1] if orientation in _ON_ITS_SIDE else original
    out = io.BytesIO()
    # Told apart from what is kept in the image: no place, camera or profile leaves with a thumbnail.
    shown.save(out, "WEBP", quality=QUALITY, method=4, exif=b"", icc_profile=b"", xmp=b"")
    return out.getvalue(), (upright[0], upright[1])


def _shape(size: tuple[int, int], width: int) -> tuple[tuple[int, int], tuple[float, float, float, float]]:
    """The size of the thumbnail, and the part of the image that is in it. Nothing is enlarged."""
    if width <= SQUARE_UP_TO:
        side = min(size)
        left, top = (size[0] - side) / 2, (size[1] - side) / 2
        return (min(side, width),) * 2, (left, top, left + side, top + side)
    scale = min(1.0, width / max(size))
    return (max(1, round(size[0] * scale)), max(1, round(size[1] * scale))), (0, 0, *size)


def _make_loadable(image: Image.Image, target: tuple[int, int], file: BinaryIO) -> None:
    """Ask for as few pixels as will do, and refuse what are too many then."""
    if _scales_itself(image):
        # With this call libjpeg decodes an eighth, quarter or half of each side.
        image.draft(None, (target[0] * 2, target[1] * 2))
    if image.size[0] * image.size[1] > MOST_PIXELS:
        raise RefusedError("too many pixels")
    if "progressive" in image.info and _scans(file) > MOST_SCANS:
        raise RefusedError("too many scans")


def _scales_itself(image: Image.Image) -> bool:
    """Whether a large image needs little memory. A progressive JPEG is first read as a whole, in all its scans."""
    return image.format in ("JPEG", "MPO") and "progressive" not in image.info


def _scans(file: BinaryIO) -> int:
    """How many there are, at most: other parts of the file may look like the start of one."""
    at = file.tell()
    file.seek(0)
    count = file.read().count(b"\xff\xda")
    file.seek(at)
    return count


def _orientation(image: Image.Image) -> int:
    if image.format == "TIFF":
        return 1  # Pillow has turned it already
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 (a broken description does not make the image broken)
        return 1


def _resizable(image: Image.Image) -> Image.Image:
    """In a mode whose values can be averaged."""
    if image.mode.startswith("I;16"):
        return image.convert("I")
    if image.mode == "PA" or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert({"P": "RGB", "1": "L"}.get(image.mode, image.mode))


def _in_screen_colours(image: Image.Image, profile: bytes | None) -> Image.Image:
    """In sRGB with eight bits, as browsers expect of an image that says nothing else."""
    if image.mode in ("I", "F"):
        return _stretched(image)
    if profile and image.mode in ("RGB", "RGBA", "CMYK"):
        alpha = image.getchannel("A") if image.mode == "RGBA" else None
        with suppress(ImageCms.PyCMSError, OSError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            plain = image.convert("RGB") if alpha else image
            converted = ImageCms.profileToProfile(plain, source, _SRGB, outputMode="RGB")
            if converted is not None:
                if alpha:
                    converted.putalpha(alpha)
                return converted
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _stretched(image: Image.Image) -> Image.Image:
    """Sixteen bits and more: 0 stays black where the range is the usual one."""
    low, high = (float(value) for value in image.getextrema())  # type: ignore[arg-type]
    if low >= 0 and 255 < high <= 65535:
        low, high = 0.0, 65535.0
    scale = 255 / (high - low) if high > low else 1.0
    return image.convert("F").point(lambda value: value * scale - low * scale).convert("L").convert("RGB")


if __name__ == "__main__":
    main()
