"""Facts that plugins can listen to.

An event is written in the same transaction as the change it tells of. The background
worker sends it as a blinker signal once that is committed: at least once (``event_id``
tells repetitions apart), and in order for each file. Fields are only ever added.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID, uuid4

from blinker import NamedSignal, Namespace

signals = Namespace()
"""The signals, by topic: ``signals.signal("file_storage.file.uploaded")``."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """What all events say."""

    topic: ClassVar[str] = ""
    """Name of the signal, and the type of the event wherever it leaves Stowage. Never changes."""
    event_id: UUID = field(default_factory=uuid4)
    occurred_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    actor_id: str | None = None
    """Account that did it; None for Stowage itself."""
    actor_name: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class _FileEvent(Event):
    """Stowage gives all of these; whoever makes one of their own, for a test, says what they need."""

    file_id: UUID
    key: str
    filename: str = ""
    content_type: str = ""
    size_bytes: int = 0
    backend: str = ""
    checksum_sha256: str = ""
    uploaded_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class FileUploaded(_FileEvent):
    """A file was stored and can be read."""

    topic: ClassVar[str] = "file_storage.file.uploaded"


@dataclass(frozen=True, kw_only=True)
class FileRenamed(_FileEvent):
    """A file was given another name; ``filename`` is the new one."""

    topic: ClassVar[str] = "file_storage.file.renamed"
    previous_filename: str


@dataclass(frozen=True, kw_only=True)
class FileVerified(_FileEvent):
    """The checksum of a file whose bytes went straight to the store was found out by reading it.

    ``matches`` is whether it is the one that was announced, None where none was.
    """

    topic: ClassVar[str] = "file_storage.file.verified"
    matches: bool | None = None


@dataclass(frozen=True, kw_only=True)
class FileDeleted(_FileEvent):
    """A file was moved to the trash, or purged without having been there (``permanent``)."""

    topic: ClassVar[str] = "file_storage.file.deleted"
    permanent: bool = False


@dataclass(frozen=True, kw_only=True)
class FileRestored(_FileEvent):
    """A file came back from the trash."""

    topic: ClassVar[str] = "file_storage.file.restored"


@dataclass(frozen=True, kw_only=True)
class FilePurged(_FileEvent):
    """A file is gone for good: no row names its bytes any more."""

    topic: ClassVar[str] = "file_storage.file.purged"


@dataclass(frozen=True, kw_only=True)
class SettingsChanged(Event):
    """Settings were saved. Names only: values may be secrets."""

    topic: ClassVar[str] = "settings.module.changed"
    module: str
    names: tuple[str, ...]
    version: int = 0
    """The version of the module's settings that this made."""


@dataclass(frozen=True, kw_only=True)
class UserCreated(Event):
    """An account was made."""

    topic: ClassVar[str] = "account.user.created"
    user_id: str
    username: str
    role: str


@dataclass(frozen=True, kw_only=True)
class UserChanged(Event):
    """Something about an account changed: ``names`` of role, active, password."""

    topic: ClassVar[str] = "account.user.changed"
    user_id: str
    username: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class UserDeleted(Event):
    """An account was removed; its files stay."""

    topic: ClassVar[str] = "account.user.deleted"
    user_id: str
    username: str


@dataclass(frozen=True, kw_only=True)
class TokenCreated(Event):
    """An API token was made."""

    topic: ClassVar[str] = "account.token.created"
    token_id: str
    name: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TokenRevoked(Event):
    """An API token stopped working."""

    topic: ClassVar[str] = "account.token.revoked"
    token_id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class SignedIn(Event):
    """Somebody signed in with a password."""

    topic: ClassVar[str] = "account.session.signed_in"
    user_id: str
    username: str
    address: str


@dataclass(frozen=True, kw_only=True)
class WebhookCreated(Event):
    """A webhook was made. ``host`` is all that is said of its address: the rest may be a secret."""

    topic: ClassVar[str] = "admin.webhook.created"
    webhook_id: str
    host: str


@dataclass(frozen=True, kw_only=True)
class WebhookChanged(Event):
    """Something about a webhook changed: ``names`` of url, description, types, secret, active."""

    topic: ClassVar[str] = "admin.webhook.changed"
    webhook_id: str
    host: str
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WebhookPaused(Event):
    """Stowage gave up on a webhook: ``reason`` is ``dead`` (it failed for a day) or ``gone`` (it answered 410)."""

    topic: ClassVar[str] = "admin.webhook.paused"
    webhook_id: str
    host: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class WebhookDeleted(Event):
    """A webhook was removed, with what waited for it."""

    topic: ClassVar[str] = "admin.webhook.deleted"
    webhook_id: str
    host: str


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
    WebhookCreated,
    WebhookChanged,
    WebhookPaused,
    WebhookDeleted,
)


def signal_for(event_type: type[Event]) -> NamedSignal:
    """The blinker signal of an event class, named by its topic.

    Receivers are called as ``receiver(sender, event=event)``; the sender is the application.
    Connect plain functions with ``weak=False``, or blinker forgets them.
    """
    return signals.signal(event_type.topic)
