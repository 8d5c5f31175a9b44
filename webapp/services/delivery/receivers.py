"""Plugins as targets: the receivers of our blinker signals, those of one plugin together."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import Connection

from webapp import db
from webapp.contracts.events import EVENT_TYPES, signal_for
from webapp.services.delivery import event_log
from webapp.services.delivery.targets import PLUGIN, Logged, Outcome, Target
from webapp.services.failures import told

log = logging.getLogger(__name__)

DELAYS = (1.0, 5.0, 30.0, 300.0, 1800.0)
"""Seconds until a receiver that raised is called again; then the event is parked."""
LONGEST_NAME = 200

Receiver = Callable[..., object]


class PluginTarget:
    """A plugin and its receivers."""

    concurrency = 8
    keeps_all = False
    is_foreign = True
    patience = 10.0

    def __init__(self, name: str, sender: object, receivers: dict[str, dict[str, Receiver]]) -> None:
        """``receivers`` are those of each event, by name."""
        self.name = name
        self.wanted: frozenset[str] | None = frozenset(receivers)
        self._sender = sender
        self._receivers = receivers

    def refresh(self, connection: Connection) -> None:
        """What it wants stays as long as the process."""

    def lock(self, tx: db.Transaction) -> bool:
        """It has no row of its own."""
        return True

    def receivers(self, name: str) -> tuple[str, ...]:
        """Names of who is called for such an event, in no order that counts."""
        return tuple(self._receivers.get(name, ()))

    def call(self, receiver: str, logged: Logged, attempt: int) -> Outcome:
        """Call it as a receiver of the signal."""
        at, started = datetime.now(UTC), time.perf_counter()
        failure: BaseException | None = None
        found = self._receivers.get(logged.name, {}).get(receiver)
        event = event_log.event_of(logged)
        if found is not None and event is not None:  # else there is nobody left to tell, or nothing
            try:
                found(self._sender, event=event)
            except BaseException as exc:
                failure = exc
                log.exception(
                    "a receiver failed",
                    extra={
                        "subscriber": self.name,
                        "receiver": receiver,
                        "event": logged.name,
                        "event_id": str(logged.event_id),
                        "attempt": attempt,
                    },
                )
        ms = round((time.perf_counter() - started) * 1000)
        if failure is None:
            return Outcome(ok=True, at=at, ms=ms)
        return Outcome(ok=False, at=at, ms=ms, cause="error", error=told(failure))

    def delay(self, attempts: int, outcome: Outcome, first_tried_at: datetime) -> float | None:
        """A few times within an hour, each time up to a quarter later."""
        if attempts > len(DELAYS):
            return None
        return DELAYS[attempts - 1] * random.uniform(1.0, 1.25)  # noqa: S311 (it only spreads load)

    def width(self) -> int:
        """As many as it may have: nothing is known to be down."""
        return self.concurrency

    def note(self, tx: db.Transaction, outcomes: Sequence[tuple[Logged, Outcome]]) -> None:
        """Nothing of its own."""


def plugin_targets(app: object) -> list[Target]:
    """Everybody who is connected to a signal of ours, for this sender."""
    found: dict[str, dict[str, dict[str, Receiver]]] = {}
    for event_type in EVENT_TYPES:
        for receiver in signal_for(event_type).receivers_for(app):
            of_plugin = found.setdefault(_subscriber(receiver), {}).setdefault(event_type.__name__, {})
            of_plugin[_unused(_name(receiver), of_plugin)] = receiver
    return [PluginTarget(name, app, receivers) for name, receivers in sorted(found.items())]


def _subscriber(receiver: Any) -> str:
    """Whose receiver it is; one that came past the host is known by the package it is from."""
    plugin = getattr(receiver, "stowage_plugin", None)
    if plugin is None:
        plugin = (getattr(receiver, "__module__", None) or type(receiver).__module__).partition(".")[0]
    return f"{PLUGIN}{plugin}"[:LONGEST_NAME]


def _name(receiver: Any) -> str:
    given = getattr(receiver, "stowage_receiver", None)
    if given is not None:
        return str(given)[:LONGEST_NAME]
    module = getattr(receiver, "__module__", None) or type(receiver).__module__
    return f"{module}.{getattr(receiver, '__qualname__', type(receiver).__qualname__)}"[:LONGEST_NAME]


def _unused(name: str, taken: dict[str, Receiver]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name[: LONGEST_NAME - 5]}#{number}"
    return found
