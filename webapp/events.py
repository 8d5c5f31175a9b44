"""Sends events to whoever listens, after the commit."""

import logging
from collections.abc import Iterable

from webapp.contracts.events import Event, signal_for

log = logging.getLogger(__name__)


def publish(events: Iterable[Event]) -> None:
    """Call every receiver of every event; one that raises is logged and stops nobody else."""
    for event in events:
        signal = signal_for(type(event))
        for receiver in signal.receivers_for(None):
            try:
                receiver(None, event=event)
            except Exception:
                log.exception("a receiver failed", extra={"event": type(event).__name__, "receiver": repr(receiver)})
