"""Thumbnails look like the image: upright, in its colours, in its shape, and never larger."""

import io
from collections.abc import Callable, Iterator
from tempfile import TemporaryFile

import pytest
from PIL import Image, ImageCms

from tests.support.images import RED, corners, encoded, opened, picture, turned
from webapp.services.images import ImageHelpers, RefusedImageError, Small

UPRIGHT = ["red", "green", "blue", "white"]
Shrink = Callable[..., Small]


@pytest.fixture(scope="module")
def shrink() -> Iterator[Shrink]:
    helpers = ImageHelpers()

    def run(data: bytes, width: int = 640) -> Small:
        with TemporaryFile() as file, helpers.slot("only") as slot:
            file.write(data)
            file.flush()
            return slot.shrink(file, width)

    yield run
    helpers.close()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "ICO"])
def test_every_format_is_read(shrink: Shrink, kind: str) -> None:
    size = (256, 256) if kind == "ICO" else (300, 200)
    small = shrink(picture(size, kind), 64)
    assert (small.original_width, small.original_height) == size
    assert opened(small.data).format == "WEBP"
    assert corners(small.data) == UPRIGHT


@pytest.mark.parametrize(
    ("size", "width", "expected"),
    [
        ((3000, 2000), 640, (640, 427)),
        ((2000, 3000), 640, (427, 640)),
        ((3000, 2000), 64, (64, 64)),
        ((2000, 3000), 128, (128, 128)),
        ((20, 10), 64, (10, 10)),
        ((300, 200), 640, (300, 200)),
        ((5000, 1), 640, (640, 1)),
        ((1, 5000), 64, (1, 1)),
        ((1, 1), 1280, (1, 1)),
    ],
)
def test_large_ones_keep_the_shape_and_small_ones_are_squares(
    shrink: Shrink, size: tuple[int, int], width: int, expected: tuple[int, int]
) -> None:
    for kind in ("PNG", "JPEG"):
        assert opened(shrink(picture(size, kind), width).data).size == expected


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_camera_that_was_turned_gives_an_upright_thumbnail(shrink: Shrink, kind: str, orientation: int) -> None:
    stored = {
        1: UPRIGHT,
        2: ["green", "red", "white", "blue"],
        3: ["white", "blue", "green", "red"],
        4: ["blue", "white", "red", "green"],
        5: ["red", "blue", "green", "white"],
        6: ["blue", "red", "white", "green"],
        7: ["white", "green", "blue", "red"],
        8: ["green", "white", "red", "blue"],
    }[orientation]
    for width, expected in ((640, (200, 300) if orientation > 4 else (300, 200)), (64, (64, 64))):
        small = shrink(picture(kind=kind, exif=turned(orientation)), width)
        assert corners(small.data) == stored
        assert opened(small.data).size == expected
        assert (small.original_width > small.original_height) == (orientation <= 4)


def test_a_large_photograph_is_turned_too(shrink: Shrink) -> None:
    """It is made smaller while it is decoded."""
    small = shrink(picture((4000, 3000), "JPEG", exif=turned(6)), 64)
    assert corners(small.data) == ["blue", "red", "white", "green"]
    assert (small.original_width, small.original_height) == (3000, 4000)


def test_the_first_frame_of_an_animation_is_shown(shrink: Shrink) -> None:
    frames = [Image.new("RGB", (100, 100), colour) for colour in (RED, (0, 255, 0), (0, 0, 255))]
    for kind in ("GIF", "WEBP", "PNG"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        small = shrink(data, 640)
        assert corners(small.data) == ["red"] * 4
        assert getattr(opened(small.data), "n_frames", 1) == 1


@pytest.mark.parametrize("progressive", [False, True])
def test_the_colours_of_print_are_turned_into_those_of_screens(shrink: Shrink, progressive: bool) -> None:
    assert corners(shrink(picture(kind="JPEG", mode="CMYK", progressive=progressive)).data) == UPRIGHT
    assert corners(shrink(picture(kind="TIFF", mode="CMYK")).data) == UPRIGHT


def test_a_colour_profile_is_applied_and_not_kept(shrink: Shrink) -> None:
    """Swapped primaries: what is stored as red looks green to whoever honours the profile."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tags = [srgb.index(name) for name in (b"rXYZ", b"gXYZ")]
    swapped = bytearray(srgb)
    swapped[tags[0] : tags[0] + 4], swapped[tags[1] : tags[1] + 4] = b"gXYZ", b"rXYZ"
    for mode in ("RGB", "RGBA"):
        small = shrink(picture(mode=mode, icc_profile=bytes(swapped)))
        assert corners(small.data) == ["green", "red", "blue", "white"]
        assert "icc_profile" not in opened(small.data).info
    assert corners(shrink(picture(icc_profile=b"no profile at all")).data) == UPRIGHT


def test_transparency_stays(shrink: Shrink) -> None:
    image = Image.new("RGBA", (200, 200), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 100, 200))
    for stored in (
        encoded(image), encoded(image.quantize()), encoded(image, "GIF"), encoded(image, "WEBP"),
        encoded(image.convert("LA")), encoded(Image.new("L", (200, 200)), transparency=0),
        encoded(Image.new("RGB", (200, 200)), transparency=(0, 0, 0)),
    ):  # fmt: skip
        for width in (64, 640):
            alpha = opened(shrink(stored, width).data).getchannel("A")
            assert alpha.getpixel((alpha.width - 1, 0)) == 0


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "I", "F", "LAB", "YCbCr"])
def test_every_kind_of_pixel_is_shown(shrink: Shrink, mode: str) -> None:
    image = Image.new("L", (200, 100), 0)
    image.paste(255, (100, 0, 200, 100))
    if mode in ("I;16", "I"):
        image = image.convert("I").point(lambda value: value * 257).convert(mode)
    elif mode == "LAB":
        image = Image.merge("LAB", (image, Image.new("L", image.size, 128), Image.new("L", image.size, 128)))
    else:
        image = image.convert(mode)
    for width in (64, 640):
        shown = opened(shrink(encoded(image, "TIFF"), width).data).convert("L")
        assert shown.getpixel((0, 0)) < 20
        assert shown.getpixel((shown.width - 1, 0)) > 235


def test_places_and_names_do_not_leave_with_a_thumbnail(shrink: Shrink) -> None:
    exif = turned(1)
    exif[0x010F] = "SECRETCAMERA"
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        small = shrink(picture(kind=kind, exif=exif))
        assert b"SECRET" not in small.data
        assert not opened(small.data).getexif()


def test_a_thumbnail_is_small(shrink: Shrink) -> None:
    data = encoded(Image.effect_mandelbrot((2000, 1500), (-2, -1.5, 1, 1.5), 100).convert("RGB"), "JPEG")
    for width, most in ((64, 2_000), (128, 5_000), (640, 60_000), (1280, 160_000)):
        assert len(shrink(data, width).data) < most


def test_what_is_no_image_is_refused(shrink: Shrink) -> None:
    whole = picture((600, 400), "JPEG")
    for data in (b"", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", whole[:20], picture()[:60], bytes(99)):
        with pytest.raises(RefusedImageError):
            shrink(data, 64)


def test_programs_that_draw_are_not_even_tried(shrink: Shrink) -> None:
    """EPS is run by Ghostscript; others are read by code that few have looked at."""
    out = io.BytesIO()
    Image.new("RGB", (10, 10)).save(out, "EPS")
    with pytest.raises(RefusedImageError):
        shrink(out.getvalue(), 64)
    for kind in ("PPM", "TGA", "PCX", "SGI", "ICNS", "DDS"):
        with pytest.raises(RefusedImageError):
            shrink(picture((64, 64), kind), 64)


def test_an_image_that_was_cut_short_is_refused(shrink: Shrink) -> None:
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"):
        data = picture((600, 400), kind)
        with pytest.raises(RefusedImageError):
            shrink(data[: len(data) // 2], 64)
