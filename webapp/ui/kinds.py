"""What people call a media type, and the family whose colour and icon it has."""

from dataclasses import dataclass

from webapp.http.i18n import has, t
from webapp.services.content_types import is_textual

_ICONS = {
    "image": "image",
    "video": "film",
    "audio": "music",
    "doc": "file-text",
    "sheet": "file-spreadsheet",
    "archive": "file-archive",
    "code": "file-code",
    "data": "database",
    "other": "file",
}

_OFFICE = "application/vnd.openxmlformats-officedocument."
_FAMILIES = {
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
_FAMILY_BY_TYPE = {media_type: family for family, types in _FAMILIES.items() for media_type in types}


@dataclass(frozen=True, slots=True)
class Kind:
    """How a media type is shown."""

    family: str
    icon: str
    label: str


def kind(content_type: str) -> Kind:
    """Tell how to show a media type."""
    family = _family(content_type)
    key = f"kinds.types.{content_type}"
    label = t(key) if has(key) else t(f"kinds.families.{family}")
    return Kind(family, _ICONS[family], label)


def _family(content_type: str) -> str:
    top = content_type.partition("/")[0]
    if content_type in _FAMILY_BY_TYPE:
        return _FAMILY_BY_TYPE[content_type]
    if top in ("image", "video", "audio"):
        return top
    return "code" if is_textual(content_type) else "other"
