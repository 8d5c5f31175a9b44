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


CAUSES = (
    "unresolved",  # the host name leads nowhere
    "refused",  # nothing listens there
    "unreachable",  # no way there, or the connection broke
    "timeout",
    "tls",  # the certificate is not trusted, or there is no TLS
    "address",  # an address that may not be connected to
    "credentials",  # unknown key, wrong secret, wrong clock
    "denied",  # known, but not allowed to do this
    "no_container",  # the bucket or directory is not there
    "region",  # the bucket is elsewhere
    "read_only",
    "full",
    "not_found",
    "corrupted",  # other bytes came back than were put
    "overloaded",  # the store asks to slow down
    "protocol",  # what answers there does not speak the protocol
    "settings",  # a setting is missing or cannot work
)
"""What :attr:`StorageError.data` may hold as ``cause``: why something failed, in the one word that people are shown."""


class StorageBackendError(StorageError):
    """The backend failed or does not answer. Raise it ``from`` the vendor's error.

    ``cause``, one of :data:`CAUSES`, lets the connection test say why:
    ``StorageBackendError("text for the log", cause="timeout")``.
    """

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
