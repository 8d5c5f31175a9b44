"""What lies in the store while somebody looks at it."""

import io
import json
import struct
import wave
import zipfile
import zlib
from typing import Any

from tests.support.client import Client
from tests.support.server import Server

Content = tuple[bytes, str]
"""The bytes of a file, and what a browser says they are."""


def png(width: int = 96, height: int = 64) -> bytes:
    """A picture: a slope from blue to orange."""
    rows = b"".join(
        b"\0" + bytes(c for x in range(width) for c in (255 * x // width, 128, 255 - 255 * y // height))
        for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def pdf(text: str = "Stowage") -> bytes:
    """A document of one page. Its index is left out, as viewers cope with that."""
    drawn = f"BT /F1 24 Tf 72 720 Td ({text}) Tj ET".encode()
    return b"\n".join(
        [
            b"%PDF-1.4",
            b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj",
            b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj",
            b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
            b"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj",
            b"4 0 obj<</Length %d>>stream\n%s\nendstream endobj" % (len(drawn), drawn),
            b"trailer<</Root 1 0 R>>\n%%EOF\n",
        ]
    )


def tone(seconds: float = 0.5) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(bytes(128 + 40 * (at // 9 % 2) for at in range(int(8000 * seconds))))
    return out.getvalue()


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        zipped.writestr("inside.txt", "hello\n")
    return out.getvalue()


SAMPLES: dict[str, Content] = {
    "holiday at the sea.png": (png(), "image/png"),
    "logo.svg": (b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle r="9"/></svg>', "image/svg+xml"),
    "contract 2026.pdf": (pdf("Contract"), "application/pdf"),
    "minutes.txt": (b"Present: everybody.\n" * 40, "text/plain"),
    "voice memo.wav": (tone(), "audio/wav"),
    "prices.csv": (b"what,price\nrope,12.50\nanchor,340\n", "text/csv"),
    "backup.zip": (archive(), "application/zip"),
    "settings.json": (json.dumps({"theme": "dark"}).encode(), "application/json"),
    "dump.bin": (bytes(range(256)) * 64, "application/octet-stream"),
    "a file whose name goes on and on so that its middle has to give way in the list, final version 3.txt": (
        b"long\n",
        "text/plain",
    ),
}
"""A file of each kind; the last one is the newest, so it comes first."""


class Shelf:
    """The files of a server, put there and taken away past the pages."""

    def __init__(self, server: Server, admin: Client, uploader: Client) -> None:
        self.server = server
        self.people = {"admin": admin, "uploader": uploader}
        self.files: dict[str, dict[str, Any]] = {}

    def put(self, name: str, data: bytes = b"hello", content_type: str = "text/plain", by: str = "uploader") -> str:
        """Store a file; its id."""
        self.files[name] = self.people[by].upload(data, name, content_type)
        return str(self.files[name]["id"])

    def fill(self) -> "Shelf":
        """Nothing but the samples, half of them the admin's."""
        if list(self.files) == list(SAMPLES) and self._is_untouched():
            return self
        self.clear()
        for number, (name, (data, content_type)) in enumerate(SAMPLES.items()):
            self.put(name, data, content_type, by="admin" if number % 2 else "uploader")
        return self

    def _is_untouched(self) -> bool:
        found = {file["id"]: file["filename"] for file in self.people["admin"].every("files")}
        wanted = {file["id"]: name for name, file in self.files.items()}
        return found == wanted and not self.people["admin"].total("trash")

    def trash(self, *names: str) -> None:
        for name in names:
            self.people["admin"].trash(self.files[name])

    def id(self, name: str) -> str:
        return str(self.files[name]["id"])

    def names(self, where: str = "files") -> set[str]:
        """What is there now, as the API sees it."""
        return {file["filename"] for file in self.people["admin"].every(where)}

    def clear(self) -> None:
        """Remove every file for good, those in the trash too."""
        admin = self.people["admin"]
        for where in ("files", "trash"):
            for file in admin.every(where):
                admin.purge(file)
        self.files = {}
