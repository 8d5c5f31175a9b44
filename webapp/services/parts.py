"""The parts of an upload that goes straight to the store: how many there are, how large, and which have arrived."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from webapp.contracts.backends import DirectUploads, Part
from webapp.contracts.errors import NotSupportedError, StorageNotFoundError
from webapp.services.errors import DirectUploadUnsupportedError, TooLargeError
from webapp.services.settings import Place

USUAL_PART = 16 * 1024 * 1024
_ROUND = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectUploadOut:
    """An upload whose parts go straight to the store."""

    id: UUID = field(metadata={"help": "Identifies the upload."})
    filename: str = field(metadata={"help": "The name the file will have."})
    content_type: str = field(metadata={"help": "The type as announced; the first bytes decide when it is completed."})
    size_bytes: int = field(metadata={"help": "Size announced, in bytes.", "minimum": 1})
    part_size: int = field(metadata={"help": "Bytes of each part but the last.", "minimum": 1})
    parts: int = field(metadata={"help": "How many parts there are; they are numbered from 1.", "minimum": 1})
    received: list[int] = field(metadata={"help": "Numbers of the parts the store has, whole."})
    created_at: datetime = field(metadata={"help": "When it was begun, UTC."})
    expires_at: datetime = field(metadata={"help": "What is not completed by then is thrown away, UTC."})
    file_id: UUID | None = field(default=None, metadata={"help": "The stored file, once the upload is completed."})


@dataclass(frozen=True, kw_only=True, slots=True)
class PartUrl:
    """Where a part goes, by PUT."""

    number: int = field(metadata={"help": "Number of the part.", "minimum": 1})
    url: str = field(metadata={"help": "Takes exactly `size` bytes by PUT, without further headers."})
    size: int = field(metadata={"help": "Bytes of this part.", "minimum": 1})


@dataclass(frozen=True, kw_only=True, slots=True)
class Announced:
    """What a client says about a file it is going to send."""

    filename: str
    content_type: str | None
    size_bytes: int
    sha256: bytes | None = None


def part_size(backend: DirectUploads, size: int) -> int:
    """Parts of the usual size, larger ones where there would be too many."""
    needed = -(-size // backend.most_parts)  # rounded up, as is the next
    rounded = -(-needed // _ROUND) * _ROUND
    part = max(USUAL_PART, backend.least_part_bytes, rounded)
    if part > backend.most_part_bytes:
        raise TooLargeError("more than the store takes", max_bytes=backend.most_part_bytes * backend.most_parts)
    return part


def count(row: Any) -> int:
    return int(-(-row.size_bytes // row.part_size))


def size_of(row: Any, number: int) -> int:
    is_last = number == count(row)
    return int(row.size_bytes - (number - 1) * row.part_size if is_last else row.part_size)


def whole(row: Any, parts: Iterable[Part]) -> list[Part]:
    """The parts that have the size they should have."""
    last = count(row)
    return [part for part in parts if 1 <= part.number <= last and part.size == size_of(row, part.number)]


def shown(row: Any, received: Iterable[int]) -> DirectUploadOut:
    return DirectUploadOut(
        id=row.id,
        filename=row.filename,
        content_type=row.content_type,
        size_bytes=row.size_bytes,
        part_size=row.part_size,
        parts=count(row),
        received=sorted(received),
        created_at=row.created_at,
        expires_at=row.expires_at,
        file_id=row.file_id,
    )


def offered(place: Place) -> DirectUploads | None:
    """The backend, if it takes parts directly with the settings of now."""
    takes = getattr(place.backend, "supports_direct_upload", False)
    return cast("DirectUploads", place.backend) if takes else None


def required(place: Place) -> DirectUploads:
    """The backend of an upload that was begun: it ends it, whatever its settings offer by now."""
    if not getattr(type(place.backend), "supports_direct_upload", False):
        raise DirectUploadUnsupportedError(place.backend_id)
    return cast("DirectUploads", place.backend)


def begun(backend: DirectUploads, key: str, content_type: str) -> str:
    try:
        return backend.begin_parts(key, content_type=content_type)
    except NotSupportedError as exc:
        raise DirectUploadUnsupportedError from exc


def arrived(place: Place, row: Any) -> list[Part]:
    try:
        return required(place).list_parts(row.key, row.reference)
    except StorageNotFoundError:
        return []  # it is being put together
