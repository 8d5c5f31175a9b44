"""What somebody may have put under the root is not followed, not read and does not hang."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backends.disk import new_key, stored
from webapp.backends.filesystem import FilesystemBackend
from webapp.contracts.errors import StorageBackendError, StorageError, StorageNotFoundError

BAD_KEYS = [
    "",
    ".",
    "..",
    "../../../etc/passwd",
    "/etc/passwd",
    "ab/../../secret",
    "abcdefgh/ijklmnop",
    "abcdefgh\x00ijklmnop",
    "abcdefghijklmnop\n",
    ".incoming",
    ".incomingincoming",
    "-abcdefgh",
    "ABCDEF0123456789ABCDEF0123456789",
    "abcd",
    "a" * 129,
    "äbcdefghijklmnop",
    "abcdefgh ijklmnop",
]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"not yours")
    return folder


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_malformed_key_never_reaches_the_disk(
    backend: FilesystemBackend, root: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(backend)

    def no(*_: object, **__: object) -> int:
        raise AssertionError("the disk was asked")

    methods: list[Callable[[], object]] = [
        lambda: backend.put(key, [b"x"], content_type="text/plain"),
        lambda: backend.get(key),
        lambda: backend.open_local(key),
        lambda: backend.delete(key),
    ]
    for name in ("open", "link", "unlink", "rename", "mkdir"):
        monkeypatch.setattr(os, name, no)
    for method in methods:
        with pytest.raises(StorageError):
            method()
    assert backend.exists(key) is False


def test_a_symlink_in_place_of_a_file_is_not_followed(backend: FilesystemBackend, root: Path, outside: Path) -> None:
    key = stored(backend)
    path = root / key[:2] / key
    path.unlink()
    path.symlink_to(outside / "secret")
    assert not backend.exists(key)
    with pytest.raises(StorageNotFoundError):
        backend.get(key)
    backend.delete(key)
    assert (outside / "secret").read_bytes() == b"not yours"


def test_a_symlink_in_place_of_a_shard_is_not_followed(backend: FilesystemBackend, root: Path, outside: Path) -> None:
    key = new_key()
    root.mkdir()
    (root / key[:2]).symlink_to(outside)
    (outside / key).write_bytes(b"bait")
    assert not backend.exists(key)
    with pytest.raises(StorageNotFoundError):
        backend.get(key)
    backend.delete(key)
    with pytest.raises(StorageBackendError):
        backend.put(key, [b"x"], content_type="text/plain")
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"secret": b"not yours", key: b"bait"}
    assert list((root / ".incoming").iterdir()) == []


def test_a_symlink_in_place_of_incoming_is_not_followed(backend: FilesystemBackend, root: Path, outside: Path) -> None:
    root.mkdir()
    (root / ".incoming").symlink_to(outside)
    bait = new_key()
    (outside / bait).write_bytes(b"bait")
    with pytest.raises(StorageBackendError):
        backend.put(new_key(), [b"x"], content_type="text/plain")
    assert backend.recover(lambda key: False) == 0
    assert {path.name for path in outside.iterdir()} == {"secret", bait}


def test_a_symlink_inside_incoming_is_not_followed(backend: FilesystemBackend, root: Path, outside: Path) -> None:
    stored(backend)
    key = new_key()
    (root / ".incoming" / key).symlink_to(outside / "secret")
    with pytest.raises(StorageBackendError):
        backend.put(key, [b"x"], content_type="text/plain")
    backend.recover(lambda key: False)
    assert (outside / "secret").read_bytes() == b"not yours"


def test_the_root_itself_may_be_a_symlink(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "link").symlink_to(outside)
    backend = FilesystemBackend({"fs_root_path": str(tmp_path / "link")})
    key = stored(backend)
    assert (outside / key[:2] / key).read_bytes() == b"hello"


def test_a_fifo_in_place_of_a_file_does_not_hang(backend: FilesystemBackend, root: Path) -> None:
    key = stored(backend)
    (root / key[:2] / key).unlink()
    os.mkfifo(root / key[:2] / key)
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(backend.exists(key)), daemon=True)
    thread.start()
    thread.join(5)
    assert answers == [False]


def test_a_directory_in_place_of_a_file_is_no_file(backend: FilesystemBackend, root: Path) -> None:
    key = stored(backend)
    (root / key[:2] / key).unlink()
    (root / key[:2] / key).mkdir()
    assert not backend.exists(key)
    with pytest.raises(StorageNotFoundError):
        backend.get(key)


def test_a_file_in_place_of_the_root_is_a_backend_error(backend: FilesystemBackend, root: Path) -> None:
    root.write_bytes(b"in the way")
    with pytest.raises(StorageBackendError):
        backend.put(new_key(), [b"x"], content_type="text/plain")
    assert root.read_bytes() == b"in the way"


def test_a_file_in_place_of_a_shard_is_a_backend_error(backend: FilesystemBackend, root: Path) -> None:
    root.mkdir()
    key = new_key()
    (root / key[:2]).write_bytes(b"in the way")
    with pytest.raises(StorageBackendError):
        backend.put(key, [b"x"], content_type="text/plain")
    assert list((root / ".incoming").iterdir()) == []
