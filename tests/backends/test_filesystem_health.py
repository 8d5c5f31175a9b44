"""The directory says whether it would take a file now, and nothing is written to find out."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.backends.disk import stored
from webapp.backends.filesystem import FilesystemBackend
from webapp.contracts.backends import HealthChecked
from webapp.contracts.errors import StorageBackendError, StorageFullError


def test_it_is_well_before_the_first_file_and_after_it(backend: FilesystemBackend, root: Path) -> None:
    assert isinstance(backend, HealthChecked)
    backend.check_health()
    assert not root.exists()
    stored(backend)
    before = root.stat().st_mtime_ns
    backend.check_health()
    assert root.stat().st_mtime_ns == before


def test_a_file_in_the_place_of_the_directory(backend: FilesystemBackend, root: Path) -> None:
    root.write_text("not a directory")
    with pytest.raises(StorageBackendError):
        backend.check_health()


def test_a_link_that_leads_nowhere(backend: FilesystemBackend, root: Path) -> None:
    root.symlink_to(root.parent / "unmounted")
    with pytest.raises(StorageBackendError):
        backend.check_health()


def test_a_directory_of_somebody_else(backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode, **_: not mode & os.W_OK)  # the tests may run as root
    with pytest.raises(StorageBackendError) as caught:
        backend.check_health()
    assert caught.value.data["cause"] == "denied"


@pytest.mark.parametrize(
    ("flag", "blocks", "free", "error", "cause"),
    [
        (os.ST_RDONLY, 9, 9, StorageBackendError, "read_only"),
        (0, 9, 0, StorageFullError, "full"),
        (0, 0, 0, None, ""),  # file systems that do not count
    ],
)
def test_read_only_and_full(
    backend: FilesystemBackend,
    monkeypatch: pytest.MonkeyPatch,
    flag: int,
    blocks: int,
    free: int,
    error: type[Exception] | None,
    cause: str,
) -> None:
    told = SimpleNamespace(f_flag=flag, f_blocks=blocks, f_bavail=free)
    monkeypatch.setattr(os, "statvfs", lambda _: told)
    if error is None:
        backend.check_health()
        return
    with pytest.raises(error) as caught:
        backend.check_health()
    assert caught.value.data["cause"] == cause  # type: ignore[attr-defined]


def test_what_the_system_says_is_passed_on(backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    def stale(path: object) -> object:
        raise OSError(errno.ESTALE, "stale file handle")

    monkeypatch.setattr(os, "statvfs", stale)
    with pytest.raises(StorageBackendError, match="ESTALE"):
        backend.check_health()
