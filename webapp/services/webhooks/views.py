"""What is known of webhooks and of what was sent to them, for the API and the pages alike."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from webapp.contracts.events import EVENT_TYPES

MOST_CHARACTERS = 2048
MOST_TYPES = 50
STATES = ("waiting", "delivered", "parked", "failed")
"""Of deliveries. Parked ones are not tried again by themselves; ``failed`` is a test that failed."""
CAUSES = (
    *("status", "redirect", "gone", "timeout", "refused", "unreachable", "unresolved", "tls", "protocol", "address"),
    *("secret", "error", "stuck", "pruned"),
)
"""Why an attempt failed: ``status`` is any answer that is no success, its code says which."""
REASONS = ("manual", "dead", "gone")
"""Why a webhook is paused: by hand, after a day of failures, or because its address is said to be gone (410)."""
TOPICS = tuple(event_type.topic for event_type in EVENT_TYPES)

_URL = "Where to: http or https. A query is fine; a user name or a password in it is not."
_DESCRIPTION = "What it is for."
_TYPES = (
    "Which events: topics such as `file_storage.file.uploaded`, names such as `FileUploaded`,"
    " or families such as `file_storage.file.*`. None at all, or `*`: all."
)
_SECRET = "`whsec_` and 24 to 64 bytes in base64; left out: it is made."  # noqa: S105 (it says what one looks like)


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookIn:
    """A webhook to be made."""

    url: str = field(metadata={"help": _URL, "min_length": 1, "max_length": MOST_CHARACTERS})
    description: str = field(default="", metadata={"help": _DESCRIPTION, "max_length": 200})
    types: list[str] = field(
        default_factory=list, metadata={"help": _TYPES, "max_items": MOST_TYPES, "max_length": 100}
    )
    secret: str | None = field(default=None, metadata={"help": _SECRET, "max_length": 128})


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookChanges:
    """What to change of a webhook; what is left out stays."""

    url: str | None = field(default=None, metadata={"help": _URL, "min_length": 1, "max_length": MOST_CHARACTERS})
    description: str | None = field(default=None, metadata={"help": _DESCRIPTION, "max_length": 200})
    types: list[str] | None = field(default=None, metadata={"help": _TYPES, "max_items": MOST_TYPES, "max_length": 100})


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookOut:
    """A webhook. Its secret is shown when it is made, and never again."""

    id: UUID
    url: str
    host: str = field(metadata={"help": "Host of the address, and its port if it is an unusual one."})
    description: str
    types: list[str] = field(metadata={"help": "Topics and families of events; empty: all events."})
    state: str = field(metadata={"choices": ("active", "paused")})
    paused_reason: str | None = field(
        metadata={"help": "`manual`; `dead`: nothing but failures for a day; `gone`: it answered 410."}
    )
    paused_at: datetime | None
    failing_since: datetime | None = field(metadata={"help": "When the first failure since the last success was."})
    failures: int = field(metadata={"help": "Failed attempts in a row."})
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookCreatedOut(WebhookOut):
    """A new webhook; the secret is shown this once."""

    secret: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookSecretOut:
    """A new secret, shown this once. For a day messages are signed with the one before too."""

    secret: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TestResult:
    """How a test delivery went."""

    __test__ = False  # pytest takes classes of this name for tests

    ok: bool
    code: int | None = field(metadata={"help": "Status of the answer; null if there was none."})
    ms: int
    cause: str | None = field(metadata={"help": "Why it failed, in a word."})
    delivery_id: UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryOut:
    """An event on its way to a webhook, or there."""

    id: UUID
    name: str
    topic: str
    event_id: UUID
    subject_id: str | None
    about: str | None = field(
        metadata={
            "help": "Name of the file, account, webhook, module or token that the event is about, as it was then;"
            " null for tests, and where the event is not kept any more."
        }
    )
    state: str = field(
        metadata={
            "help": "`parked` ones are not tried again by themselves; `failed` is a test that failed.",
            "choices": STATES,
        }
    )
    attempts: int
    created_at: datetime
    due_at: datetime | None = field(metadata={"help": "When it is tried (again)."})
    behind: bool = field(metadata={"help": "Whether it waits for an earlier message about the same."})
    finished_at: datetime | None
    code: int | None = field(metadata={"help": "Status of the last answer."})
    cause: str | None = field(metadata={"help": "Why the last attempt failed, in a word."})
    replayable: bool = field(metadata={"help": "Whether it can be sent again: tests cannot, nor events that are gone."})


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptOut:
    """One attempt of a delivery."""

    number: int
    at: datetime
    ms: int
    code: int | None
    cause: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryDetailOut(DeliveryOut):
    """A delivery with its attempts, the first one first."""

    tries: list[AttemptOut]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryPage:
    """Some deliveries, the newest first; ``older`` is ``before`` for the next page."""

    items: list[DeliveryOut]
    older: int | None
