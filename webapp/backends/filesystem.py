"""Files on a local or mounted file system: ``<root>/ab/abcd1234…``.

A put writes to ``<root>/.incoming/<key>``, syncs it, links it to its final name
and syncs that directory. The entry in ``.incoming`` goes only when the row is
committed (:meth:`FilesystemBackend.settle`), so what a crash cut short is always
found there, however many files the store holds. A put holds an ``flock`` on its
file until then: what can be locked belongs to a process that is dead.

Every path is opened one component at a time below the root, without following
symbolic links (``O_NOFOLLOW``), and consists of key characters only.
"""

import errno
import fcntl
import os
import re
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import takewhile
from typing import BinaryIO, ClassVar

from webapp.backends.aligned import AlignedWriter
from webapp.contracts.backends import Bytes
from webapp.contracts.errors import (
    ConfigurationError,
    NotSupportedError,
    StorageBackendError,
    StorageFullError,
    StorageNotFoundError,
)
from webapp.contracts.settings import SettingField

FILE_MODE = 0o640
DIRECTORY_MODE = 0o750
READ_SIZE = 1024 * 1024
INCOMING = ".incoming"

_KEY = re.compile(r"[0-9a-f]{32}")
_SHARD = re.compile(r"[0-9a-f]{2}")
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_CAUSES = {errno.EACCES: "denied", errno.EPERM: "denied", errno.EROFS: "read_only"}
_CAUSE_OF_MISSING = {StorageNotFoundError: "not_found", StorageBackendError: "no_container"}
_living: dict[tuple[str, str], tuple[int, int]] = {}
"""The locked temporary files of puts under way, and their directory, by root and key."""
_living_lock = threading.Lock()

_NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS})


class FilesystemBackend:
    """The default backend. Thread-safe; shares its root with other processes and nodes."""

    backend_id: ClassVar[str] = "filesystem"
    supports_presigned_url: ClassVar[bool] = False
    supports_local_files: ClassVar[bool] = True
    supports_recovery: ClassVar[bool] = True
    supports_listing: ClassVar[bool] = True
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField(
            name="fs_root_path",
            label="Root directory",
            help="Directory the files are kept in, and nothing else. A relative path starts at the data directory.",
            default="./uploads",
            required=True,
            location=True,
            path=True,
        ),
    )

    def __init__(self, options: Mapping[str, object]) -> None:
        """Use the directory ``options["fs_root_path"]``; it is made when the first file comes."""
        root = options.get("fs_root_path")
        if not isinstance(root, str) or not os.path.isabs(root):
            raise ConfigurationError("fs_root_path is no absolute path")
        self._root = root

    def put(self, key: str, chunks: Iterable[Bytes], *, content_type: str, size: int | None = None) -> None:
        """Store the bytes durably: data synced, linked to the final name, directory synced."""
        with _translated(missing=StorageBackendError), ExitStack() as opened:
            _check(key)
            root = self._open_root(opened, create=True)
            with ExitStack() as living:
                incoming = _open_below(living, root, INCOMING, create=True)
                temporary = _create_locked(key, incoming)
                living.callback(os.close, temporary)
                # The first error is the one to report: should clearing up fail too, a sweep comes by later.
                living.callback(_unlink_quietly, key, incoming)
                _write(temporary, chunks)
                os.fsync(temporary)
                shard = _open_below(opened, root, key[:2], create=True)
                _link(key, incoming, shard)
                living.callback(_unlink_quietly, key, shard)  # not before: it could be another put's file
                os.fsync(shard)
                living.pop_all()
            with _living_lock:
                _living[self._root, key] = (temporary, incoming)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Return the bytes in pieces of at most 1 MiB."""
        file = self.open_local(key)
        file.seek(start)
        return _Pieces(file, length)

    def open_local(self, key: str) -> BinaryIO:
        """Open the stored file, unbuffered."""
        with _translated(), ExitStack() as opened:
            _check(key)
            shard = _open_below(opened, self._open_root(opened), key[:2])
            # O_NONBLOCK: opening a FIFO that somebody put there must not hang.
            fd = os.open(key, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=shard)
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                os.close(fd)
                raise StorageNotFoundError("not a regular file")
            return open(fd, "rb", buffering=0)

    def delete(self, key: str) -> None:
        """Remove the bytes and whatever a put under way has left of them."""
        _check(key)
        try:
            with suppress(StorageNotFoundError), _translated(), ExitStack() as opened:
                root = self._open_root(opened)
                with suppress(FileNotFoundError):
                    _unlink(key, _open_below(opened, root, key[:2]))
                with suppress(FileNotFoundError):
                    _unlink(key, _open_below(opened, root, INCOMING))
        finally:
            self._forget(key)

    def exists(self, key: str) -> bool:
        """Tell whether a regular file stands under the key."""
        try:
            self.open_local(key).close()
        except StorageNotFoundError:
            return False
        return True

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in order; one shard of them is in memory at a time."""
        with suppress(StorageNotFoundError), ExitStack() as opened:
            with _translated():
                root = self._open_root(opened)
                shards = sorted(filter(_SHARD.fullmatch, os.listdir(root)))
            for shard in shards:
                if shard.startswith(prefix[:2]):
                    yield from _keys_in(shard, root, prefix)

    def presigned_get_url(self, key: str, *, filename: str, content_type: str, expires_in: int | None = None) -> str:
        """Not supported: a file system answers no URLs."""
        raise NotSupportedError("the filesystem backend has no URLs")

    def settle(self, key: str) -> None:
        """Drop the entry that marks the put as under way."""
        with _living_lock:
            temporary, incoming = _living.pop((self._root, key), (None, None))
        if temporary is None or incoming is None:
            return
        try:
            with _translated():
                _unlink(key, incoming)
        finally:
            os.close(temporary)
            os.close(incoming)

    def recover(self, is_known: Callable[[str], bool]) -> int:
        """Look through ``.incoming`` and finish or undo the puts of dead processes."""
        removed = 0
        with suppress(StorageNotFoundError), _translated(), ExitStack() as opened:
            root = self._open_root(opened)
            incoming = _open_below(opened, root, INCOMING)
            for key in filter(_KEY.fullmatch, os.listdir(incoming)):
                # One that cannot be removed must not keep the others.
                with suppress(OSError), _locked_if_dead(key, incoming) as dead:
                    if dead:
                        removed += _finish(key, root, incoming, known=is_known(key))
        return removed

    def check_health(self) -> None:
        """Look whether the root can be read and written; one that is not there yet, its parent. Nothing is written."""
        with _translated(missing=StorageBackendError):
            path = next(path for path in (*_upwards(self._root), "/") if os.path.lexists(path))
            if not os.path.isdir(path):
                raise NotADirectoryError(errno.ENOTDIR, "a file is in the place of a directory")
            space = os.statvfs(path)
            if space.f_flag & os.ST_RDONLY:
                raise OSError(errno.EROFS, "mounted read-only")
            if not os.access(path, os.R_OK | os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
                raise PermissionError(errno.EACCES, "no access to the directory")
            if space.f_blocks and not space.f_bavail:
                raise OSError(errno.ENOSPC, "no space left")

    def tidier(self, key: str) -> Callable[[], None]:
        """Return what removes the directories made from now on for this one key, which was but a try.

        Where files are kept already nothing is removed: a put may be about to use what looks empty.
        """
        incoming, shard = os.path.join(self._root, INCOMING), os.path.join(self._root, key[:2])
        if os.path.lexists(incoming):
            return lambda: None
        above = takewhile(lambda path: not os.path.lexists(path), _upwards(self._root))
        missing = [path for path in (incoming, shard) if not os.path.lexists(path)] + list(above)

        def tidy() -> None:
            for path in missing:
                with suppress(OSError):  # it is not there, or no longer empty
                    os.rmdir(path)

        return tidy

    def _open_root(self, opened: ExitStack, *, create: bool = False) -> int:
        if create and not os.path.isdir(self._root):
            try:
                os.makedirs(self._root, DIRECTORY_MODE, exist_ok=True)
            except FileExistsError as exc:
                raise NotADirectoryError(errno.ENOTDIR, "a file is in the place of the root") from exc
            os.chmod(self._root, DIRECTORY_MODE)  # whatever the umask says
        # The root itself may be a symbolic link: that is the operator's choice.
        return _keep(opened, os.open(self._root, os.O_RDONLY | os.O_DIRECTORY))

    def _forget(self, key: str) -> None:
        with _living_lock:
            descriptors = _living.pop((self._root, key), ())
        for fd in descriptors:
            os.close(fd)


def _check(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise StorageNotFoundError("malformed key")


def _upwards(path: str) -> Iterator[str]:
    """The path and the directories above it."""
    while path != os.path.dirname(path):
        yield path
        path = os.path.dirname(path)


def _keep(opened: ExitStack, fd: int) -> int:
    opened.callback(os.close, fd)
    return fd


def _open_below(opened: ExitStack, parent: int, name: str, *, create: bool = False) -> int:
    """Open a directory of the store; a symbolic link in its place is not followed."""
    try:
        return _keep(opened, os.open(name, _OPEN_DIRECTORY, dir_fd=parent))
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, DIRECTORY_MODE, dir_fd=parent)
        os.fsync(parent)
    fd = _keep(opened, os.open(name, _OPEN_DIRECTORY, dir_fd=parent))
    os.fchmod(fd, DIRECTORY_MODE)  # whatever the umask says
    return fd


def _create_locked(key: str, incoming: int) -> int:
    """Create the temporary file and lock it; a sweep may get in between the two."""
    while True:
        fd = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE, dir_fd=incoming)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink:
                os.fchmod(fd, FILE_MODE)  # whatever the umask says
                return fd
        except BaseException:
            os.close(fd)
            with suppress(OSError):
                _unlink(key, incoming)
            raise
        os.close(fd)


@contextmanager
def _locked_if_dead(key: str, incoming: int) -> Iterator[bool]:
    """Lock an entry of ``.incoming``; yields False where its process lives or it is gone."""
    try:
        fd = os.open(key, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=incoming)
    except OSError:
        yield False
        return
    try:
        yield stat.S_ISREG(os.fstat(fd).st_mode) and _locked(fd)
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _finish(key: str, root: int, incoming: int, *, known: bool) -> int:
    """Undo the put of a dead process, or only drop its mark where the row was written."""
    with ExitStack() as opened:
        if not known:
            with suppress(FileNotFoundError):
                _unlink(key, _open_below(opened, root, key[:2]))
        _unlink(key, incoming)
    return 0 if known else 1


def _keys_in(shard: str, root: int, prefix: str) -> list[str]:
    """The keys in one shard. What else is there, such as links and pipes, is none of ours."""
    with suppress(StorageNotFoundError), _translated(), ExitStack() as opened:
        with os.scandir(_open_below(opened, root, shard)) as entries:
            # What the directory itself says about kinds is enough: no file is asked.
            names = [each.name for each in entries if each.is_file(follow_symlinks=False)]
        start = prefix if len(prefix) > len(shard) else shard
        return sorted(name for name in names if name.startswith(start) and _KEY.fullmatch(name))
    return []


def _write(fd: int, chunks: Iterable[Bytes]) -> None:
    writer = AlignedWriter(fd)
    for chunk in chunks:
        writer.write(chunk)
    writer.finish()


def _link(key: str, incoming: int, shard: int) -> None:
    """Give the finished file its final name, in one step and never over another one."""
    try:
        os.link(key, key, src_dir_fd=incoming, dst_dir_fd=shard, follow_symlinks=False)
    except OSError as exc:
        if exc.errno not in _NO_HARD_LINKS:
            raise
        # FAT, SMB and some FUSE mounts: a crash in the next milliseconds leaves
        # an unreferenced file there, nothing worse.
        os.rename(key, key, src_dir_fd=incoming, dst_dir_fd=shard)


def _unlink_quietly(key: str, directory: int) -> None:
    with suppress(OSError):
        os.unlink(key, dir_fd=directory)


def _unlink(key: str, directory: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(key, dir_fd=directory)


class _Pieces:
    """The file in pieces. An object, not a generator: closing a generator nobody began leaves the file open."""

    def __init__(self, file: BinaryIO, length: int | None) -> None:
        self._file = file
        self._left = length

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with _translated():
            piece = self._file.read(READ_SIZE if self._left is None else min(READ_SIZE, self._left))
        if not piece:
            self.close()
            raise StopIteration
        if self._left is not None:
            self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._file.close()


@contextmanager
def _translated(missing: type[StorageNotFoundError | StorageBackendError] = StorageNotFoundError) -> Iterator[None]:
    """Turn what the operating system says into what the contract says.

    Errors of the body being read pass too: the HTTP edge never raises ``OSError``.
    """
    try:
        yield
    except FileNotFoundError as exc:
        raise missing("no such file or directory", cause=_CAUSE_OF_MISSING[missing]) from exc
    except OSError as exc:
        # O_NOFOLLOW on a symbolic link: ELOOP for a file, ENOTDIR for a directory.
        if exc.errno in (errno.ELOOP, errno.ENOTDIR):
            raise missing("a symbolic link is not followed", cause=_CAUSE_OF_MISSING[missing]) from exc
        if exc.errno in _FULL:
            raise StorageFullError("no space left", cause="full") from exc
        cause = {"cause": _CAUSES[exc.errno]} if exc.errno in _CAUSES else {}
        raise StorageBackendError(
            f"file system error: {errno.errorcode.get(exc.errno or 0, exc.errno)}", **cause
        ) from exc
