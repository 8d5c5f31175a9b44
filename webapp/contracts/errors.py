"""Errors that cross the border between Stowage, its backends and its plugins.

Each class carries a stable ``code``. The HTTP edge maps codes to statuses and
to sentences; what an exception says as text goes to the log and nowhere else.
"""

from typing import ClassVar


class StowageError(Exception):
    """Something Stowage says no to. ``data`` may be shown to the caller, ``args`` may not."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str = "", **data: object) -> None:
        super().__init__(message or self.code)
        self.data = data


class StorageError(StowageError):
    """Base of everything a storage backend may raise."""

    code = "backend_error"


class StorageNotFoundError(StorageError):
    """The backend holds nothing under that key."""

    code = "not_found"


class StorageBackendError(StorageError):
    """The backend failed or does not answer. Raise it ``from`` the vendor's error."""

    code = "backend_error"


class StorageFullError(StorageBackendError):
    """No space, no inodes or no quota left. Nothing of the failed write is kept."""

    code = "storage_full"


class NotSupportedError(StorageError):
    """The backend cannot do this at all (for example: presign a URL)."""

    code = "bad_type"


class ConfigurationError(StorageError):
    """The backend is unknown, or its settings are missing or wrong."""

    code = "backend_error"
