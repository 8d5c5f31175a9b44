"""What a stored file looks like from outside."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFileOut:
    """One stored file, as the JSON API and the events show it."""

    id: UUID = field(metadata={"help": "Identifies the file in every route."})
    key: str = field(metadata={"help": "Name of the bytes inside the backend; random, never reused."})
    filename: str = field(metadata={"help": "The name it was uploaded under, at most 255 characters."})
    content_type: str = field(metadata={"help": "Media type it is served with."})
    size_bytes: int = field(metadata={"help": "Size in bytes.", "minimum": 0})
    backend: str = field(metadata={"help": "Id of the storage backend that holds the bytes."})
    checksum_sha256: str = field(
        metadata={"help": "SHA-256 of the bytes, 64 hexadecimal digits; empty while it is being found out."}
    )
    uploaded_by: str | None = field(metadata={"help": "Id of the account that uploaded it."})
    uploaded_by_name: str | None = field(
        default=None, metadata={"help": "Name of that account, also when it is gone by now."}
    )
    created_at: datetime = field(metadata={"help": "Upload time, UTC."})
    deleted_at: datetime | None = field(
        default=None, metadata={"help": "When it went to the trash, UTC; null for a live file."}
    )
    annotations: dict[str, dict[str, str | int | float | bool]] = field(
        default_factory=dict,
        metadata={"help": "What checks found out when it was uploaded: facts by name, by the plugin that says so."},
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFileListOut:
    """One page of stored files."""

    items: list[StoredFileOut]
    total: int = field(metadata={"help": "Number of files that match.", "minimum": 0})
    total_is_exact: bool = field(
        default=True, metadata={"help": "False where counting stopped at `total` because far more files match."}
    )
    page: int = field(metadata={"help": "The page asked for, from 1.", "minimum": 1})
    per_page: int = field(metadata={"help": "Files per page.", "minimum": 1, "maximum": 200})
    next_cursor: str | None = field(
        default=None, metadata={"help": "Send it as `cursor` for what follows; null at the end."}
    )
    previous_cursor: str | None = field(
        default=None, metadata={"help": "Send it as `cursor` for the page before; null at the start."}
    )
