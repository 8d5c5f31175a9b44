"""Which puts are under way on this machine: one small locked file for each.

A process that dies loses its locks, so whatever can be locked was cut short:
the same rule as in the filesystem backend, with no clock and no further request
to the store. The files hold nothing; their names are the keys.
"""

import fcntl
import hashlib
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_KEY = re.compile(r"[0-9a-f]{32}")
_NEW = ".new"
_living: dict[tuple[Path, str], int] = {}
"""The locked files of this process. Not kept by the instance: new credentials make a new one."""
_living_lock = threading.Lock()


class Journal:
    """The notes about one bucket. Without a directory there are none, and every method does nothing."""

    def __init__(self, state_dir: str | None, place: tuple[str, ...]) -> None:
        name = hashlib.sha256("\n".join(place).encode()).hexdigest()[:32]
        self._folder = Path(state_dir, "s3-incoming", name) if state_dir else None

    def begin(self, key: str) -> None:
        """Note that the key is being put.

        Raises:
            OSError: the note cannot be written.
        """
        if self._folder is None:
            return
        with _living_lock:
            if (self._folder, key) not in _living:
                _living[self._folder, key] = self._created(key)

    def end(self, key: str) -> None:
        """Nothing is left to do for the key."""
        if self._folder is None:
            return
        with suppress(OSError):
            (self._folder / key).unlink()
        self.abandon(key)

    def abandon(self, key: str) -> None:
        """Leave the key to the next recovery: what is in the store could not be cleared away."""
        if self._folder is None:
            return
        with _living_lock:
            fd = _living.pop((self._folder, key), None)
        if fd is not None:
            os.close(fd)

    def dead(self) -> list[str]:
        """Keys that may belong to dead processes; :meth:`claimed` says for sure."""
        if self._folder is None:
            return []
        try:
            names = os.listdir(self._folder)  # noqa: PTH208 (names are all that is needed)
        except FileNotFoundError:
            return []
        for name in names:
            if name.endswith(_NEW):
                with self.claimed(name):
                    pass  # nothing was put yet
        with _living_lock:
            return [name for name in names if _KEY.fullmatch(name) and (self._folder, name) not in _living]

    @contextmanager
    def claimed(self, key: str) -> Iterator[bool]:
        """Hold the note of a dead process, and drop it if all went well; False: its process lives, or it is gone."""
        fd = self._open(key)
        if fd is None:
            yield False
            return
        try:
            if not _locked(fd):
                yield False
                return
            yield True
            self._path(key).unlink(missing_ok=True)
        finally:
            os.close(fd)

    def _created(self, key: str) -> int:
        """The note, locked before it has its name: no sweep ever finds it unlocked."""
        path, new = self._path(key), self._path(key + _NEW)
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        while True:
            fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o640)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                new.rename(path)
                return fd
            except FileNotFoundError:  # a sweep took it for a dead process's
                os.close(fd)
            except BaseException:
                os.close(fd)
                raise

    def _open(self, name: str) -> int | None:
        try:
            return os.open(self._path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None

    def _path(self, name: str) -> Path:
        if self._folder is None:
            raise FileNotFoundError("there is no journal")
        return self._folder / name


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
