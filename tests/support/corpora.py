# ruff: noqa: RUF001
"""Real input: a source tree, a disc image, a film, the names people give their files."""

import hashlib
import os
import random
from collections.abc import Iterator
from pathlib import Path

MEGABYTE = 1024 * 1024

NAMES = [
    "résumé.pdf",
    "Übergrößenträger.txt",
    "naïve café.txt",
    "Отчёт за 2024 год.docx",
    "Ελληνικά.txt",
    "תמונה.png",
    "مستند.pdf",
    "فایل نهایی.zip",
    "हिन्दी फ़ाइल.txt",
    "বাংলা.txt",
    "தமிழ்.txt",
    "ไฟล์ภาษาไทย.txt",
    "ქართული.txt",
    "Հայերեն.txt",
    "አማርኛ.txt",
    "日本語のファイル名.txt",
    "中文文件名.txt",
    "한국어 파일.txt",
    "Tiếng Việt.txt",
    "İstanbul ışık.txt",
    "🎉 party 👩‍👩‍👧 photo.jpg",
    "𐍈 gothic 𝔉𝔯𝔞𝔨𝔱𝔲𝔯.txt",
    "e\u0301 decomposed.txt",
    "no extension",
    ".hidden",
    "many.dots.tar.gz",
    "spaces   inside.txt",
    "it's; semi, comma=equals.txt",
    "100% real+plus&and#hash?.txt",
    "[brackets] {braces} (parens).txt",
    "CON.txt",
    "-rf",
    "~tilde$dollar`tick`.txt",
]
"""All of them legal file names; a store keeps them to the letter."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def noise(size: int, seed: int = 7) -> bytes:
    """Bytes that do not compress, the same at every run."""
    return random.Random(seed).randbytes(size)


def standard_library(limit: int | None = None) -> list[Path]:
    """The source tree every Python brings along."""
    root = Path(os.__file__).parent
    others = {"site-packages", "__pycache__", "test", "tests", "idle_test"}
    found = sorted(
        path for path in root.rglob("*") if path.is_file() and not others & set(path.relative_to(root).parts)
    )
    return found[:limit]


def disc_image(path: Path, size: int) -> Path:
    """A file like an ISO image: mostly holes, a volume descriptor, something at its very end."""
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(0x8000)
        file.write(b"\x01CD001\x01\x00" + b"STOWAGE TEST".ljust(32))
        for offset in range(10 * MEGABYTE, size - MEGABYTE, 37 * MEGABYTE):
            file.seek(offset)
            file.write(noise(4096, offset))
        file.seek(size - 7)
        file.write(b"the end")
    return path


def film(size: int = 24 * MEGABYTE) -> bytes:
    """A file shaped like an MP4: type box, one large data box, the index at the end."""
    index = b"moov" + noise(60_000, 2)
    start = _box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
    data = _box(b"mdat", noise(size - len(start) - 8 - len(index) - 4, 3))
    return start + data + _box(index[:4], index[4:])


def _box(kind: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4, "big") + kind + content


def pieces(data: bytes, size: int = 65_536) -> Iterator[bytes]:
    """The data in pieces; as a request body it goes out without Content-Length."""
    return (data[at : at + size] for at in range(0, len(data), size))
