"""What a crash cut short is finished or undone; what lives is left alone."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.backends.disk import files, new_key, stored
from webapp.backends.filesystem import FilesystemBackend
from webapp.contracts.errors import StorageBackendError

PUT = """
import sys
from webapp.backends.filesystem import FilesystemBackend

def chunks(when):
    yield b"half"
    if when == "halfway":
        print("ready", flush=True)
        sys.stdin.readline()
    yield b"whole"

root, key, when = sys.argv[1:]
FilesystemBackend({"fs_root_path": root}).put(key, chunks(when), content_type="text/plain")
print("ready", flush=True)
sys.stdin.readline()
"""


@contextmanager
def other_process(root: Path, key: str, when: str) -> Iterator["subprocess.Popen[str]"]:
    """Another process in the middle of a put: ``halfway``, or ``before its row`` is written."""
    command = [sys.executable, "-c", PUT, str(root), key, when]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("when", ["halfway", "before its row"])
def test_the_put_of_a_living_process_is_untouched(backend: FilesystemBackend, root: Path, when: str) -> None:
    key = new_key()
    with other_process(root, key, when):
        before = files(root)
        assert backend.recover(lambda _: False) == 0
        assert files(root) == before
        assert f".incoming/{key}" in before


@pytest.mark.parametrize("when", ["halfway", "before its row"])
def test_the_put_of_a_dead_process_without_a_row_is_undone(backend: FilesystemBackend, root: Path, when: str) -> None:
    key = new_key()
    with other_process(root, key, when) as process:
        process.kill()
        process.wait()
        assert backend.recover(lambda _: False) == 1
        assert files(root) == set()


def test_the_put_of_a_dead_process_with_a_row_is_settled(backend: FilesystemBackend, root: Path) -> None:
    key = new_key()
    with other_process(root, key, "before its row") as process:
        process.kill()
        process.wait()
        asked: list[str] = []
        assert backend.recover(lambda known: bool(asked.append(known)) or known == key) == 0
    assert asked == [key]
    assert files(root) == {f"{key[:2]}/{key}"}
    assert b"".join(backend.get(key)) == b"halfwhole"


def test_a_put_of_this_process_is_untouched_until_it_is_over(backend: FilesystemBackend, root: Path) -> None:
    key = stored(backend, settled=False)
    assert backend.recover(lambda _: False) == 0
    assert backend.exists(key)
    backend.delete(key)
    assert files(root) == set()


def test_a_second_recovery_finds_nothing(backend: FilesystemBackend, root: Path) -> None:
    stored(backend)
    (root / ".incoming" / new_key()).write_bytes(b"dead")
    assert backend.recover(lambda _: False) == 1
    assert backend.recover(lambda _: False) == 0


@pytest.mark.parametrize("name", ["README.txt", ".nfs000000001", "Thumbs.db", "a", "notes of mine", "lost+found"])
def test_foreign_files_in_incoming_are_untouched(backend: FilesystemBackend, root: Path, name: str) -> None:
    stored(backend)
    (root / ".incoming" / name).write_bytes(b"whose is this?")
    assert backend.recover(lambda _: False) == 0
    assert (root / ".incoming" / name).read_bytes() == b"whose is this?"


@pytest.mark.parametrize("name", ["lost-found", "backup_of_monday", "0123456789abcdef0123456789abcdeg"])
def test_what_is_no_key_of_ours_is_foreign_too(backend: FilesystemBackend, root: Path, name: str) -> None:
    """Keys are 32 lower-case hexadecimal digits (webapp/contracts/backends.py)."""
    stored(backend)
    (root / ".incoming" / name).write_bytes(b"whose is this?")
    assert backend.recover(lambda _: False) == 0
    assert (root / ".incoming" / name).exists()


def test_a_directory_named_like_a_key_does_not_stop_the_recovery(backend: FilesystemBackend, root: Path) -> None:
    stored(backend)
    for _ in range(3):
        (root / ".incoming" / new_key()).mkdir()
        (root / ".incoming" / new_key()).write_bytes(b"dead")
    backend.recover(lambda _: False)
    assert [path for path in (root / ".incoming").iterdir() if path.is_file()] == []


def test_one_piece_that_cannot_be_removed_does_not_stop_the_others(
    backend: FilesystemBackend, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(backend)
    dead = [new_key() for _ in range(4)]
    for key in dead:
        (root / ".incoming" / key).write_bytes(b"dead")
    stuck = next((root / ".incoming").iterdir()).name
    real = os.unlink

    def unlink(name: str, **options: int) -> None:
        if name == stuck:
            raise PermissionError(1, "injected")
        real(name, **options)

    monkeypatch.setattr(os, "unlink", unlink)
    with suppress(StorageBackendError):  # saying so in the end is fine, stopping is not
        backend.recover(lambda _: False)
    assert [path.name for path in (root / ".incoming").iterdir()] == [stuck]


def test_recovery_costs_nothing_for_files_that_are_whole(
    backend: FilesystemBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        stored(backend)
    assert backend.recover(lambda _: pytest.fail("a whole file was looked up")) == 0
