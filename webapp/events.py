"""What follows the commit of an event: it is counted, and the background worker is woken.

The worker sends it to whoever listens (services/delivery). A bell that nobody hears
is no harm: the worker looks at the log now and then anyway.
"""

import contextlib
import errno
import logging
import os
import select
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from webapp.contracts.events import Event

log = logging.getLogger(__name__)

observers: list[Callable[[Event], None]] = []
"""Called in the thread of the change, after its commit: for counters of this process. They must be quick."""


def committed(events: Sequence[Event], bell: "Bell | None") -> None:
    """Tell the observers and ring. Nothing here can make a commit undone, so nothing here raises."""
    for observer in observers:
        for event in events:
            try:
                observer(event)
            except Exception:
                log.exception("an observer of events failed")
    if events and bell is not None:
        bell.ring()


class Bell:
    """Wakes the worker of this node: a named pipe, so it needs no address and survives either side's end."""

    def __init__(self, path: Path) -> None:
        """Use the pipe at ``path``; it is made by whoever listens first."""
        self._path = path
        self._ringing: int | None = None
        # A descriptor that one thread closes must not be written to by another: by then it may be a file.
        self._lock = threading.Lock()

    def ring(self) -> None:
        """Wake the worker, if there is one."""
        with self._lock:
            try:
                if self._ringing is None:
                    self._ringing = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
                os.write(self._ringing, b"!")
            except BlockingIOError:
                pass  # full: it is being rung already
            except OSError as exc:
                if exc.errno not in (errno.ENOENT, errno.ENXIO, errno.EPIPE):
                    log.warning("the worker could not be woken", exc_info=True)
                self._forget()

    def _forget(self) -> None:
        fd, self._ringing = self._ringing, None
        if fd is not None:
            with contextlib.suppress(OSError):
                os.close(fd)

    @contextlib.contextmanager
    def listening(self) -> Iterator[Callable[[float], bool]]:
        """Give a function that waits for the bell, at most so many seconds, and tells whether it rang."""
        with contextlib.suppress(FileExistsError):
            os.mkfifo(self._path, 0o640)
        # Open for writing too: then there is always a writer, and reading never meets an end.
        fd = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            yield lambda seconds: _rang(fd, seconds)
        finally:
            os.close(fd)


def _rang(fd: int, seconds: float) -> bool:
    if not select.select([fd], [], [], seconds)[0]:
        return False
    with contextlib.suppress(BlockingIOError):
        os.read(fd, 65536)
    return True
