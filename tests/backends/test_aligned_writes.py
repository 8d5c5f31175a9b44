"""Whatever the pieces and wherever they are cut: the file holds the bytes in their order."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webapp.backends import aligned
from webapp.backends.aligned import BLOCK, BUFFER_SIZE, DIRECT_FROM, AlignedWriter

SIZES = st.one_of(
    st.integers(0, 3 * BLOCK),
    st.sampled_from([DIRECT_FROM - 1, DIRECT_FROM, DIRECT_FROM + 1, BUFFER_SIZE - 1, BUFFER_SIZE, BUFFER_SIZE + 1]),
    st.integers(0, 3 * BUFFER_SIZE),
)


def write(path: Path, chunks: list[bytes]) -> bytes:
    fd = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    try:
        writer = AlignedWriter(fd)
        for chunk in chunks:
            writer.write(chunk)
        writer.finish()
    finally:
        os.close(fd)
    return path.read_bytes()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(SIZES, max_size=6))
def test_pieces_of_any_size_end_up_one_after_the_other(tmp_path: Path, sizes: list[int]) -> None:
    chunks = [os.urandom(size) for size in sizes]
    assert write(tmp_path / "file", chunks) == b"".join(chunks)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_is_taken(tmp_path: Path, kind: type) -> None:
    data = os.urandom(BUFFER_SIZE + 77)
    assert write(tmp_path / "file", [kind(data), kind(b"end")]) == data + b"end"


def test_a_file_system_that_cannot_is_written_to_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    refused: list[int] = []

    def refusing(fd: int, data: bytes | memoryview) -> int:
        if os.O_DIRECT & aligned.fcntl.fcntl(fd, aligned.fcntl.F_GETFL):
            refused.append(len(data))
            raise OSError(errno.EINVAL, "no direct writes here")
        return real(fd, data)

    monkeypatch.setattr(os, "write", refusing)
    chunks = [os.urandom(BUFFER_SIZE + 5), os.urandom(BUFFER_SIZE), b"end"]
    assert write(tmp_path / "file", chunks) == b"".join(chunks)
    assert len(refused) == 1


def test_a_write_that_is_cut_short_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(
        os, "write", lambda fd, data: real(fd, memoryview(data)[: max(1, len(data) // BLOCK // 2 * BLOCK)])
    )
    chunks = [os.urandom(BUFFER_SIZE + 5), os.urandom(300_000), b"end"]
    assert write(tmp_path / "file", chunks) == b"".join(chunks)


def test_the_buffers_come_back_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int, _data: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "write", full)
    for _ in range(2 * aligned.BUFFERS):
        with pytest.raises(OSError, match="full"):
            write(tmp_path / "file", [bytes(BUFFER_SIZE)])
    assert aligned._buffers.qsize() == aligned.BUFFERS
