"""Whatever fails, nothing of the file stays, and the first error is the one reported."""

import errno
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.backends.disk import files, new_key, stored
from webapp.backends.filesystem import FilesystemBackend
from webapp.contracts.errors import StorageBackendError, StorageFullError


class GoneError(Exception):
    """Stands for a client that went away."""


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file of this process grows beyond ``size``."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def failing(
    monkeypatch: pytest.MonkeyPatch, name: str, number: int, *, when: Callable[..., bool] = lambda *_, **__: True
) -> list[Any]:
    """Let ``os.<name>`` fail with this errno; returns the list of calls that did."""
    real, calls = getattr(os, name), []

    def fail(*args: Any, **kwargs: Any) -> Any:
        if when(*args, **kwargs):
            calls.append(args)
            raise OSError(number, "injected")
        return real(*args, **kwargs)

    monkeypatch.setattr(os, name, fail)
    return calls


def put(backend: FilesystemBackend, key: str, data: bytes = b"hello" * 1000) -> None:
    backend.put(key, iter([data[:100], data[100:]]), content_type="text/plain")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_while_writing_is_told_and_leaves_nothing(
    backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    failing(monkeypatch, "write", number)
    with pytest.raises(StorageFullError):
        put(backend, new_key())
    assert files(root) == set()


def test_a_file_that_cannot_grow_leaves_nothing(backend: FilesystemBackend, root: Path) -> None:
    kept = stored(backend)
    with file_size_limit(100_000), pytest.raises(StorageBackendError):
        put(backend, new_key(), b"x" * 1_000_000)
    assert files(root) == {f"{kept[:2]}/{kept}"}


def test_a_write_that_takes_only_a_part_is_continued(
    backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:7]))
    key = new_key()
    put(backend, key, bytes(range(256)))
    assert b"".join(backend.get(key)) == bytes(range(256))


@pytest.mark.parametrize(("number", "error"), [(errno.EIO, StorageBackendError), (errno.ENOSPC, StorageFullError)])
@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_a_sync_that_fails_leaves_nothing(
    backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type, nth: int
) -> None:
    """Of the parents, the file and the shard, one after the other."""
    counter = iter(range(1, 100))
    calls = failing(monkeypatch, "fsync", number, when=lambda *_: next(counter) == nth)
    key = new_key()
    with pytest.raises(error):
        put(backend, key)
    assert calls
    assert files(root) == set()
    monkeypatch.undo()
    assert not backend.exists(key)
    put(backend, key)  # nothing is in the way of the next try


def test_a_link_that_fails_leaves_nothing(
    backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, "link", errno.EIO)
    with pytest.raises(StorageBackendError):
        put(backend, new_key())
    assert files(root) == set()


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
def test_where_there_are_no_hard_links_the_file_is_moved(
    backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    failing(monkeypatch, "link", number)
    key = new_key()
    put(backend, key, b"moved")
    assert files(root) == {f"{key[:2]}/{key}"}
    backend.settle(key)
    assert b"".join(backend.get(key)) == b"moved"


def test_a_move_that_fails_leaves_nothing(
    backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, "link", errno.EPERM)
    failing(monkeypatch, "rename", errno.EIO)
    with pytest.raises(StorageBackendError):
        put(backend, new_key())
    assert files(root) == set()


def test_a_shard_that_cannot_be_made_leaves_nothing(
    backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, "mkdir", errno.ENOSPC, when=lambda name, *_, **__: name != ".incoming" and len(name) == 2)
    with pytest.raises(StorageFullError):
        put(backend, new_key())
    assert files(root) == set()


def test_the_first_error_is_reported_though_clearing_up_fails_too(
    backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, "write", errno.ENOSPC)
    failing(monkeypatch, "unlink", errno.EIO)
    with pytest.raises(StorageFullError):
        put(backend, new_key())


def test_a_client_that_goes_is_reported_though_clearing_up_fails_too(
    backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut() -> Iterator[bytes]:
        yield b"x"
        raise GoneError

    failing(monkeypatch, "unlink", errno.EIO)
    with pytest.raises(GoneError):
        backend.put(new_key(), cut(), content_type="text/plain")


def test_the_first_error_is_reported_though_the_shard_cannot_be_cleared(
    backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for first in range(256):  # all shards are there, so the last fsync is that of the shard
        (root / f"{first:02x}").mkdir(parents=True)
    (root / ".incoming").mkdir()
    counter = iter(range(1, 100))
    failing(monkeypatch, "fsync", errno.ENOSPC, when=lambda *_: next(counter) == 2)
    failing(monkeypatch, "unlink", errno.EIO)
    with pytest.raises(StorageFullError):
        put(backend, new_key())


def test_a_failed_put_keeps_no_descriptor_open(backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(backend)
    before = len(list(Path("/proc/self/fd").iterdir()))
    failing(monkeypatch, "write", errno.ENOSPC)
    failing(monkeypatch, "unlink", errno.EIO)
    for _ in range(3):
        with pytest.raises(StorageBackendError):
            put(backend, new_key())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_delete_that_fails_is_told(backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    key = stored(backend)
    failing(monkeypatch, "unlink", errno.EACCES)
    with pytest.raises(StorageBackendError):
        backend.delete(key)
    monkeypatch.undo()
    assert backend.exists(key)


def test_a_file_that_cannot_be_opened_is_no_missing_file(
    backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = stored(backend)
    failing(monkeypatch, "open", errno.EMFILE, when=lambda name, *_, **__: name == key)
    with pytest.raises(StorageBackendError):
        backend.get(key)
    with pytest.raises(StorageBackendError):
        backend.exists(key)
