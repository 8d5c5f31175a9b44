"""Where files are, and who may read them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.disk import files, new_key, stored
from webapp.backends.filesystem import FilesystemBackend
from webapp.contracts.errors import ConfigurationError


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_in_the_shard_of_its_first_two_characters(backend: FilesystemBackend, root: Path) -> None:
    key = stored(backend, b"hello")
    assert (root / key[:2] / key).read_bytes() == b"hello"
    assert files(root) == {f"{key[:2]}/{key}"}


def test_a_put_that_is_not_settled_is_marked_in_incoming(backend: FilesystemBackend, root: Path) -> None:
    key = stored(backend, settled=False)
    assert files(root) == {f"{key[:2]}/{key}", f".incoming/{key}"}
    assert (root / ".incoming" / key).samefile(root / key[:2] / key)
    backend.settle(key)
    assert files(root) == {f"{key[:2]}/{key}"}


def test_settling_twice_is_fine(backend: FilesystemBackend) -> None:
    key = stored(backend)
    backend.settle(key)
    assert backend.exists(key)


def test_modes_do_not_depend_on_the_umask(umask: None, backend: FilesystemBackend, root: Path) -> None:
    key = stored(backend)
    assert _mode(root / key[:2] / key) == 0o640
    assert _mode(root / key[:2]) == 0o750
    assert _mode(root / ".incoming") == 0o750


def test_the_mode_of_the_root_does_not_depend_on_the_umask(umask: None, backend: FilesystemBackend, root: Path) -> None:
    stored(backend)
    assert _mode(root) == 0o750


def test_the_mode_of_an_existing_root_stays(backend: FilesystemBackend, root: Path) -> None:
    root.mkdir()
    root.chmod(0o700)
    stored(backend)
    assert _mode(root) == 0o700


def test_nothing_is_made_before_the_first_file(backend: FilesystemBackend, root: Path) -> None:
    assert not backend.exists(new_key())
    backend.delete(new_key())
    assert backend.recover(lambda key: False) == 0
    assert not root.exists()


def test_two_puts_of_one_key_keep_the_first(backend: FilesystemBackend) -> None:
    key = stored(backend, b"first")
    with pytest.raises(Exception, match="file system error"):
        backend.put(key, [b"second"], content_type="text/plain")
    assert b"".join(backend.get(key)) == b"first"


def test_a_refused_second_put_leaves_no_temporary_file(backend: FilesystemBackend, root: Path) -> None:
    key = stored(backend, b"first")
    with pytest.raises(Exception, match="file system error"):
        backend.put(key, [b"second"], content_type="text/plain")
    assert files(root) == {f"{key[:2]}/{key}"}


@pytest.mark.parametrize("value", ["uploads", "./uploads", "", None, 5])
def test_a_root_has_to_be_an_absolute_path(value: object) -> None:
    with pytest.raises(ConfigurationError):
        FilesystemBackend({"fs_root_path": value})


def test_an_empty_file_is_a_file(backend: FilesystemBackend, root: Path) -> None:
    key = stored(backend, b"")
    assert (root / key[:2] / key).stat().st_size == 0
    assert b"".join(backend.get(key)) == b""


def test_a_put_keeps_no_descriptor_open(backend: FilesystemBackend) -> None:
    stored(backend)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        key = stored(backend)
        b"".join(backend.get(key))
        backend.delete(stored(backend, settled=False))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_get_that_nobody_reads_closes_its_file(backend: FilesystemBackend) -> None:
    pieces = backend.get(stored(backend))
    before = len(list(Path("/proc/self/fd").iterdir()))
    pieces.close()  # type: ignore[attr-defined]
    assert len(list(Path("/proc/self/fd").iterdir())) == before - 1
