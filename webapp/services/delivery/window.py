"""What a lane has read of the log and not written down yet."""

from collections import deque
from dataclasses import dataclass, field

from webapp.services.delivery.results import Result, Retried
from webapp.services.delivery.targets import Logged


@dataclass(slots=True, eq=False)
class Unit:
    """An event that is being told, for the first time or (``retried``) again."""

    logged: Logged
    receivers: tuple[str, ...]
    retried: Retried | None = None
    open: int = 0
    """Calls whose outcome is not known yet."""


@dataclass(slots=True, eq=False)
class Call:
    """One receiver that is being called for it."""

    unit: Unit
    receiver: str
    started: float
    is_careful: bool = False
    given_up: bool = False


@dataclass(slots=True)
class Window:
    """What was read and is not written down yet."""

    ready: deque[Unit] = field(default_factory=deque)
    busy: set[str] = field(default_factory=set)
    """Ordering keys of which an event is being told."""
    open: dict[int, Unit] = field(default_factory=dict)
    """Fresh events by their place."""
    retrying: set[int] = field(default_factory=set)
    calls: set[Call] = field(default_factory=set)
    results: list[Result] = field(default_factory=list)
