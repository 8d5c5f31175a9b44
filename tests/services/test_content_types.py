"""What a file is: believed where it is harmless, and never made active by a lie."""

import gzip
import io
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.services.content_types import HEAD_SIZE, by_filename, is_active, is_allowed, normalise, settle, sniff
from webapp.services.errors import BadTypeError

OCTETS = "application/octet-stream"
HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.txt"), "hello")
    return file.getvalue()


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return file.getvalue()


MAGIC = [
    (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "image/png"),
    (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "image/jpeg"),
    (b"\xff\xd8\xff\xe1\x00\x10Exif\x00", "image/jpeg"),
    (b"GIF87a\x01\x00\x01\x00", "image/gif"),
    (b"GIF89a\x01\x00\x01\x00", "image/gif"),
    (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
    (b"BM\x36\x00\x00\x00\x00\x00", "image/bmp"),
    (b"II*\x00\x08\x00\x00\x00", "image/tiff"),
    (b"MM\x00*\x00\x00\x00\x08", "image/tiff"),
    (b"\x00\x00\x01\x00\x01\x00", "image/x-icon"),
    (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "application/pdf"),
    (b"%!PS-Adobe-3.0\n", "application/postscript"),
    (_zip(), "application/zip"),
    (gzip.compress(b"hello", mtime=0), "application/gzip"),
    (b"BZh91AY&SY\x00\x01", "application/x-bzip2"),
    (b"\xfd7zXZ\x00\x00\x04", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd\x04\x00", "application/zstd"),
    (b"7z\xbc\xaf\x27\x1c\x00\x04", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07\x01\x00", "application/vnd.rar"),
    (b"OggS\x00\x02\x00\x00", "application/ogg"),
    (b"fLaC\x00\x00\x00\x22", "audio/flac"),
    (b"ID3\x03\x00\x00\x00\x00", "audio/mpeg"),
    (b"MThd\x00\x00\x00\x06\x00\x01", "audio/midi"),
    (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav"),
    (b"RIFF\x24\x00\x00\x00AVI LIST", "video/x-msvideo"),
    (b"\x1a\x45\xdf\xa3\x01\x00\x00\x00", "video/webm"),
    (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00", "video/mp4"),
    (b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00", "image/avif"),
    (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "image/heic"),
    (b"wOFF\x00\x01\x00\x00", "font/woff"),
    (b"wOF2\x00\x01\x00\x00", "font/woff2"),
    (b"\x7fELF\x02\x01\x01\x00", "application/x-elf"),
    (b"MZ\x90\x00\x03\x00", "application/vnd.microsoft.portable-executable"),
    (b"PAR1\x15\x04\x15\x00", "application/vnd.apache.parquet"),
    (b"SQLite format 3\x00\x10\x00", "application/vnd.sqlite3"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\x00", "application/x-ole-storage"),
    (HTML, "text/html"),
    (b"\xef\xbb\xbf \n<HTML>", "text/html"),
    (b"<!-- a comment -->", "text/html"),
    (b"<script>alert(1)</script>", "text/html"),
    (b"<a href=x>", "text/html"),
    (SVG, "image/svg+xml"),
    (b"<?xml version='1.0'?>\n<!-- x -->\n<svg >", "image/svg+xml"),
    (b"<?xml version='1.0'?><feed/>", "text/xml"),
    (b"hello, world\n", "text/plain"),
    ("Grüße".encode(), "text/plain"),
    ("Grüße".encode("utf-16"), "text/plain"),
    (b"BMW is a make of cars", "text/plain"),
    (b"MZ is a make of motorcycles", "text/plain"),
    (b"ID3 is a kind of tag", "text/plain"),
    (b"BZhou wrote this", "text/plain"),
    (b"<not html", "text/plain"),
    (b"<abc>", "text/plain"),
    (b"\x00\x01\x02\x03", None),
    (b"", None),
]


@pytest.mark.parametrize(("head", "expected"), MAGIC, ids=[repr(head[:12]) for head, _ in MAGIC])
def test_the_first_bytes_tell(head: bytes, expected: str | None) -> None:
    assert sniff(head) == expected


@pytest.mark.parametrize(("head", "expected"), MAGIC, ids=[repr(head[:12]) for head, _ in MAGIC])
def test_without_a_word_from_the_client_the_bytes_decide(head: bytes, expected: str | None) -> None:
    assert settle(None, "file", head, ()) == (expected or OCTETS)
    assert settle(OCTETS, "file", head, ()) == (expected or OCTETS)


@pytest.mark.parametrize(
    ("declared", "name", "head", "expected"),
    [
        ("image/png", "a.png", HTML, "image/png"),
        ("image/png", "a.html", HTML, "image/png"),
        ("text/plain", "a.txt", HTML, "text/plain"),
        ("text/plain", "a.txt", SVG, "text/plain"),
        ("text/html", "a.html", b"\x89PNG\r\n\x1a\n\x00", "image/png"),
        ("image/svg+xml", "a.svg", b"\xff\xd8\xff\xe0\x00", "image/jpeg"),
        ("text/html", "a.html", HTML, "text/html"),
        ("image/svg+xml", "a.svg", SVG, "image/svg+xml"),
        (None, "a.png", HTML, "image/png"),
        (None, "a.csv", b"a,b\n1,2\n", "text/csv"),
        (None, "a.json", b"{}", "application/json"),
        (None, "a.docx", _zip(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (None, "a.tar.gz", gzip.compress(_tar(), mtime=0), "application/gzip"),
        (None, "a.md", b"# Title", "text/markdown"),
        ("TEXT/Plain; charset=utf-8", "a", b"hello", "text/plain"),
        ("nonsense", "a.txt", b"hello", "text/plain"),
        ("text/html\r\nX: y", "a", b"hello", "text/plain"),
        ("a/" + "b" * 100, "a", b"hello", "text/plain"),
        ("application/x-custom", "a", b"\x00\x01", "application/x-custom"),
    ],
)
def test_the_harmless_reading_wins(declared: str | None, name: str, head: bytes, expected: str) -> None:
    assert settle(declared, name, head, ()) == expected


_types = st.one_of(
    st.none(), st.text(max_size=30), st.sampled_from(["text/html", "image/svg+xml", "image/png", "text/plain", OCTETS])
)
_heads = st.one_of(st.binary(max_size=64), st.sampled_from([head for head, _ in MAGIC]))


@settings(max_examples=400, deadline=None)
@given(declared=_types, name=st.text(max_size=30), head=_heads)
def test_whatever_comes_the_result_is_a_media_type_that_fits_its_column(
    declared: str | None, name: str, head: bytes
) -> None:
    chosen = settle(declared, name, head, ())
    assert normalise(chosen) == chosen or chosen == OCTETS
    assert len(chosen) <= 128


@settings(max_examples=400, deadline=None)
@given(declared=_types, name=st.text(max_size=30), head=_heads)
def test_nothing_becomes_active_that_was_not_called_so_and_sniffs_so(
    declared: str | None, name: str, head: bytes
) -> None:
    chosen = settle(declared, name, head, ())
    if is_active(chosen):
        said = normalise(declared) or by_filename(name)
        assert said is None or is_active(said)
        found = sniff(head)
        assert found is None or is_active(found) or found == "text/plain"


@settings(max_examples=300, deadline=None)
@given(head=st.binary(max_size=HEAD_SIZE))
def test_sniffing_any_bytes_is_no_accident(head: bytes) -> None:
    found = sniff(head)
    assert found is None or normalise(found) == found


@pytest.mark.parametrize(
    ("media_type", "allowed", "expected"),
    [
        ("image/png", ("image/png",), True),
        ("image/png", ("IMAGE/PNG",), True),
        ("image/png", (" image/png ; q=1",), True),
        ("image/png", ("image/*",), True),
        ("image/png", ("Image/*; q=0.5",), True),
        ("image/png", ("image/",), True),
        ("image/png", ("*/*",), True),
        ("image/png", ("*",), True),
        ("image/png", ("text/*", "image/png"), True),
        ("image/png", ("image/jpeg",), False),
        ("image/png", ("image",), False),
        ("imagex/png", ("image/*",), False),
        ("image/png", ("",), False),
        ("image/png", ("image/p",), False),
        ("image/png", ("*/png",), False),
    ],
)
def test_the_allow_list_knows_families_parameters_and_case(
    media_type: str, allowed: tuple[str, ...], expected: bool
) -> None:
    assert is_allowed(media_type, allowed) is expected


@pytest.mark.parametrize(
    ("declared", "name", "head", "allowed"),
    [
        ("text/plain", "a.txt", b"hello", ("image/*",)),
        ("image/png", "a.png", HTML, ("image/*",)),
        ("image/png", "a.png", SVG, ("image/png",)),
        ("image/png", "a.png", b"%PDF-1.7\n\x00", ("image/*",)),
        ("text/plain", "a.txt", HTML, ("text/plain",)),
        ("application/pdf", "a.pdf", b"MZ\x90\x00", ("application/pdf",)),
        (None, "a.png", b"MZ\x90\x00", ("image/*",)),
        (None, "a", b"\x00\x01", ("image/*",)),
    ],
)
def test_a_disguise_does_not_pass_the_allow_list(
    declared: str | None, name: str, head: bytes, allowed: tuple[str, ...]
) -> None:
    with pytest.raises(BadTypeError):
        settle(declared, name, head, allowed)


@pytest.mark.parametrize(
    ("declared", "name", "head", "allowed"),
    [
        ("image/png", "a.png", b"\x89PNG\r\n\x1a\n\x00", ("image/*",)),
        ("image/jpg", "a.jpg", b"\xff\xd8\xff\xe0\x00", ("image/jpg",)),
        ("application/vnd.oasis.opendocument.text", "a.odt", _zip(), ("application/vnd.oasis.opendocument.text",)),
        ("text/csv", "a.csv", b"a,b", ("text/csv",)),
        ("application/json", "a.json", b"{}", ("application/json",)),
        ("audio/x-flac", "a.flac", b"fLaC\x00\x00", ("audio/*",)),
        ("video/quicktime", "a.mov", b"\x00\x00\x00\x14ftypqt  \x00", ("video/quicktime",)),
        ("text/html", "a.html", HTML, ("text/html",)),
        ("image/svg+xml", "a.svg", SVG, ("image/*",)),
        ("text/plain", "a.txt", b"", ("text/*",)),
    ],
)
def test_an_honest_file_passes_the_allow_list(
    declared: str | None, name: str, head: bytes, allowed: tuple[str, ...]
) -> None:
    assert settle(declared, name, head, allowed) == normalise(declared)
