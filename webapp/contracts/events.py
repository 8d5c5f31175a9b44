"""Facts that plugins can listen to.

An event is written in the same transaction as the change it tells of, and sent
as a blinker signal after the commit. Delivery is at least once: ``event_id``
tells repetitions apart. Fields are only ever added.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from blinker import NamedSignal, Namespace

_signals = Namespace()


@dataclass(frozen=True, kw_only=True)
class Event:
    """What all events say."""

    event_id: UUID = field(default_factory=uuid4)
    occurred_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    actor_id: str | None = None
    """Account that did it; None for Stowage itself."""
    actor_name: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class _FileEvent(Event):
    file_id: UUID
    key: str
    filename: str
    content_type: str
    size_bytes: int
    backend: str
    checksum_sha256: str
    uploaded_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class FileUploaded(_FileEvent):
    """A file was stored and can be read."""


@dataclass(frozen=True, kw_only=True)
class FileRenamed(_FileEvent):
    """A file was given another name; ``filename`` is the new one."""

    previous_filename: str


@dataclass(frozen=True, kw_only=True)
class FileVerified(_FileEvent):
    """The checksum of a file whose bytes went straight to the store was found out by reading it.

    ``matches`` is whether it is the one that was announced, None where none was.
    """

    matches: bool | None = None


@dataclass(frozen=True, kw_only=True)
class FileDeleted(_FileEvent):
    """A file was moved to the trash, or purged without having been there (``permanent``)."""

    permanent: bool = False


@dataclass(frozen=True, kw_only=True)
class FileRestored(_FileEvent):
    """A file came back from the trash."""


@dataclass(frozen=True, kw_only=True)
class FilePurged(_FileEvent):
    """A file is gone for good: no row names its bytes any more."""


@dataclass(frozen=True, kw_only=True)
class SettingsChanged(Event):
    """Settings were saved. Names only: values may be secrets."""

    module: str
    names: tuple[str, ...]
    version: int = 0
    """The version of the module's settings that this made."""


@dataclass(frozen=True, kw_only=True)
class UserCreated(Event):
    """An account was made."""

    user_id: str
    username: str
    role: str


@dataclass(frozen=True, kw_only=True)
class UserChanged(Event):
    """Something about an account changed: ``names`` of role, active, password."""

    user_id: str
    username: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class UserDeleted(Event):
    """An account was removed; its files stay."""

    user_id: str
    username: str


@dataclass(frozen=True, kw_only=True)
class TokenCreated(Event):
    """An API token was made."""

    token_id: str
    name: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TokenRevoked(Event):
    """An API token stopped working."""

    token_id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class SignedIn(Event):
    """Somebody signed in with a password."""

    user_id: str
    username: str
    address: str


EVENT_TYPES: tuple[type[Event], ...] = (
    FileUploaded,
    FileRenamed,
    FileVerified,
    FileDeleted,
    FileRestored,
    FilePurged,
    SettingsChanged,
    UserCreated,
    UserChanged,
    UserDeleted,
    TokenCreated,
    TokenRevoked,
    SignedIn,
)


def signal_for(event_type: type[Event]) -> NamedSignal:
    """The blinker signal of an event class: receivers are called as ``receiver(sender, event=event)``.

    Connect plain functions with ``weak=False``, or blinker forgets them.
    """
    return _signals.signal(event_type.__name__)
