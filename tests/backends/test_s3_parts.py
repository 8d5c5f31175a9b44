"""Files in one request and in parts: where the border is, how large parts are, what they cost."""

import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.faults import FaultProxy
from tests.support.missing import missing
from tests.support.s3 import Bucket, S3Server
from webapp.backends.s3_fields import MIB, Limits
from webapp.backends.s3_parts import Source, _large_part, _plan
from webapp.contracts.errors import StorageBackendError

FIVE = 5 * MIB  # the least a part may have
SMALL = Limits(single=FIVE, parts=((3, FIVE, 2), (5, 6 * MIB, 0), (8, 7 * MIB, 1)))


def new_key() -> str:
    return secrets.token_hex(16)


def pieces(size: int, piece: int = 100_000) -> Iterator[bytes]:
    """Bytes that tell where they are."""
    for start in range(0, size, piece):
        yield (start // piece).to_bytes(4, "big") * (piece // 4) if size - start >= piece else b"%" * (size - start)


@pytest.mark.parametrize("size", [8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB, 16 * MIB + 1, 40 * MIB])
def test_around_the_border(bucket: Bucket, s3_server: S3Server, size: int) -> None:
    with FaultProxy(s3_server.port) as proxy:
        backend, key = bucket.backend(s3_endpoint_url=proxy.url), new_key()
        backend.put(key, pieces(size), content_type="text/plain", size=size)
        parts = 0 if size <= 8 * MIB else -(-size // (8 * MIB))
        assert proxy.count("PUT", "partNumber") == parts
        assert proxy.count("POST") == (2 if parts else 0)
    assert bucket.read(key) == b"".join(pieces(size))
    assert bucket.uploads() == []


@pytest.mark.parametrize("size", [FIVE + 1, 3 * FIVE, 3 * FIVE + 1, 3 * FIVE + 12 * MIB, 3 * FIVE + 25 * MIB])
@pytest.mark.parametrize("announced", [True, False])
def test_parts_that_grow(bucket: Bucket, size: int, *, announced: bool) -> None:
    key = new_key()
    bucket.backend(SMALL).put(key, pieces(size), content_type="text/plain", size=size if announced else None)
    assert bucket.read(key) == b"".join(pieces(size))


def test_more_parts_than_there_may_be(bucket: Bucket, s3_server: S3Server) -> None:
    before, key = s3_server.data_files(), new_key()
    limits = Limits(single=FIVE, parts=((10_000, FIVE, 2),), most_parts=3)
    with pytest.raises(StorageBackendError, match="unless its size is announced"):
        bucket.backend(limits).put(key, pieces(16 * MIB), content_type="text/plain")
    assert (bucket.keys(), bucket.uploads()) == ([], [])
    assert s3_server.data_files() == before


STREAMED = Limits(single=FIVE, parts=((2, FIVE, 2),), most_parts=4)


def test_parts_too_large_to_be_held_are_streamed(bucket: Bucket, s3_server: S3Server) -> None:
    size = 20 * MIB + 3
    with FaultProxy(s3_server.port) as proxy:
        key = new_key()
        bucket.backend(STREAMED, s3_endpoint_url=proxy.url).put(key, pieces(size), content_type="text/plain", size=size)
        assert proxy.count("PUT", "partNumber") == 4
    assert bucket.read(key) == b"".join(pieces(size))


@pytest.mark.parametrize("really", [20 * MIB - 1, 20 * MIB + 1])
def test_a_streamed_file_of_another_size_than_announced(bucket: Bucket, really: int) -> None:
    key = new_key()
    with pytest.raises(StorageBackendError):
        bucket.backend(STREAMED).put(key, pieces(really), content_type="text/plain", size=20 * MIB)
    assert (bucket.keys(), bucket.uploads()) == ([], [])


class GoneError(Exception):
    """The client went away."""


@pytest.mark.parametrize("limits", [Limits(), SMALL, STREAMED])
@pytest.mark.parametrize("received", [0, 1, 6 * MIB, 11 * MIB, 18 * MIB])
def test_a_client_that_goes_away_leaves_nothing(
    bucket: Bucket, s3_server: S3Server, limits: Limits, received: int
) -> None:
    def chunks() -> Iterator[bytes]:
        yield from pieces(received)
        raise GoneError

    before, key = s3_server.data_files(), new_key()
    with pytest.raises(GoneError):
        bucket.backend(limits).put(key, chunks(), content_type="text/plain", size=20 * MIB)
    assert (bucket.keys(), bucket.uploads()) == ([], [])
    assert s3_server.data_files() == before


def test_deleting_removes_the_parts_too(bucket: Bucket, s3_server: S3Server) -> None:
    before, key, backend = s3_server.data_files(), new_key(), bucket.backend()
    backend.put(key, pieces(20 * MIB), content_type="text/plain")
    assert s3_server.data_files() > before + 2
    backend.delete(key)
    assert s3_server.data_files() == before


def test_chunks_are_asked_for_by_the_thread_that_calls(bucket: Bucket) -> None:
    """They belong to a request, whose context other threads do not have."""
    asked: set[int] = set()

    def chunks() -> Iterator[bytes]:
        for piece in pieces(20 * MIB):
            asked.add(threading.get_ident())
            yield piece

    bucket.backend().put(new_key(), chunks(), content_type="text/plain")
    assert asked == {threading.get_ident()}


def test_five_tebibytes_fit_and_memory_is_bounded_on_the_way() -> None:
    limits, most = Limits(), 5 * 2**40
    part = _large_part(most, limits)
    assert part is not None
    assert 1 + -(-(most - limits.single) // part) <= 10_000
    assert part <= 5 * 2**30
    assert _large_part(366 * 2**30, limits) is None
    for number in (1, 1_000, 1_001, 3_000, 3_001, 10_000):
        size, under_way = _plan(limits, number)
        assert size * (under_way + 1) <= 48 * MIB


def test_a_source_gives_every_byte_once() -> None:
    whole = secrets.token_bytes(100_000)
    for cut in (1, 7, 4096, 99_999, 200_000):
        source = Source([b"", *(whole[at : at + cut] for at in range(0, len(whole), cut)), b""])
        taken = bytes(source.take(5_000))
        buffer = bytearray(10_000)
        filled = source.fill(buffer)
        read = source.read(1)
        rest = b"".join(iter(lambda: source.read(3_333), b""))  # noqa: B023
        assert taken + buffer[:filled] + read + rest == whole
        assert (source.taken, source.more()) == (len(whole), False)


@pytest.mark.slow
def test_memory_stays_flat(bucket: Bucket) -> None:
    if not Path("/proc/self/status").exists():
        missing("Memory is read from /proc: run this on Linux.")
    backend, size = bucket.backend(), 256 * MIB
    backend.put(new_key(), pieces(20 * MIB), content_type="text/plain")  # threads, pools and modules are there by now
    before = _resident()
    peak = 0

    def watched() -> Iterator[bytes]:
        nonlocal peak
        buffer = bytes(MIB)
        for _ in range(size // MIB):
            peak = max(peak, _resident())
            yield buffer

    key = new_key()
    backend.put(key, watched(), content_type="text/plain", size=size)
    assert peak - before < 64 * MIB, f"{(peak - before) / MIB:.0f} MiB"
    before, peak, total = _resident(), 0, 0
    for piece in backend.get(key):
        total += len(piece)
        peak = max(peak, _resident())
    assert total == size
    assert peak - before < 16 * MIB, f"{(peak - before) / MIB:.0f} MiB"


def _resident() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024
