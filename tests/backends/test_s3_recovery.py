"""What is left after the store or Stowage died in the middle, and how it goes."""

import json
import multiprocessing
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.s3 import Bucket, S3Server
from tests.support.server import eventually
from webapp.backends.s3 import S3Backend
from webapp.backends.s3_fields import MIB, Limits
from webapp.contracts.errors import StorageBackendError

QUICK = Limits(connect_seconds=1, read_seconds=5, brief_seconds=2, attempts=2, pauses=(0.1,))

PUTTER = """
import json, sys, time
from webapp.backends.s3 import S3Backend

options, key, size, then = json.loads(sys.argv[1])

def chunks():
    for _ in range(size):
        yield bytes(2**20)
    if then == "hang":
        print("hanging", flush=True)
        time.sleep(600)

S3Backend(options).put(key, chunks(), content_type="text/plain")
print("stored", flush=True)
time.sleep(600)
"""


def new_key() -> str:
    return secrets.token_hex(16)


def known(*keys: str) -> Callable[[str], bool]:
    return lambda key: key in keys


@pytest.fixture
def state(tmp_path: Path) -> str:
    return str(tmp_path / "state")


@pytest.fixture
def backend(bucket: Bucket, state: str) -> S3Backend:
    return bucket.backend(QUICK, state_dir=state)


class Putter:
    """Another process that puts a file and then stays where it is."""

    def __init__(self, bucket: Bucket, state: str | None, size: int, then: str) -> None:
        self.key = new_key()
        arguments = json.dumps([bucket.options(state_dir=state), self.key, size, then])
        self._process = subprocess.Popen([sys.executable, "-c", PUTTER, arguments], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.said = self._process.stdout.readline().strip()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


@pytest.fixture
def putter(bucket: Bucket, state: str) -> Iterator[Callable[..., Putter]]:
    made: list[Putter] = []

    def make(size: int = 20, then: str = "hang", where: str | None = state) -> Putter:
        made.append(Putter(bucket, where, size, then))
        return made[-1]

    yield make
    for each in made:
        each.kill()


def notes(state: str) -> list[str]:
    return sorted(path.name for path in Path(state).rglob("*") if path.is_file())


# --- Stowage dies -------------------------------------------------------------------


def test_half_an_upload_of_a_killed_process_goes(
    backend: S3Backend, bucket: Bucket, s3_server: S3Server, state: str, putter: Callable[..., Putter]
) -> None:
    before = s3_server.data_files()
    half = putter()
    assert (half.said, bucket.uploads(), notes(state)) == ("hanging", [half.key], [half.key])
    assert backend.recover(known()) == 0  # it lives
    assert bucket.uploads() == [half.key]
    half.kill()
    assert backend.recover(known()) == 1
    assert (bucket.uploads(), notes(state)) == ([], [])
    assert s3_server.data_files() == before


@pytest.mark.parametrize("size", [1, 20])
def test_a_stored_object_whose_row_was_never_written_goes(
    backend: S3Backend, bucket: Bucket, state: str, putter: Callable[..., Putter], size: int
) -> None:
    whole = putter(size, "stored")
    assert whole.said == "stored"
    assert backend.recover(known()) == 0
    whole.kill()
    assert bucket.keys() == [whole.key]
    assert backend.recover(known()) == 1
    assert (bucket.keys(), notes(state)) == ([], [])


def test_a_stored_object_whose_row_was_written_stays(
    backend: S3Backend, bucket: Bucket, state: str, putter: Callable[..., Putter]
) -> None:
    whole = putter(1, "stored")
    whole.kill()
    assert backend.recover(known(whole.key)) == 0
    assert (bucket.keys(), notes(state)) == ([whole.key], [])


def test_the_notes_of_one_bucket_are_no_business_of_another(
    s3_server: S3Server, bucket: Bucket, state: str, putter: Callable[..., Putter]
) -> None:
    half = putter()
    half.kill()
    other = s3_server.bucket().backend(QUICK, state_dir=state)
    assert other.recover(known()) == 0
    assert (bucket.uploads(), notes(state)) == ([half.key], [half.key])


def test_a_settled_put_leaves_no_note(backend: S3Backend, bucket: Bucket, state: str) -> None:
    for size in (5, 20 * MIB):
        key = new_key()
        backend.put(key, [bytes(size)], content_type="text/plain")
        assert notes(state) == [key]
        # New credentials make another instance, and it is that one which hears of the commit.
        bucket.backend(state_dir=state).settle(key)
        assert notes(state) == []


def test_an_upload_that_was_undone_leaves_no_note(backend: S3Backend, bucket: Bucket, state: str) -> None:
    key = new_key()
    backend.put(key, [b"x"], content_type="text/plain")
    backend.delete(key)
    assert (bucket.keys(), notes(state)) == ([], [])


def test_without_a_place_for_notes_everything_else_works(bucket: Bucket) -> None:
    backend, key = bucket.backend(QUICK), new_key()
    backend.put(key, [b"x"], content_type="text/plain")
    assert backend.recover(known()) == 0
    backend.settle(key)
    assert bucket.keys() == [key]


def test_a_full_disk_here_does_not_keep_files_out(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    backend, key = bucket.backend(QUICK, state_dir=str(tmp_path / "file")), new_key()
    backend.put(key, [b"x"], content_type="text/plain")
    backend.settle(key)
    assert bucket.keys() == [key]


# --- others die ---------------------------------------------------------------------


def test_uploads_of_nobody_knows_whom_go_after_a_day_without_a_part(
    bucket: Bucket, putter: Callable[..., Putter]
) -> None:
    half = putter(where=None)
    half.kill()
    begun, named = new_key(), new_key()
    for key in (begun, named, "somebody/elses"):
        bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)
    assert bucket.backend(QUICK).recover(known(named)) == 0
    assert len(bucket.uploads()) == 4
    time.sleep(2.1)
    quick = Limits(connect_seconds=1, brief_seconds=5, stale_seconds=1)
    living = putter(where=None)
    aged = bucket.backend(quick)
    assert aged.recover(known(named)) == 2
    assert sorted(bucket.uploads()) == sorted([named, "somebody/elses", living.key])
    assert aged.recover(known()) == 0  # not before an hour has passed
    assert len(bucket.uploads()) == 3


def test_a_key_that_may_not_list_uploads_does_not_stop_the_rest(bucket: Bucket, state: str) -> None:
    backend = bucket.backend(QUICK, s3_secret_access_key="wrong", state_dir=state)
    assert backend.recover(known()) == 0


# --- the store dies -------------------------------------------------------------------


def test_the_store_dies_during_an_upload_and_what_was_left_goes_once_it_is_back(
    own_s3_server: S3Server, state: str
) -> None:
    bucket = own_s3_server.bucket()
    backend, key = bucket.backend(QUICK, state_dir=state), new_key()

    def chunks() -> Iterator[bytes]:
        for number in range(60):
            if number == 30:
                own_s3_server.kill()
            yield bytes(MIB)

    before = own_s3_server.data_files()
    with pytest.raises(StorageBackendError):
        backend.put(key, chunks(), content_type="text/plain")
    assert notes(state) == [key]
    with pytest.raises(StorageBackendError):
        backend.recover(known())
    assert notes(state) == [key]
    own_s3_server.start()
    assert bucket.uploads() == [key]
    assert backend.recover(known()) == 1
    assert (bucket.uploads(), bucket.keys(), notes(state)) == ([], [], [])
    assert own_s3_server.data_files() == before


def test_the_store_is_started_again_during_an_upload(own_s3_server: S3Server) -> None:
    bucket, key = own_s3_server.bucket(), new_key()
    backend = bucket.backend()
    restart = threading.Thread(target=own_s3_server.start)

    def chunks() -> Iterator[bytes]:
        for number in range(60):
            if number == 30:
                own_s3_server.kill()
                restart.start()
            yield bytes([number]) * MIB

    backend.put(key, chunks(), content_type="text/plain")
    restart.join()
    assert bucket.read(key) == b"".join(bytes([number]) * MIB for number in range(60))
    assert bucket.uploads() == []


def test_the_store_is_started_again_during_a_download(own_s3_server: S3Server) -> None:
    bucket, key = own_s3_server.bucket(), new_key()
    data = secrets.token_bytes(MIB) * 60
    backend = bucket.backend()
    backend.put(key, [data], content_type="text/plain")
    stream = backend.get(key)
    got = [next(stream) for _ in range(3)]
    own_s3_server.kill()
    restart = threading.Thread(target=own_s3_server.start)
    restart.start()
    got += stream
    restart.join()
    assert b"".join(got) == data


# --- processes ------------------------------------------------------------------------


def test_a_forked_process_has_connections_of_its_own(backend: S3Backend) -> None:
    key = new_key()
    backend.put(key, [b"before"], content_type="text/plain")
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()

    def child() -> None:
        data = b"".join(backend.get(key))
        queue.put((os.getpid(), backend._connected().pid, data))

    children = [context.Process(target=child) for _ in range(3)]
    for process in children:
        process.start()
    assert eventually(lambda: not any(process.is_alive() for process in children), 20)
    answers = [queue.get() for _ in children]
    assert {data for _, _, data in answers} == {b"before"}
    assert all(pid == whose for pid, whose, _ in answers)
    assert b"".join(backend.get(key)) == b"before"
