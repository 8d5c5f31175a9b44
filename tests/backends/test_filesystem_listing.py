"""The keys of a store are told in order, and nothing else that lies there; failures say why in one word."""

import errno
import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.disk import files, new_key, stored
from tests.backends.test_filesystem_failures import failing, put
from webapp.backends.filesystem import FilesystemBackend
from webapp.contracts.backends import Listed
from webapp.contracts.errors import CAUSES, StorageBackendError, StorageFullError, StorageNotFoundError
from webapp.contracts.settings import faults

ROOT = Path(__file__).resolve().parents[2]


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_it_says_that_it_can_list(backend: FilesystemBackend) -> None:
    assert FilesystemBackend.supports_listing
    assert isinstance(backend, Listed)


def test_all_keys_are_told_in_order(backend: FilesystemBackend) -> None:
    keys = [stored(backend) for _ in range(60)]
    random.shuffle(keys)
    assert list(backend.list_keys()) == sorted(keys)


@pytest.mark.parametrize("length", [1, 2, 3, 8, 31, 32])
def test_a_prefix_of_any_length_narrows_it_down(backend: FilesystemBackend, length: int) -> None:
    keys = sorted(stored(backend) for _ in range(40))
    prefix = keys[20][:length]
    assert list(backend.list_keys(prefix)) == [key for key in keys if key.startswith(prefix)]


@pytest.mark.parametrize("prefix", ["g", "A", "/", "..", "../", ".incoming", "a/", "\x00", "ab\x00", "0" * 33, "ü"])
def test_a_prefix_that_no_key_has_finds_nothing(backend: FilesystemBackend, prefix: str) -> None:
    stored(backend)
    assert list(backend.list_keys(prefix)) == []


def test_an_empty_store_and_one_that_is_not_there_have_no_keys(backend: FilesystemBackend, root: Path) -> None:
    assert list(backend.list_keys()) == []
    assert not root.exists()
    root.mkdir()
    assert list(backend.list_keys()) == []


def test_a_put_that_is_not_settled_is_told_once(backend: FilesystemBackend) -> None:
    key = stored(backend, settled=False)
    assert list(backend.list_keys()) == [key]
    backend.settle(key)
    assert list(backend.list_keys()) == [key]


def test_what_is_none_of_its_own_is_not_told(backend: FilesystemBackend, root: Path, tmp_path: Path) -> None:
    key = stored(backend)
    shard = root / key[:2]
    other = f"{key[:2]}{'0' * 30}"
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / f"{'ff' if key[:2] != 'ff' else 'ee'}{'1' * 30}").write_bytes(b"bait")
    os.mkfifo(shard / f"{key[:2]}{'1' * 30}")
    (shard / f"{key[:2]}{'2' * 30}").symlink_to(shard / key)
    (shard / f"{key[:2]}{'3' * 30}").mkdir()
    (shard / f"{'ff' if key[:2] != 'ff' else 'ee'}{'4' * 30}").write_bytes(b"in the wrong shard")
    for name in ("README", other.upper() if other.upper() != other else f"G{other[1:]}", f"{other}.tmp", other[:-1]):
        (shard / name).write_bytes(b"foreign")
    (root / "notes").mkdir()
    (root / "notes" / key).write_bytes(b"foreign")
    (root / key).write_bytes(b"foreign")
    (root / ".incoming" / new_key()).write_bytes(b"unfinished")
    link = "ff" if key[:2] != "ff" else "ee"
    (root / link).symlink_to(outside)
    assert list(backend.list_keys()) == [key]


@pytest.mark.parametrize("what", ["file", "fifo", "link"])
def test_a_shard_that_is_none_is_passed_over(backend: FilesystemBackend, root: Path, what: str) -> None:
    key = stored(backend)
    odd = root / ("00" if key[:2] != "00" else "01")
    {"file": lambda: odd.write_bytes(b""), "fifo": lambda: os.mkfifo(odd), "link": lambda: odd.symlink_to(root)}[what]()
    assert list(backend.list_keys()) == [key]


def test_keys_that_come_and_go_meanwhile_do_not_matter(backend: FilesystemBackend, root: Path) -> None:
    keys = sorted(stored(backend) for _ in range(50))
    listing = backend.list_keys()
    first = next(listing)
    for key in keys[1:]:
        backend.delete(key)
        if not list((root / key[:2]).iterdir()):
            (root / key[:2]).rmdir()
    assert first == keys[0]
    assert set(listing) <= {key for key in keys if key[:2] == first[:2]}  # that shard had been read


def test_a_listing_that_nobody_ends_keeps_nothing_open(backend: FilesystemBackend) -> None:
    for _ in range(20):
        stored(backend)
    before = open_descriptors()
    backend.list_keys()
    started = backend.list_keys()
    next(started)
    assert open_descriptors() == before + 1  # the root
    del started
    list(backend.list_keys())
    assert open_descriptors() == before


def test_a_large_store_is_not_held_in_memory(root: Path, backend: FilesystemBackend) -> None:
    for number in range(8_000):
        shard = root / f"{number % 256:02x}"
        if number < 256:
            shard.mkdir(parents=True)
        os.close(os.open(shard / f"{number % 256:02x}{number:030x}", os.O_CREAT | os.O_WRONLY))
    tracemalloc.start()
    count = sum(1 for _ in backend.list_keys())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 8_000
    assert peak < 200_000  # all names together would take some seven hundred thousand


def test_listing_asks_no_file(backend: FilesystemBackend) -> None:
    keys = sorted(stored(backend) for _ in range(10))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("stat", "lstat"):
            failing(patch, name, errno.EIO)
        found = list(backend.list_keys())
    assert found == keys


# --- causes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.EACCES, "denied"),
        (errno.EPERM, "denied"),
        (errno.EROFS, "read_only"),
        (errno.ENOSPC, "full"),
        (errno.EDQUOT, "full"),
        (errno.EIO, None),
        (errno.EMFILE, None),
    ],
)
def test_a_failure_says_why(
    backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch, number: int, cause: str | None
) -> None:
    assert cause is None or cause in CAUSES
    stored(backend)
    failing(monkeypatch, "open", number)
    for call in (lambda: put(backend, new_key()), lambda: backend.get(new_key()), lambda: list(backend.list_keys())):
        with pytest.raises(StorageFullError if cause == "full" else StorageBackendError) as failed:
            call()
        assert failed.value.data.get("cause") == cause


def test_a_missing_file_says_so(backend: FilesystemBackend) -> None:
    with pytest.raises(StorageNotFoundError) as failed:
        backend.get(new_key())
    assert failed.value.data == {"cause": "not_found"}


def test_a_root_that_cannot_be_one_says_so(backend: FilesystemBackend, root: Path) -> None:
    root.write_bytes(b"in the way")
    with pytest.raises(StorageBackendError) as failed:
        put(backend, new_key())
    assert failed.value.data == {"cause": "no_container"}


def test_somebody_without_rights_is_denied(tmp_path_factory: pytest.TempPathFactory) -> None:
    """As another user where the tests run as root."""
    script = (
        "import os, sys\n"
        "from webapp.backends.filesystem import FilesystemBackend\n"
        "from webapp.contracts.errors import StorageBackendError\n"
        "os.geteuid() or (os.setgroups([]), os.setresgid(65534, 65534, 65534), os.setresuid(65534, 65534, 65534))\n"
        "try: FilesystemBackend({'fs_root_path': sys.argv[1]}).put('a' * 32, [b'x'], content_type='text/plain')\n"
        "except StorageBackendError as exc: print(exc.data['cause'])\n"
    )
    closed = tmp_path_factory.mktemp("closed")
    closed.chmod(0o500)
    program = [sys.executable, "-c", script, str(closed / "uploads")]
    run = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    closed.chmod(0o700)
    assert (run.stdout, run.stderr) == ("denied\n", "")


# --- after a mere try ---------------------------------------------------------------


@pytest.fixture
def there(tmp_path: Path) -> Path:
    place = tmp_path / "there"
    place.mkdir()
    return place


def _everything(place: Path) -> Iterator[str]:
    return (str(path.relative_to(place)) for path in place.rglob("*"))


@pytest.mark.parametrize("below", ["", "new", "quite/new"])
def test_the_directories_of_a_try_go_with_it(there: Path, below: str) -> None:
    backend, key = FilesystemBackend({"fs_root_path": str(there / below)}), new_key()
    tidy = backend.tidier(key)
    put(backend, key)
    backend.delete(key)
    assert set(_everything(there))
    tidy()
    assert set(_everything(there)) == set()
    assert there.exists()


def test_what_others_have_put_there_meanwhile_stays(there: Path) -> None:
    backend, key = FilesystemBackend({"fs_root_path": str(there / "new")}), new_key()
    tidy = backend.tidier(key)
    put(backend, key)
    kept = [stored(backend), stored(backend, settled=False)]
    backend.delete(key)
    tidy()
    assert [backend.exists(each) for each in kept] == [True, True]
    assert {f"{each[:2]}/{each}" for each in kept} <= files(there / "new")


def test_where_files_are_kept_already_no_directory_goes(there: Path) -> None:
    backend = FilesystemBackend({"fs_root_path": str(there)})
    backend.delete(stored(backend))
    key = new_key()
    tidy = backend.tidier(key)
    put(backend, key)
    backend.delete(key)
    tidy()
    assert (there / ".incoming").is_dir()
    assert (there / key[:2]).is_dir()


def test_the_field_is_one_that_a_form_can_show() -> None:
    assert list(faults(FilesystemBackend.fields)) == []
    [field] = FilesystemBackend.fields
    assert field.label
    assert field.help.endswith(".")
