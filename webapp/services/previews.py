"""Files as they are looked at in a page: which kinds can be, and how a text begins."""

import codecs
import re
from uuid import UUID

from webapp import db
from webapp.services import content_types
from webapp.services.access import Caller, Permission
from webapp.services.errors import NotFoundError
from webapp.services.files import Stored
from webapp.services.reading import at_most
from webapp.services.rows import as_out, find_seen
from webapp.services.settings import SettingsService
from webapp.services.thumbnails import is_possible

TEXT_BYTES = 64 * 1024
PDF = "application/pdf"
SVG = "image/svg+xml"
# Named one by one: browsers show these and run nothing in them. SVG and PDF are shown with more care.
_IMAGES = frozenset({
    "image/apng", "image/avif", "image/bmp", "image/gif", "image/jpeg", "image/jpg", "image/png",
    "image/vnd.microsoft.icon", "image/webp", "image/x-icon", "image/x-ms-bmp",
})  # fmt: skip
# Lists of addresses, which a player would go and fetch.
_PLAYLISTS = re.compile(r"mpegurl|scpls|xspf|pls\+xml|asx|\+xml$|realaudio-plugin")
_MEDIA = re.compile(r"(video|audio)/[a-z0-9.+-]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def preview_kind(content_type: str) -> str | None:
    """How a file is previewed: image, video, audio, pdf, text, or not at all."""
    if inline := inline_kind(content_type):
        return inline
    if is_possible(content_type, 1):
        return "image"  # only as a thumbnail: browsers do not know TIFF
    return "text" if content_types.is_textual(content_type) else None


def inline_kind(content_type: str) -> str | None:
    """The same for what a browser may be given to show by itself; None for all that could be active."""
    if content_type in _IMAGES or content_type == SVG:
        return "image"
    media = _MEDIA.fullmatch(content_type)
    if media is not None and not _PLAYLISTS.search(content_type):
        return str(media[1])
    return "pdf" if content_type == PDF else None


class PreviewService:
    """What is behind the previews."""

    def __init__(self, settings: SettingsService) -> None:
        """Find the bytes by the settings."""
        self._settings = settings

    def locate(self, caller: Caller, file_id: UUID) -> Stored:
        """A file that a browser may show by itself, live or in the trash, and the place of its bytes.

        Raises:
            ForbiddenError: the caller may not read files.
            NotFoundError: unknown, not theirs, or of a kind that is not shown.
            ConfigurationError: its backend is not there any more.
        """
        stored = self._seen(caller, file_id)
        if inline_kind(stored.out.content_type) is None:
            raise NotFoundError("not shown inline")
        return stored

    def text_head(self, caller: Caller, file_id: UUID, limit: int = TEXT_BYTES) -> tuple[str, bool]:
        """The beginning of a text, and whether there is more.

        Raises:
            ForbiddenError: the caller may not read files.
            NotFoundError: unknown, not theirs, or no text.
            StorageError: the backend failed.
        """
        stored = self._seen(caller, file_id)
        if preview_kind(stored.out.content_type) != "text":
            raise NotFoundError("no text")
        if not stored.out.size_bytes:
            return "", False
        backend = stored.place.backend
        most = min(limit, stored.out.size_bytes)
        data = b"".join(at_most(backend.get(stored.out.key, length=limit), most))
        return decode(data), stored.out.size_bytes > len(data)

    def _seen(self, caller: Caller, file_id: UUID) -> Stored:
        caller.require(Permission.DOWNLOAD)
        with db.read() as connection:
            row = find_seen(connection, caller, file_id)
        location = (row.extra_metadata or {}).get("location") or {}
        return Stored(as_out(row), self._settings.place_of(row.backend, location, caller.settings))


def decode(data: bytes) -> str:
    """Text as it was probably meant; the last character may have been cut in two, and is left out then."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    decoder = codecs.getincrementaldecoder(encoding)
    try:
        text = decoder("strict" if encoding == "utf-8" else "replace").decode(data)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    # HTML has no way to say these; a browser would drop some and show others as boxes.
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
