"""Making images smaller, in processes of their own: a few at a time, for a while, and never in the way of downloads."""

import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from webapp.services.errors import RateLimitedError

log = logging.getLogger(__name__)

# As in the helper, which is not imported: its decoders stay out of this process.
READY = b"\x01"
REQUEST = struct.Struct("!I")
ANSWER = struct.Struct("!III")

HELPER = Path(__file__).with_name("image_helper.py")
MOST_AT_ONCE = 2
MOST_WAITING = 16
"""Each of them holds a thread of the server; the rest are sent away at once."""
PATIENCE_SECONDS = 10
START_SECONDS = 30
DECODE_SECONDS = 45
"""By the clock, for a machine that is busy; the helper stops itself after ten seconds of work."""
IDLE_SECONDS = 60
# Its own fault, and it will happen again: a crash, or more time than anybody gets.
_FATAL = frozenset(
    -number
    for number in (
        signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGSYS, signal.SIGXCPU,
    )
)  # fmt: skip
# The secrets of the server are in its environment; this is what a Python may need to find its libraries.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "TZ")


class RefusedImageError(Exception):
    """Broken, a bomb, or nothing we can read: it will not be otherwise next time."""


class _DeadHelperError(Exception):
    """The process ended in the middle."""


@dataclass(frozen=True, slots=True)
class Small:
    """A thumbnail in WebP, and how large the image is that it was made of."""

    data: bytes
    original_width: int
    original_height: int


class ImageHelpers:
    """Up to :data:`MOST_AT_ONCE` helper processes, started when there is work and ended when there is none."""

    def __init__(self) -> None:
        """Start nothing yet: the server forks after this."""
        self._slots = threading.Semaphore(MOST_AT_ONCE)
        self._lock = threading.Lock()
        self._inside = 0
        self._turns: dict[Any, tuple[threading.Lock, int]] = {}
        self._idle: list[_Helper] = []
        self._timer: threading.Timer | None = None

    @contextmanager
    def slot(self, name: Any) -> Iterator["Slot"]:
        """A turn at decoding; of those who want the same ``name``, one after the other.

        Raises:
            RateLimitedError: too many others are waiting, or have been for too long.
        """
        until = time.monotonic() + PATIENCE_SECONDS
        with self._entrance(), self._turn(name) as turn, _held(turn, until), _held(self._slots, until):
            yield Slot(self)

    @contextmanager
    def _entrance(self) -> Iterator[None]:
        with self._lock:
            if self._inside >= MOST_AT_ONCE + MOST_WAITING:
                raise RateLimitedError("too many images at once", retry_after=PATIENCE_SECONDS)
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1

    @contextmanager
    def _turn(self, name: Any) -> Iterator[threading.Lock]:
        """The lock of this name, there as long as somebody holds or wants it."""
        with self._lock:
            lock, users = self._turns.get(name, (threading.Lock(), 0))
            self._turns[name] = (lock, users + 1)
        try:
            yield lock
        finally:
            with self._lock:
                lock, users = self._turns.pop(name)
                if users > 1:
                    self._turns[name] = (lock, users - 1)

    def close(self) -> None:
        """End those that have nothing to do."""
        with self._lock:
            idle, self._idle, timer, self._timer = self._idle, [], self._timer, None
        if timer is not None:
            timer.cancel()
        for helper in idle:
            helper.close()

    def take(self) -> "_Helper":
        """A helper that lives; for a :class:`Slot`.

        Raises:
            RateLimitedError: none can be started.
        """
        with self._lock:
            helper = self._idle.pop() if self._idle else None
        if helper is not None and helper.lives():
            return helper
        try:
            return _Helper()
        except (OSError, _DeadHelperError) as exc:
            log.exception("the image helper does not start")
            raise RateLimitedError("no helper", retry_after=PATIENCE_SECONDS) from exc

    def give_back(self, helper: "_Helper") -> None:
        """Keep it for the next image."""
        with self._lock:
            self._idle.append(helper)
            if self._timer is None:
                self._start_timer()

    def _start_timer(self) -> None:
        self._timer = threading.Timer(IDLE_SECONDS, self._close_unused)
        self._timer.daemon = True
        self._timer.start()

    def _close_unused(self) -> None:
        since = time.monotonic() - IDLE_SECONDS
        with self._lock:
            unused = [helper for helper in self._idle if helper.used_at <= since]
            self._idle = [helper for helper in self._idle if helper.used_at > since]
            self._timer = None
            if self._idle:
                self._start_timer()
        for helper in unused:
            helper.close()


@contextmanager
def _held(lock: "threading.Lock | threading.Semaphore", until: float) -> Iterator[None]:
    if not lock.acquire(timeout=max(0, until - time.monotonic())):
        raise RateLimitedError("other images take long", retry_after=PATIENCE_SECONDS)
    try:
        yield
    finally:
        lock.release()


class Slot:
    """The right to decode one image."""

    def __init__(self, helpers: ImageHelpers) -> None:
        """Belongs to :meth:`ImageHelpers.slot`."""
        self._helpers = helpers

    def shrink(self, file: BinaryIO, width: int) -> Small:
        """Make a thumbnail.

        Raises:
            RefusedImageError: there will never be one.
            RateLimitedError: not now; it says nothing about the image.
        """
        helper = self._helpers.take()
        try:
            small = helper.shrink(file, width)
        except _DeadHelperError as exc:
            if helper.close() in _FATAL:
                raise RefusedImageError("the decoder crashed or took too long") from exc
            raise RateLimitedError("the helper was ended", retry_after=PATIENCE_SECONDS) from exc
        except BaseException:
            helper.close()
            raise
        self._helpers.give_back(helper)
        if small is None:
            raise RefusedImageError("broken, too large, or no image")
        return small


class _Helper:
    """One process and the socket to it; used by one thread at a time."""

    def __init__(self) -> None:
        """Start it and wait until it is ready."""
        self._door, other = socket.socketpair()
        self.used_at = time.monotonic()
        with other:
            # A session of its own: Ctrl-C in a terminal is for the server, which closes the door in good order.
            self._process = subprocess.Popen(  # noqa: S603 (our own program)
                [sys.executable, "-I", str(HELPER)],
                stdin=other.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                start_new_session=True,
            )
        self._door.settimeout(START_SECONDS)
        try:
            self._exactly(len(READY))
        except BaseException:
            self.close()
            raise

    def lives(self) -> bool:
        if self._process.poll() is None:
            return True
        self._door.close()
        return False

    def shrink(self, file: BinaryIO, width: int) -> Small | None:
        self._door.settimeout(DECODE_SECONDS)
        try:
            socket.send_fds(self._door, [REQUEST.pack(width)], [file.fileno()])
            length, original_width, original_height = ANSWER.unpack(self._exactly(ANSWER.size))
            data = self._exactly(length)
        except OSError as exc:  # a timeout is one too
            raise _DeadHelperError from exc
        self.used_at = time.monotonic()
        return Small(data, original_width, original_height) if data else None

    def close(self) -> int:
        """End it, if it has not ended by itself; returns how it ended."""
        self._door.close()
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(0.5)
        self._process.kill()
        return self._process.wait()

    def _exactly(self, length: int) -> bytes:
        got = bytearray()
        while len(got) < length:
            piece = self._door.recv(length - len(got))
            if not piece:
                raise _DeadHelperError
            got += piece
        return bytes(got)
