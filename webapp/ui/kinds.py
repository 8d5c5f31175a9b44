"""What people call a media type, and the family whose colour and icon it has."""

from dataclasses import dataclass

from webapp.http.i18n import has, t
from webapp.services import families

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


@dataclass(frozen=True, slots=True)
class Kind:
    """How a media type is shown."""

    family: str
    icon: str
    label: str


def kind(content_type: str) -> Kind:
    """Tell how to show a media type."""
    family = families.family(content_type)
    key = f"kinds.types.{content_type}"
    label = t(key) if has(key) else t(f"kinds.families.{family}")
    return Kind(family, _ICONS[family], label)
