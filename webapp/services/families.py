"""Families of media types: what lists are filtered by, and what colours and icons people see."""

from webapp.services.content_types import is_textual

FAMILIES = ("image", "video", "audio", "doc", "sheet", "archive", "code", "data", "other")
"""All there are, in the order they are offered. A change needs a migration: rows carry their family."""

_OFFICE = "application/vnd.openxmlformats-officedocument."
_TYPES = {
    "doc": (
        "application/pdf", "application/msword", "application/rtf", "application/epub+zip", "application/postscript",
        "application/vnd.ms-powerpoint", "application/vnd.oasis.opendocument.text",
        "application/vnd.oasis.opendocument.presentation", f"{_OFFICE}wordprocessingml.document",
        f"{_OFFICE}presentationml.presentation", "text/plain", "text/markdown", "text/rtf",
    ),
    "sheet": (
        "text/csv", "text/tab-separated-values", "application/vnd.ms-excel",
        "application/vnd.oasis.opendocument.spreadsheet", f"{_OFFICE}spreadsheetml.sheet",
    ),
    "archive": (
        "application/zip", "application/gzip", "application/x-tar", "application/x-bzip2", "application/x-xz",
        "application/zstd", "application/x-7z-compressed", "application/vnd.rar", "application/x-rar-compressed",
        "application/x-iso9660-image", "application/java-archive",
    ),
    "data": (
        "application/vnd.apache.parquet", "application/x-ndjson", "application/vnd.sqlite3", "application/x-sqlite3",
        "application/x-hdf5", "application/x-hdf",
    ),
}  # fmt: skip
_BY_TYPE = {media_type: family for family, types in _TYPES.items() for media_type in types}


def family(content_type: str) -> str:
    """The family of a media type, one of :data:`FAMILIES`."""
    top = content_type.partition("/")[0]
    if content_type in _BY_TYPE:
        return _BY_TYPE[content_type]
    if top in ("image", "video", "audio"):
        return top
    return "code" if is_textual(content_type) else "other"


def pattern(wanted: str) -> str:
    """A type as filters take it: ``image/png``, or ``image/`` for all of a kind."""
    return wanted.strip().lower().removesuffix("*")


def of_type(wanted: str) -> tuple[str, ...] | None:
    """The families that files of a wanted type can be in; None where that could be many."""
    media_type = pattern(wanted)
    if not media_type.endswith("/"):
        return (family(media_type),)
    return (media_type[:-1],) if media_type in ("image/", "video/", "audio/") else None
