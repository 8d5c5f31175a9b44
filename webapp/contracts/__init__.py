"""The public API of Stowage: what plugins and backends may rely on.

Everything here follows semantic versioning. It needs the standard library and
blinker, nothing else.
"""

from webapp.contracts.backends import (
    Bytes,
    Checked,
    DirectUploads,
    Listed,
    LocalFiles,
    Part,
    Recoverable,
    StorageBackend,
)
from webapp.contracts.errors import (
    ConfigurationError,
    NotSupportedError,
    StorageBackendError,
    StorageError,
    StorageFullError,
    StorageNotFoundError,
    StowageError,
)
from webapp.contracts.events import (
    EVENT_TYPES,
    Event,
    FileDeleted,
    FilePurged,
    FileRenamed,
    FileRestored,
    FileUploaded,
    FileVerified,
    SettingsChanged,
    SignedIn,
    TokenCreated,
    TokenRevoked,
    UserChanged,
    UserCreated,
    UserDeleted,
    signal_for,
)
from webapp.contracts.files import StoredFileListOut, StoredFileOut
from webapp.contracts.plugins import MenuEntry, PluginHost
from webapp.contracts.settings import SettingField, SettingsModule

__all__ = [
    "EVENT_TYPES",
    "Bytes",
    "Checked",
    "ConfigurationError",
    "DirectUploads",
    "Event",
    "FileDeleted",
    "FilePurged",
    "FileRenamed",
    "FileRestored",
    "FileUploaded",
    "FileVerified",
    "Listed",
    "LocalFiles",
    "MenuEntry",
    "NotSupportedError",
    "Part",
    "PluginHost",
    "Recoverable",
    "SettingField",
    "SettingsChanged",
    "SettingsModule",
    "SignedIn",
    "StorageBackend",
    "StorageBackendError",
    "StorageError",
    "StorageFullError",
    "StorageNotFoundError",
    "StoredFileListOut",
    "StoredFileOut",
    "StowageError",
    "TokenCreated",
    "TokenRevoked",
    "UserChanged",
    "UserCreated",
    "UserDeleted",
    "signal_for",
]
