"""The checksum is that of the bytes that were stored, however they came."""

import hashlib
import random
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.app import House, incoming
from webapp.contracts.backends import Bytes
from webapp.services import uploads
from webapp.services.errors import ChecksumMismatchError, TooLargeError
from webapp.services.uploads import Measured

MIB = 1024 * 1024
SHA256 = hashlib.sha256


def pieces(total: int, seed: int = 1) -> list[bytes]:
    """Random pieces of random sizes."""
    chance, made = random.Random(seed), []
    while total:
        size = min(total, chance.choice([1, 1000, 65_536, MIB, 2 * MIB]))
        made.append(chance.randbytes(size))
        total -= size
    return made


@pytest.mark.parametrize("total", [0, 1, uploads.HASH_IN_THREAD_FROM, uploads.HASH_IN_THREAD_FROM + 1, 20 * MIB])
def test_size_and_checksum_are_right_around_the_threshold(total: int) -> None:
    data = pieces(total)
    measured = Measured(iter(data), total)
    assert b"".join(measured) == b"".join(data)
    assert measured.size == total
    assert measured.hexdigest == hashlib.sha256(b"".join(data)).hexdigest()


def test_a_large_file_is_hashed_by_a_second_thread_which_ends(inside: House) -> None:
    seen: set[str] = set()

    def watched() -> Iterator[bytes]:
        for piece in pieces(12 * MIB):
            seen.update(thread.name for thread in threading.enumerate())
            yield piece

    out = inside.upload(data=watched())  # type: ignore[arg-type]
    assert "sha256" in seen
    assert out.checksum_sha256 == hashlib.sha256(b"".join(pieces(12 * MIB))).hexdigest()
    assert "sha256" not in {thread.name for thread in threading.enumerate()}


class SlowHash:
    """SHA-256 on a machine that is busy with other things."""

    def __init__(self) -> None:
        self._hash = SHA256()

    def update(self, data: Bytes) -> None:
        time.sleep(0.005)
        self._hash.update(data)

    def digest(self) -> bytes:
        return self._hash.digest()


def test_a_piece_may_be_overwritten_when_the_next_one_is_asked_for(
    inside: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is what webapp.contracts.backends.Bytes promises: "only valid until the next one is asked for"."""
    monkeypatch.setattr(uploads, "HASH_IN_THREAD_FROM", 100_000)
    whole = SHA256()

    def reused() -> Iterator[memoryview]:
        buffer = bytearray(MIB)
        for number in range(12):
            buffer[:] = bytes([number]) * MIB
            whole.update(buffer)
            yield memoryview(buffer)

    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "sha256", SlowHash)
        out = inside.services.uploads.upload(inside.uploader, incoming(reused())).file  # type: ignore[arg-type]
    stored = SHA256((inside.uploads / out.key[:2] / out.key).read_bytes())
    assert stored.hexdigest() == whole.hexdigest()
    assert out.checksum_sha256 == whole.hexdigest()


def test_the_digest_of_a_large_file_is_checked_too() -> None:
    measured = Measured(iter(pieces(9 * MIB)), 9 * MIB, b"0" * 32)
    with pytest.raises(ChecksumMismatchError):
        list(measured)


def test_the_thread_ends_when_the_limit_is_passed() -> None:
    with pytest.raises(TooLargeError):
        list(Measured(iter(pieces(20 * MIB)), 12 * MIB))
    assert "sha256" not in {thread.name for thread in threading.enumerate()}


def test_the_thread_ends_when_the_reader_goes_away() -> None:
    running = iter(Measured(iter([b"x" * MIB] * 20), 20 * MIB))
    for _ in range(12):
        next(running)
    assert "sha256" in {thread.name for thread in threading.enumerate()}
    running.close()  # type: ignore[attr-defined]
    assert "sha256" not in {thread.name for thread in threading.enumerate()}


def test_only_a_few_pieces_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow hash makes the reader wait."""
    go = threading.Event()

    class Slow:
        def update(self, _data: object) -> None:
            go.wait(10)

        def digest(self) -> bytes:
            return b""

    measured = Measured(iter([b"x" * MIB] * 40), 40 * MIB)
    measured._hash = Slow()
    monkeypatch.setattr(uploads, "HASH_IN_THREAD_FROM", 0)
    passed: list[int] = []
    thread = threading.Thread(target=lambda: passed.extend(len(piece) for piece in measured))
    thread.start()
    thread.join(0.3)
    waiting = len(passed)
    go.set()
    thread.join(10)
    assert waiting <= 8
    assert len(passed) == 40
