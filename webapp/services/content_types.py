"""What a file is: what the client says, what the bytes say, and which of the two to believe.

Sniffing follows the WHATWG MIME Sniffing Standard (https://mimesniff.spec.whatwg.org/)
for what browsers act upon, and adds common containers. It never makes content
active: where client and bytes disagree on something a browser would execute,
the harmless type wins.
"""

import mimetypes
import re
from pathlib import PurePosixPath

from webapp.services.errors import BadTypeError

UNKNOWN = "application/octet-stream"
TEXT = "text/plain"
HEAD_SIZE = 2048
"""Bytes needed to sniff; the standard looks at 1,445."""

# Not the machine's own mime.types: the same name has the same type everywhere.
_by_name = mimetypes.MimeTypes(filenames=()).types_map[True] | {
    ".7z": "application/x-7z-compressed",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".jar": "application/java-archive",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".jsonl": "application/x-ndjson",
    ".log": TEXT,
    ".m4v": "video/mp4",
    ".md": "text/markdown",
    ".ndjson": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".toml": "application/toml",
    ".webp": "image/webp",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zst": "application/zstd",
}
_COMPRESSED = {
    ".gz": "application/gzip", ".tgz": "application/gzip", ".bz2": "application/x-bzip2",
    ".tbz2": "application/x-bzip2", ".xz": "application/x-xz", ".txz": "application/x-xz",
}  # fmt: skip

_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,63}/[a-z0-9!#$&^_.+-]{1,63}")

_ACTIVE = frozenset({
    "application/ecmascript", "application/javascript", "application/mathml+xml", "application/rdf+xml",
    "application/x-javascript", "application/x-shockwave-flash", "application/xhtml+xml", "application/xml",
    "application/xslt+xml", "image/svg+xml", "multipart/related", "multipart/x-mixed-replace", "text/ecmascript",
    "text/html", "text/javascript", "text/vbscript", "text/xml", "text/xsl",
})  # fmt: skip

# Section 7.1: a tag at the start, followed by a space or ">".
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?[\t\n\x0c\r ]*<(?:!--|(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|"
    rb"b|body|br|p|svg|meta|link|base|form|img|object|embed|frameset)(?=[\t\n\x0c\r />]))",
    re.IGNORECASE,
)
_XML = re.compile(rb"(?:\xef\xbb\xbf)?[\t\n\x0c\r ]*<\?xml")
_SVG = re.compile(rb"<svg[\t\n\x0c\r />]", re.IGNORECASE)
_SVG_FIRST = re.compile(rb"(?:\xef\xbb\xbf)?[\t\n\x0c\r ]*<svg[\t\n\x0c\r />]", re.IGNORECASE)
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBPVP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"\x00\x00\x01\x00", "image/x-icon"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"%!PS-Adobe-", "application/postscript"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"OggS\x00", "application/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"MThd\x00\x00\x00\x06", "audio/midi"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftyp", "video/mp4"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable"),
    (0, b"PAR1", "application/vnd.apache.parquet"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
)
_RIFF = frozenset({"image/webp", "audio/wav", "video/x-msvideo"})

# Signatures that only tell the container: within these families, the declared type knows more.
_CONTAINERS: dict[str, tuple[str, ...]] = {
    "application/zip": ("application/", "model/"),
    "application/x-ole-storage": ("application/",),
    "application/gzip": ("application/", "image/svg+xml"),
    "application/postscript": ("application/", "image/"),
    "application/ogg": ("audio/", "video/", "application/"),
    "video/webm": ("audio/", "video/"),
    "video/mp4": ("audio/", "video/", "image/hei", "image/avif"),
    "image/tiff": ("image/",),
}
_TEXTUAL_SUFFIXES = ("+json", "+xml", "+yaml")
_TEXTUAL = frozenset({
    "application/json", "application/ld+json", "application/sql", "application/toml", "application/x-ndjson",
    "application/x-sh", "application/x-tex", "application/x-yaml", "application/yaml", "application/postscript",
    "application/x-httpd-php", "application/rtf", "application/x-subrip", "application/pgp-signature",
    "application/x-pem-file", "application/x-python-code", "application/x-csh", "application/x-x509-ca-cert",
}) | _ACTIVE  # fmt: skip


def settle(declared: str | None, filename: str, head: bytes, allowed: tuple[str, ...]) -> str:
    """Decide the content type of an upload.

    ``declared`` is the header as sent, ``head`` the first :data:`HEAD_SIZE` bytes.

    Raises:
        BadTypeError: what the client says or what the bytes say is not allowed.
    """
    sniffed = sniff(head)
    said = normalise(declared) or by_filename(filename)
    chosen = _believed(said, sniffed)
    if allowed:
        for media_type in {chosen, said or chosen, _contradiction(said, sniffed) or chosen}:
            if not is_allowed(media_type, allowed):
                raise BadTypeError(f"{media_type} is not allowed", content_type=media_type)
    return chosen


def normalise(declared: str | None) -> str | None:
    """Return type/subtype in lower case, without parameters; None where it says nothing."""
    if not declared:
        return None
    media_type = declared.partition(";")[0].strip().lower()
    return media_type if _MEDIA_TYPE.fullmatch(media_type) and media_type != UNKNOWN else None


def by_filename(filename: str) -> str | None:
    """Guess from the extension, the same on every machine."""
    extension = PurePosixPath(filename).suffix.lower()
    return _COMPRESSED.get(extension) or _by_name.get(extension)


def sniff(head: bytes) -> str | None:
    """What the first bytes are, or None where they tell nothing (binary, or empty)."""
    binary = _BINARY.search(head) is not None
    for offset, signature, media_type in _SIGNATURES:
        # Two or three letters also begin many a text.
        certain = (binary or len(signature) > 3) and (media_type not in _RIFF or head.startswith(b"RIFF"))
        if certain and head.startswith(signature, offset):
            return media_type
    if not head:
        return None
    if head.startswith((b"\xfe\xff", b"\xff\xfe")):
        return TEXT
    if binary:
        return None
    if _SVG_FIRST.match(head) or (_XML.match(head) and _SVG.search(head)):
        return "image/svg+xml"
    if _HTML.match(head):
        return "text/html"
    return "text/xml" if _XML.match(head) else TEXT


def is_active(media_type: str) -> bool:
    """Whether a browser would run what is in it."""
    return media_type in _ACTIVE or media_type.endswith("+xml")


def is_allowed(media_type: str, allowed: tuple[str, ...]) -> bool:
    """Whether one of ``allowed`` (``type/subtype`` or ``type/*``, any case) covers the type."""
    for pattern in allowed:
        wanted = pattern.partition(";")[0].strip().lower()
        if wanted in ("*/*", "*") or wanted == media_type:
            return True
        if wanted.endswith(("/*", "/")) and media_type.startswith(wanted.rstrip("*")):
            return True
    return False


def _believed(said: str | None, sniffed: str | None) -> str:
    if said is None:
        return sniffed or UNKNOWN
    if sniffed is None or not is_active(said) or is_active(sniffed):
        # Also: said to be an image, looks like HTML. The image is the harmless reading.
        return said
    # Said to be active, looks harmless. Text cannot tell; anything else can.
    return said if sniffed == TEXT else sniffed


def _contradiction(said: str | None, sniffed: str | None) -> str | None:
    """The sniffed type, where it is another thing than what was said."""
    if said is None or sniffed is None or said == sniffed or said.startswith(_CONTAINERS.get(sniffed, ())):
        return None
    if sniffed in (TEXT, "text/xml", "text/html") and is_textual(said):
        return sniffed if is_active(sniffed) and not is_active(said) else None
    if sniffed.partition("/")[0] == said.partition("/")[0] != "application" and not is_active(sniffed):
        return None  # image/jpg and image/jpeg, audio/x-flac and audio/flac
    return sniffed


def is_textual(media_type: str) -> bool:
    """Whether files of this type are text."""
    return media_type.startswith("text/") or media_type in _TEXTUAL or media_type.endswith(_TEXTUAL_SUFFIXES)


def announced(declared: str | None, name: str, allowed: tuple[str, ...]) -> str:
    """What it seems to be before a byte is there."""
    said = normalise(declared) or by_filename(name) or UNKNOWN
    if allowed and said != UNKNOWN and not is_allowed(said, allowed):
        raise BadTypeError(f"{said} is not allowed", content_type=said)
    return said
