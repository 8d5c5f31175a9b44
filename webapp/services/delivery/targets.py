"""What can be told of events: plugins and webhooks alike. The lanes of this package do the telling."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.engine import Connection

from webapp import db

PLUGIN, WEBHOOK = "plugin:", "webhook:"
"""How the names of subscribers begin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Logged:
    """An event of the log. ``position`` is its place there; a test delivery has none (0)."""

    seq: int
    position: int
    event_id: UUID
    name: str
    """Name of its class, such as ``FileUploaded``."""
    occurred_at: datetime
    actor_id: str | None
    actor_name: str | None
    request_id: str | None
    subject_id: str | None
    payload: dict[str, Any]

    @property
    def ordering_key(self) -> str:
        """Events of one key are told in their order: those of one file, or else of one kind."""
        return self.subject_id or self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How one attempt went. ``cause`` is one of a few words, ``error`` a sentence for those who look after plugins."""

    ok: bool
    at: datetime
    ms: int
    code: int | None = None
    cause: str | None = None
    error: str | None = None
    retry_after: float | None = None
    """Seconds that the other side asked for."""
    held: bool = False
    """Nothing was tried: it is not to be told now. It is told when :meth:`Target.width` lets it be."""


class Target(Protocol):
    """One subscriber: a plugin with its receivers, or a webhook."""

    name: str
    """Of the row in ``subscriber``: ``plugin:<entry point>`` or ``webhook:<id>``."""
    wanted: frozenset[str] | None
    """Names of the events it is told of, as of the last :meth:`refresh`; None: all."""
    concurrency: int
    """So many ordering keys at once."""
    patience: float
    """Seconds after which a call is taken for hung; the next events do not wait for it any longer."""
    keeps_all: bool
    """Whether deliveries that succeeded stay as rows too."""
    is_foreign: bool
    """Whether its calls run code of somebody else in this process, which may end it."""

    def refresh(self, connection: Connection) -> None:
        """Read what the database says of it now. Called before events are read: none is judged by older wishes."""

    def lock(self, tx: db.Transaction) -> bool:
        """Keep its own row from others until the transaction ends; False: it is gone. Locked before all other rows."""

    def receivers(self, name: str) -> tuple[str, ...]:
        """Who in it is called for such an event; a webhook has one that is called ``""``."""

    def call(self, receiver: str, logged: Logged, attempt: int) -> Outcome:
        """Tell it; never raises. Called in a thread of its own, inside an application context."""

    def delay(self, attempts: int, outcome: Outcome, first_tried_at: datetime) -> float | None:
        """Seconds until the next attempt after so many that failed; None: park it."""

    def width(self) -> int:
        """How many events may be on their way now: 1 while the other side seems to be down, 0 while it is to rest."""

    def note(self, tx: db.Transaction, outcomes: Sequence[tuple[Logged, Outcome]]) -> None:
        """Write down what this target keeps of its own, in the transaction of the results."""
