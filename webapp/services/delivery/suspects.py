"""Receivers that end the process they are called in: by a crash in a library, or by eating all memory.

The exception of a receiver is written down as a failed attempt; of one that takes the
whole worker with it nothing would be, and the next worker would call it again, first
of all. So after a worker that has ended without a word the next one is careful for a
while: it calls one receiver at a time, whoever's it is, and notes beforehand which, in
a file of its node. Whom the worker after that finds there has failed once more.
"""

import json
import logging
import threading
from pathlib import Path
from uuid import UUID

log = logging.getLogger(__name__)
Call = tuple[str, str, str]
"""Subscriber, receiver and id of the event."""

CAREFUL_CALLS = 300
"""More than were read ahead and not written down when the worker died."""


class Suspects:
    """Which calls are made while care is taken, and which ones the last worker died in."""

    def __init__(self, path: Path | None = None, *, careful: bool = False) -> None:
        """Read whom the last worker has left in the file at ``path``; without one nobody is ever suspected."""
        self.careful = careful and path is not None
        """Whether the last worker ended without a word."""
        self._path = path
        self._free = threading.Condition()
        self._left: set[Call] = _read(path) if path is not None else set()
        self._called: Call | None = None

    def has_killed(self, subscriber: str, receiver: str, event_id: UUID) -> bool:
        """Whether the last worker died in this call. Said once: the call counts as failed then."""
        if not self._left:
            return False
        call = (subscriber, receiver, str(event_id))
        with self._free:
            is_suspect = call in self._left
            if is_suspect:
                self._left.discard(call)
                self._write()
        return is_suspect

    def begin(self, subscriber: str, receiver: str, event_id: UUID) -> None:
        """Wait until no other one is called; this one is called now."""
        with self._free:
            self._free.wait_for(lambda: self._called is None)
            self._called = (subscriber, receiver, str(event_id))
            self._write()

    def end(self, subscriber: str, receiver: str, event_id: UUID) -> None:
        """It has come back, or is left to itself."""
        if self._called is None:
            return
        with self._free:
            if self._called == (subscriber, receiver, str(event_id)):
                self._called = None
                self._write()
                self._free.notify()

    def _write(self) -> None:
        if self._path is None:
            return
        temporary = self._path.with_name(f".{self._path.name}.new")
        try:
            called = self._left | {self._called} if self._called else self._left
            temporary.write_text(json.dumps(sorted(called)), encoding="utf-8")
            temporary.replace(self._path)
        except OSError:
            log.warning("it cannot be noted which receiver is called", exc_info=True)


def _read(path: Path) -> set[Call]:
    try:
        return {(str(a), str(b), str(c)) for a, b, c in json.loads(path.read_text(encoding="utf-8"))}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, TypeError):
        log.warning("it cannot be read which receiver was called", exc_info=True)
        return set()
