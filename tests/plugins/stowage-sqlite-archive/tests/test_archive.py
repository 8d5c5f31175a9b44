"""What is special about this backend: one file, a bound, crashes, and archives that are not what they should be."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from webapp.contracts import ConfigurationError, StorageBackendError, StorageFullError, StorageNotFoundError

from stowage_sqlite_archive import SqliteArchive

MIB = 1024 * 1024
KEY, OTHER = "0" * 32, "1" * 32


def archive(directory: Path, **more: Any) -> SqliteArchive:
    options = {"sqlite_archive_directory": str(directory), "sqlite_archive_name": "files"}
    return SqliteArchive({**options, **{f"sqlite_archive_{name}": value for name, value in more.items()}})


def put(backend: SqliteArchive, data: bytes = b"bytes", key: str = KEY) -> None:
    backend.put(key, [data], content_type="text/plain", size=len(data))


def read(backend: SqliteArchive, key: str = KEY) -> bytes:
    return b"".join(backend.get(key))


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_all_of_it_is_one_file_that_can_be_moved(tmp_path: Path) -> None:
    put(archive(tmp_path / "here"))
    files = [path.name for path in (tmp_path / "here").iterdir() if path.stat().st_size]
    assert files == ["files.sqlite"]
    (tmp_path / "there").mkdir()
    (tmp_path / "here/files.sqlite").rename(tmp_path / "there/moved.sqlite")
    assert read(archive(tmp_path / "there", name="moved")) == b"bytes"
    with pytest.raises(StorageNotFoundError):
        read(archive(tmp_path / "here"))


def test_archives_in_one_directory_know_nothing_of_each_other(tmp_path: Path) -> None:
    put(archive(tmp_path, name="sales"))
    assert list(archive(tmp_path, name="legal").list_keys()) == []
    assert archive(tmp_path, name="legal").recover(lambda key: False) == 0
    assert read(archive(tmp_path, name="sales")) == b"bytes"


def test_looking_makes_no_archive(tmp_path: Path) -> None:
    backend = archive(tmp_path / "none")
    assert not backend.exists(KEY)
    assert list(backend.list_keys()) == []
    assert backend.recover(lambda key: False) == 0
    backend.delete(KEY)
    assert not (tmp_path / "none").exists()


def test_a_full_archive_refuses_and_takes_again_when_something_goes(tmp_path: Path) -> None:
    backend = archive(tmp_path, most_bytes=2 * MIB, chunk_bytes=64 * 1024)
    put(backend, os.urandom(MIB))
    with pytest.raises(StorageFullError) as caught:
        put(backend, os.urandom(MIB), OTHER)
    assert caught.value.data == {"cause": "full"}
    assert list(backend.list_keys()) == [KEY]
    backend.delete(KEY)
    put(backend, os.urandom(MIB), OTHER)


def test_the_archive_shrinks(tmp_path: Path) -> None:
    backend = archive(tmp_path)
    put(backend, os.urandom(3 * MIB))
    backend.delete(KEY)
    assert (tmp_path / "files.sqlite").stat().st_size < MIB


def test_files_stay_readable_when_the_size_of_a_chunk_changes(tmp_path: Path) -> None:
    data = os.urandom(3 * MIB + 1)
    put(archive(tmp_path, chunk_bytes=64 * 1024), data)
    backend = archive(tmp_path, chunk_bytes=2 * MIB)
    assert read(backend) == data
    assert b"".join(backend.get(KEY, start=65_530, length=100_000)) == data[65_530:165_530]


def test_large_files_are_removed_too(tmp_path: Path) -> None:
    backend = archive(tmp_path, chunk_bytes=64 * 1024)
    put(backend, bytes(8 * MIB))
    put(backend, key=OTHER)
    backend.delete(KEY)
    assert list(backend.list_keys()) == [OTHER]
    with closing(sqlite3.connect(tmp_path / "files.sqlite")) as connection:
        assert connection.execute("SELECT key FROM chunk").fetchall() == [(OTHER,)]


def test_slow_uploads_do_not_wait_for_each_other(tmp_path: Path) -> None:
    backend = archive(tmp_path, chunk_bytes=64 * 1024)

    def slow() -> Iterator[bytes]:
        yield bytes(MIB)
        put(backend, key=OTHER)  # from the middle of the first
        assert read(backend, OTHER) == b"bytes"
        yield bytes(MIB)

    backend.put(KEY, slow(), content_type="text/plain")
    assert read(backend) == bytes(2 * MIB)


@pytest.mark.parametrize("size", [0, 10, 64 * 1024])
def test_a_file_that_is_deleted_while_it_is_written_is_no_file(tmp_path: Path, size: int) -> None:
    backend = archive(tmp_path, chunk_bytes=64 * 1024)

    def chunks() -> Iterator[bytes]:
        yield bytes(size)
        backend.delete(KEY)

    with pytest.raises(StorageBackendError):
        backend.put(KEY, chunks(), content_type="text/plain")
    assert list(backend.list_keys()) == []


def test_the_rest_of_a_file_that_was_deleted_is_not_waited_for(tmp_path: Path) -> None:
    backend = archive(tmp_path, chunk_bytes=64 * 1024)

    def chunks() -> Iterator[bytes]:
        yield bytes(64 * 1024)
        backend.delete(KEY)
        yield bytes(64 * 1024)
        pytest.fail("more is asked for")

    with pytest.raises(StorageBackendError):
        backend.put(KEY, chunks(), content_type="text/plain")


@pytest.mark.parametrize("error", [OSError(28, "no space"), sqlite3.OperationalError("database is locked")])
def test_errors_of_the_client_are_not_taken_for_errors_of_the_archive(tmp_path: Path, error: Exception) -> None:
    def chunks() -> Iterator[bytes]:
        yield bytes(10)
        raise error

    with pytest.raises(type(error)) as caught:
        archive(tmp_path).put(KEY, chunks(), content_type="text/plain")
    assert caught.value is error
    with closing(sqlite3.connect(tmp_path / "files.sqlite")) as connection:
        assert connection.execute("SELECT (SELECT count(*) FROM file) + (SELECT count(*) FROM chunk)").fetchone() == (
            0,
        )


def test_bytes_that_have_changed_are_not_handed_out(tmp_path: Path) -> None:
    backend = archive(tmp_path)
    put(backend)
    change(tmp_path / "files.sqlite", "UPDATE chunk SET bytes = x'6279746573ff'")
    with pytest.raises(StorageBackendError) as caught:
        backend.get(KEY)
    assert caught.value.data == {"cause": "corrupted"}


@pytest.mark.parametrize("kind", ["text", "a database of others", "a later version"])
def test_what_is_no_archive_is_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "files.sqlite"
    if kind == "text":
        path.write_bytes(b"These are notes, and nothing else." * 100)
    elif kind == "a later version":
        put(archive(tmp_path))
        change(path, "PRAGMA user_version = 2")
    else:
        change(path, "CREATE TABLE file (key TEXT)")
    before = path.read_bytes()
    for action in (put, read):
        with pytest.raises(StorageBackendError) as caught:
            action(archive(tmp_path))
        assert caught.value.data == {"cause": "protocol"}
    assert path.read_bytes() == before


def test_a_directory_that_cannot_be_made_is_an_error_with_a_cause(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageBackendError):
        put(archive(tmp_path / "file"))
    with pytest.raises(StorageBackendError) as caught:
        put(archive(Path("/proc/archives")))
    assert caught.value.data == {"cause": "no_container"}
    assert isinstance(caught.value.__cause__, OSError)


def test_settings_that_cannot_work_together_are_told() -> None:
    assert SqliteArchive.check({"sqlite_archive_most_bytes": 4 * MIB, "sqlite_archive_chunk_bytes": MIB}) == {}
    assert SqliteArchive.check({"sqlite_archive_most_bytes": None, "sqlite_archive_chunk_bytes": MIB}) == {}
    wrong = SqliteArchive.check({"sqlite_archive_most_bytes": MIB, "sqlite_archive_chunk_bytes": MIB})
    assert list(wrong) == ["sqlite_archive_most_bytes"]


@pytest.mark.parametrize("directory", [None, "", "relative"])
def test_an_archive_that_is_nowhere_is_refused(directory: str | None) -> None:
    with pytest.raises(ConfigurationError):
        SqliteArchive({"sqlite_archive_directory": directory, "sqlite_archive_name": "files"})


CRASH = """
import os, pathlib, signal, sys
sys.path.insert(0, {tests!r})
from test_archive import KEY, OTHER, archive, put

backend = archive(pathlib.Path({directory!r}), chunk_bytes=64 * 1024)
put(backend, key="2" * 32)                          # its row was written, but settle() was not called
put(backend, key=OTHER)                             # nor was its row written
put(backend, key="5" * 32)
backend.settle("5" * 32)
def chunks():
    yield bytes(1024 * 1024)
    os.kill(os.getpid(), signal.SIGKILL)
backend.put(KEY, chunks(), content_type="text/plain")  # cut in the middle
"""


def test_what_a_crash_cut_short_is_cleared_away(tmp_path: Path) -> None:
    backend = archive(tmp_path)
    living, settled = "3" * 32, "4" * 32
    put(backend, key=living)
    put(backend, key=settled)
    backend.settle(settled)
    script = CRASH.format(tests=str(Path(__file__).parent), directory=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == -signal.SIGKILL
    assert backend.recover(lambda key: key == "2" * 32) == 2
    assert list(backend.list_keys()) == ["2" * 32, living, settled, "5" * 32]
    assert backend.recover(lambda key: False) == 0
    assert len(list(tmp_path.glob("*.mark-*"))) == 1, "that of this process"


def _busy(directory: str, number: int) -> None:
    backend = archive(Path(directory), chunk_bytes=64 * 1024)
    for each in range(10):
        key = f"{number:016x}{each:016x}"
        put(backend, key.encode() * 5000, key)
        backend.settle(key)
        assert read(backend, key) == key.encode() * 5000
        if each % 2:
            backend.delete(key)


def test_processes_share_an_archive(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_busy, args=(str(tmp_path), number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    assert len(list(archive(tmp_path).list_keys())) == 20
