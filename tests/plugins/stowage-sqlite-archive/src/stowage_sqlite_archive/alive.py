"""Which process a put belongs to, and whether that process still lives.

A process has a file beside the archive, its mark, and holds a lock on it. The lock
ends with the process, however that ends; so whoever gets it knows that the process
is dead. No clock is asked and no process id, which would mean nothing in another container.
"""

import fcntl
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from stowage_sqlite_archive.archive import translated

_held: dict[tuple[int, str], tuple[int, str]] = {}
"""The locked file and the mark of this process, by process and archive: a fork makes its own."""
_lock = threading.Lock()


def mark(archive: str) -> str:
    """The mark of this process."""
    me = (os.getpid(), archive)
    with _lock, translated():
        if me in _held and not os.path.exists(_path(archive, _held[me][1])):
            os.close(_held.pop(me)[0])  # somebody has cleared the directory
        if me not in _held:
            _held[me] = _made(archive)
        return _held[me][1]


def marks(archive: str) -> list[str]:
    """The marks of all processes, dead ones too."""
    with translated():
        return [name for name in os.listdir(os.path.dirname(archive)) if name.startswith(_prefix(archive))]


@contextmanager
def taken_over(archive: str, mark: str) -> Iterator[bool]:
    """Whether its process is dead; if so, nobody else takes it over meanwhile, and the mark goes in the end."""
    descriptor = _opened(_path(archive, mark))
    if descriptor is None:
        yield True
        return
    try:
        is_dead = _locked(descriptor)
        yield is_dead
        if is_dead:
            with suppress(OSError):  # what stays is but an empty file
                os.unlink(_path(archive, mark))
    finally:
        os.close(descriptor)


def _opened(path: str) -> int | None:
    with translated():
        try:
            return os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None


def _locked(descriptor: int) -> bool:
    with translated():
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _made(archive: str) -> tuple[int, str]:
    while True:
        descriptor, path = tempfile.mkstemp(prefix=_prefix(archive), dir=os.path.dirname(archive))
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, os.path.basename(path)
        os.close(descriptor)  # taken for a dead one's, between the two lines above


def _prefix(archive: str) -> str:
    return f"{os.path.basename(archive)}.mark-"


def _path(archive: str, mark: str) -> str:
    return os.path.join(os.path.dirname(archive), os.path.basename(mark))
