"""Static files: read once, addressed by their content, compressed once, kept by browsers for good.

All of them share one version, a hash over the whole tree. So an address with a
version never changes its meaning, and what a style sheet or a module asks for by
a relative address comes from the same tree as itself.
"""

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from flask import Flask, Response, request

from webapp.http.compression import accepts_gzip
from webapp.services.errors import NotFoundError

_FOLDER = Path(__file__).resolve().parent.parent / "static"
_VERSION_LENGTH = 12
FOR_GOOD = "public, max-age=31536000, immutable"
ASK_EACH_TIME = "no-cache"
# From our own table: what a system thinks of a suffix differs from machine to machine.
_TYPES = {
    "": "text/plain; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
_COMPRESSED_ALREADY = {".png", ".woff2"}
_BLOCK_COMMENT = re.compile(r"^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*$", re.DOTALL | re.MULTILINE)
_LINE_COMMENT = re.compile(r"^[ \t]*//.*$", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)


@dataclass(frozen=True)
class Asset:
    """A static file in memory."""

    content: bytes
    suffix: str

    @cached_property
    def content_type(self) -> str:
        """What browsers take it for."""
        return _TYPES.get(self.suffix, "application/octet-stream")

    @cached_property
    def tag(self) -> str:
        """A name for exactly these bytes."""
        return hashlib.sha256(self.content).hexdigest()[:16]

    @cached_property
    def packed(self) -> bytes | None:
        """The same compressed as well as can be, where that makes it smaller; done when first asked for."""
        if self.suffix in _COMPRESSED_ALREADY:
            return None
        packed = gzip.compress(self.content, compresslevel=9, mtime=0)
        return packed if len(packed) < len(self.content) else None


class Assets:
    """All files below a folder, as they were when the process began.

    Were they read when asked for, an update of a running installation could send new
    bytes under the old version, and browsers would keep them for a year.
    """

    def __init__(self, folder: Path) -> None:
        self.files = {
            path.relative_to(folder).as_posix(): Asset(_content(path, folder), path.suffix)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        digest = hashlib.sha256()
        for name, asset in self.files.items():
            digest.update(f"{name}\0{asset.tag}\0".encode())
        self.version = digest.hexdigest()[:_VERSION_LENGTH]

    def find(self, name: str) -> tuple[Asset, bool]:
        """A file by its path with or without a version, and whether that is the present one.

        Raises:
            NotFoundError: there is none.
        """
        version, _, path = name.partition("/")
        if path in self.files and _is_version(version):
            return self.files[path], version == self.version
        if name in self.files:
            return self.files[name], False
        raise NotFoundError("no such static file")


def register(app: Flask) -> None:
    """Serve the static files of this application, and tell templates where they are."""
    ours()
    app.add_url_rule("/static/<path:filename>", "static", _serve)
    app.jinja_env.globals["asset"] = asset


def asset(path: str) -> str:
    """The address of a static file, which means these very bytes for good.

    Raises:
        LookupError: there is no such file; a template is wrong.
    """
    kept = ours()
    if path not in kept.files:
        raise LookupError(f"no static file {path}")
    return f"{request.script_root}/static/{kept.version}/{path}"


@cache
def ours() -> Assets:
    """The static files of this application."""
    return Assets(_FOLDER)


def lean(text: str, suffix: str) -> str:
    """A style sheet or module of ours without indentation and comments that have lines of their own.

    That is a sixth of what they weigh compressed. Every line stays where it is, so the
    numbers in error messages are those of the source. A template literal would lose its
    indentation if it had several lines: a test sees to it that none has.
    """
    text = _BLOCK_COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)
    if suffix == ".js":
        text = _LINE_COMMENT.sub("", text)
    return _INDENT.sub("", text)


def _content(path: Path, folder: Path) -> bytes:
    content = path.read_bytes()
    # What others wrote goes out as they wrote it, with their licences.
    if path.suffix not in (".css", ".js") or path.is_relative_to(folder / "vendor"):
        return content
    return lean(content.decode(), path.suffix).encode()


def _is_version(text: str) -> bool:
    return len(text) == _VERSION_LENGTH and set(text) <= set("0123456789abcdef")


def _serve(filename: str) -> Response:
    found, current = ours().find(filename)
    packed = found.packed if accepts_gzip() else None
    response = Response(found.content if packed is None else packed, content_type=found.content_type)
    # The two forms are different bytes, so they need different tags (RFC 9110, 8.8.3).
    response.set_etag(found.tag if packed is None else f"{found.tag}-gzip")
    response.headers["Cache-Control"] = FOR_GOOD if current else ASK_EACH_TIME
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if packed is not None:
        response.headers["Content-Encoding"] = "gzip"
    if found.suffix not in _COMPRESSED_ALREADY:
        response.vary.add("Accept-Encoding")
    response.make_conditional(request)
    return response
