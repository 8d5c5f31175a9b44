"""Images made to eat memory or time are refused, quickly, and whatever happens stays in the helper."""

import random
import resource
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from PIL import Image

from tests.support.images import encoded, gif_of_size, opened, picture, png_bomb, png_of_size, tiff, tiff_of_size
from webapp.services.images import ImageHelpers, RefusedImageError, Small

QUICK_SECONDS = 3
Shrink = Callable[..., Small]


@pytest.fixture(scope="module")
def helpers() -> Iterator[ImageHelpers]:
    made = ImageHelpers()
    yield made
    made.close()


@pytest.fixture
def shrink(helpers: ImageHelpers) -> Shrink:
    def run(data: bytes, width: int = 64) -> Small:
        with TemporaryFile() as file, helpers.slot("only") as slot:
            file.write(data)
            file.flush()
            return slot.shrink(file, width)

    return run


def refused_quickly(shrink: Shrink, data: bytes) -> None:
    started = time.monotonic()
    with pytest.raises(RefusedImageError):
        shrink(data)
    assert time.monotonic() - started < QUICK_SECONDS


@pytest.mark.parametrize(
    "data",
    [
        png_of_size(100_000, 100_000),
        png_of_size(2**31 - 1, 2**31 - 1),
        png_of_size(8001, 8000),
        gif_of_size(65_535, 65_535),
        gif_of_size(20_000, 20_000),
        tiff_of_size(100_000, 100_000),
        tiff_of_size(2**32 - 1, 1),
        tiff_of_size(2**16, 2**16, strip=2**32 - 1),
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 2**31 - 1, 2**31 - 1, 1, 24, 0, 0, 0, 0, 0, 0),
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 30_000, -30_000, 1, 1, 0, 0, 0, 0, 0, 0),
    ],
    ids=range(10),
)
def test_a_header_that_promises_too_much_is_refused(shrink: Shrink, data: bytes) -> None:
    refused_quickly(shrink, data)


def test_a_small_file_with_gigabytes_in_it_is_refused(shrink: Shrink) -> None:
    data = png_bomb(30_000, 30_000)
    assert len(data) < 5_000_000
    refused_quickly(shrink, data)


def test_a_jpeg_may_be_larger_because_it_is_read_smaller(shrink: Shrink) -> None:
    """Two hundred megapixels, as some telephones make them."""
    large = encoded(Image.new("L", (16_320, 12_240), 77), "JPEG")
    assert shrink(large).original_width == 16_320
    assert opened(shrink(large, 1280).data).size == (1280, 960)
    refused_quickly(shrink, encoded(Image.new("L", (16_320, 16_320)), "JPEG"))


def test_a_progressive_jpeg_may_not_because_it_is_read_whole(shrink: Shrink) -> None:
    refused_quickly(shrink, encoded(Image.new("L", (10_000, 8_000)), "JPEG", progressive=True))
    assert shrink(encoded(Image.new("L", (4_000, 3_000)), "JPEG", progressive=True))


def test_a_jpeg_with_hundreds_of_scans_is_refused(shrink: Shrink) -> None:
    """Each scan goes over the whole image again: a few bytes more, a tenth of a second more."""
    data = encoded(Image.new("L", (4_000, 4_000), 99), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    refused_quickly(shrink, data[:last] + data[last:-2] * 400 + data[-2:])


def test_a_large_image_takes_the_memory_of_the_helper_only(shrink: Shrink) -> None:
    """All that is allowed, in the costliest kind of pixels."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = encoded(Image.new("RGBA", (8_000, 8_000), (1, 2, 3, 4)), compress_level=1)
    made = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    small = shrink(data, 1280)
    assert opened(small.data).size == (1280, 1280)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - made < 20_000 or after == before


def test_a_directory_that_follows_itself_does_not_turn_for_ever(shrink: Shrink) -> None:
    assert shrink(tiff_of_size(10, 10, following=8)), "only the first page is looked at"
    endless = tiff([(0x8769, 4, 1, 8), (330, 4, 1, 8), (256, 4, 1, 10)], following=8)
    refused_quickly(shrink, endless)
    refused_quickly(shrink, tiff([(256, 2, 2**32 - 1, 8), (257, 4, 2**30, 8)]))


def test_a_description_that_is_broken_does_not_break_the_image(shrink: Shrink) -> None:
    for exif in (b"Exif\0\0", b"Exif\0\0garbage", b"Exif\0\0" + tiff([(0x0112, 5, 2**32 - 1, 0)], following=8)):
        assert shrink(picture(kind="JPEG", exif=exif))


def test_a_text_in_the_image_that_unpacks_to_gigabytes_is_refused(shrink: Shrink) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    whole = picture()
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(200_000_000)))
    refused_quickly(shrink, whole[:33] + text + whole[33:])


def test_random_damage_never_does_more_than_refuse(helpers: ImageHelpers, shrink: Shrink) -> None:
    chance = random.Random(3)
    before = len(list(Path("/proc/self/fd").iterdir()))  # other tests may have left some open
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "ICO"):
        whole = picture((64, 48), kind)
        for _ in range(40):
            data = bytearray(whole)
            for _ in range(chance.randint(1, 8)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            try:
                shrink(bytes(data))
            except RefusedImageError:
                continue
    assert len(list(Path("/proc/self/fd").iterdir())) - before < 20
