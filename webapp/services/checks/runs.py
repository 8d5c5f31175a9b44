"""One check at one upload, in a thread of its own: whoever waits for it waits only so long."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from webapp import logs
from webapp.contracts.checks import Inspector, UploadRefusedError
from webapp.services.delivery.calls import Calls

log = logging.getLogger(__name__)

MOST_WAITING = 4
"""Pieces that wait for an inspector: then the client has to wait too."""
Context = Callable[[], AbstractContextManager[object]]

_threads = Calls("upload-check")


class HungError(Exception):
    """A check did not return in time."""


class RaisedError(Exception):
    """A check raised ``error``, which is no refusal."""

    def __init__(self, error: BaseException) -> None:
        """Take what was raised; it may be what ends a process elsewhere."""
        super().__init__(str(error))
        self.error = error


class Run:
    """Calls a check and, where it wants the bytes, its inspector. The public methods are for the upload's thread.

    Those that wait raise what the check has said or done: :class:`~webapp.contracts.checks.UploadRefusedError`,
    :class:`RaisedError`, :class:`HungError`.
    """

    def __init__(self, call: Callable[[], Any], patience: float, context: Context) -> None:
        """Begin. One call of the check's code may take ``patience`` seconds."""
        self._call = call
        self._patience = patience
        self._context = context
        self._request_id, self._actor = logs.request_id.get(), logs.actor.get()
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._ended: tuple[int, str] | None = None
        self._abandoned = False
        self._since: float | None = time.monotonic()
        self._is_judged = self._is_over = False
        self._error: BaseException | None = None
        self.wants_bytes = False
        self.answer: Any = None
        """Annotations or None, once it is judged."""
        _threads.start(self._work)

    def wait_for_answer(self) -> None:
        """Wait until it has begun: it is judged by then, or wants the bytes."""
        with self._changed:
            self._wait(lambda: self.wants_bytes)

    def feed(self, piece: bytes) -> None:
        """Hand a piece over; waits while too many are on their way."""
        with self._changed:
            self._wait(lambda: len(self._pieces) < MOST_WAITING)
            self._pieces.append(piece)
            self._changed.notify_all()

    def end(self, size: int, sha256: str) -> None:
        """Say that this was all."""
        with self._changed:
            self._ended = size, sha256
            self._changed.notify_all()

    def wait_for_verdict(self) -> None:
        """Wait until it is judged."""
        with self._changed:
            self._wait(lambda: False)

    def close(self) -> bool:
        """End it, whatever it is doing, and wait for that; False if it hangs: then it keeps its thread."""
        with self._changed:
            self._abandoned = True
            self._pieces.clear()
            self._changed.notify_all()
            while not self._is_over:
                if (left := self._left()) <= 0:
                    return False
                self._changed.wait(left)
        return True

    def is_over(self) -> bool:
        """Whether its thread is free again."""
        with self._changed:
            return self._is_over

    def _wait(self, ready: Callable[[], bool]) -> None:
        while not self._is_judged and not ready():
            if (left := self._left()) <= 0:
                raise HungError(f"no answer within {self._patience:g} seconds")
            self._changed.wait(left)
        if isinstance(self._error, UploadRefusedError):
            raise self._error
        if self._error is not None:
            raise RaisedError(self._error)

    def _left(self) -> float:
        """Seconds it may still take; only its own time counts, not that in which it waits for the client."""
        since = self._since
        return self._patience if since is None else self._patience - (time.monotonic() - since)

    # --- in the other thread ----------------------------------------------------------

    def _work(self) -> None:
        logs.request_id.set(self._request_id)
        logs.actor.set(self._actor)
        try:
            with self._context():
                self._let_go(self._judge())
        except BaseException as exc:  # the threads are shared: nothing may end them
            log.exception("a check of uploads could not be run")
            if not self._is_judged:
                self._judged(None, exc)
        with self._changed:
            self._is_over = True
            self._pieces.clear()
            self._changed.notify_all()

    def _judge(self) -> Inspector | None:
        """Run the check to its verdict; its inspector, which is still to be closed."""
        inspector = None
        try:
            answer = self._call()
            if isinstance(answer, Inspector):
                inspector = answer
                answer = self._inspected(inspector)
            self._judged(answer, None)
        except BaseException as exc:  # noqa: BLE001 (the upload's thread says what it means)
            self._judged(None, exc)
        return inspector

    def _inspected(self, inspector: Inspector) -> Any:
        """Show the inspector all bytes; what it says at their end, None if that does not come."""
        with self._changed:
            self.wants_bytes = True
        while (piece := self._next()) is not None:
            inspector.feed(piece)
        with self._changed:
            if self._abandoned or self._ended is None:
                return None
            size, sha256 = self._ended
        return inspector.finish(size, sha256)

    def _next(self) -> bytes | None:
        """The next piece, None at the end; while there is none, no time is counted."""
        with self._changed:
            self._since = None
            self._changed.notify_all()
            while not (self._pieces or self._ended or self._abandoned):
                self._changed.wait()
            self._since = time.monotonic()
            piece = self._pieces.popleft() if self._pieces else None
            self._changed.notify_all()
            return piece

    def _judged(self, answer: Any, error: BaseException | None) -> None:
        with self._changed:
            self.answer, self._error = answer, error
            self._is_judged = True
            self._since = time.monotonic()
            self._changed.notify_all()

    @staticmethod
    def _let_go(inspector: Inspector | None) -> None:
        close = getattr(inspector, "close", None)
        if close is None:
            return
        try:
            close()
        except BaseException:  # the verdict is known already
            log.exception("an inspector of uploads could not be closed")
