"""The tests every storage backend has to pass, shipped to those who write one.

Make a subclass in your own test suite and say how to build a backend::

    class TestMyBackend(BackendConformance):
        def make_backend(self):
            return MyBackend({"bucket": "test"})

Nothing here needs pytest; it only follows its naming.
"""

import secrets
import tracemalloc
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

from webapp.contracts.backends import (
    Bytes,
    Checked,
    DirectUploads,
    HealthChecked,
    Listed,
    LocalFiles,
    Recoverable,
    StorageBackend,
    complete,
)
from webapp.contracts.conformance_direct import DirectConformance
from webapp.contracts.conformance_kit import MIB
from webapp.contracts.errors import NotSupportedError, StorageBackendError, StorageNotFoundError


class CutError(Exception):
    """Stands for a client that went away."""


class BackendConformance(DirectConformance):
    """Inherit, implement :meth:`make_backend`, run."""

    large: ClassVar[int] = 20 * MIB + 7
    """The size of a file that is stored in several parts; make it larger where parts are."""
    most_memory: ClassVar[int | None] = 64 * MIB
    """What one put or get may hold, whatever the size of the file. None: not asked."""

    def test_it_follows_the_protocol(self) -> None:
        backend = self.make_backend()
        complete(type(backend))
        assert isinstance(backend, StorageBackend)
        assert 0 < len(backend.backend_id) <= 32
        assert isinstance(backend, LocalFiles) or not backend.supports_local_files
        assert isinstance(backend, Recoverable) or not backend.supports_recovery
        assert isinstance(backend, Listed) or not getattr(backend, "supports_listing", False)
        assert isinstance(backend, DirectUploads) or not getattr(backend, "supports_direct_upload", False)
        assert not isinstance(backend, Checked) or isinstance(backend.check({}), Mapping)

    def test_what_goes_in_comes_out(self) -> None:
        backend = self.make_backend()
        for data in (b"", b"x", bytes(range(256)) * 5000):
            assert self.read(backend, self.stored(backend, data)) == data

    def test_files_of_many_sizes_in_chunks_of_many_sizes(self) -> None:
        backend = self.make_backend()
        for size, piece in ((4095, 4096), (4097, 4096), (MIB, MIB), (MIB + 1, 70_001), (3 * MIB - 1, 65_536)):
            key = self.new_key()
            backend.put(key, self.pieces(size, piece), content_type="text/plain", size=size)
            assert self.read(backend, key) == b"".join(map(bytes, self.pieces(size, piece)))

    def test_a_large_file(self) -> None:
        for size in (self.large, None):  # its size announced, and not
            backend, key = self.make_backend(), self.new_key()
            backend.put(key, self.pieces(self.large), content_type="text/plain", size=size)
            expected = b"".join(map(bytes, self.pieces(self.large)))
            assert self.read(backend, key) == expected
            assert self.read(backend, key, self.large // 2 - 5, 11) == expected[self.large // 2 - 5 :][:11]
            backend.delete(key)
            assert not backend.exists(key)

    def test_memory_is_bounded(self) -> None:
        if self.most_memory is None:
            return
        backend, key = self.make_backend(), self.new_key()
        size = self.most_memory * 3 // 2
        self.stored(backend, b"what is only made once is there by now")
        tracemalloc.start()
        try:
            backend.put(key, self.pieces(size), content_type="text/plain", size=size)
            assert sum(map(len, backend.get(key))) == size
            assert tracemalloc.get_traced_memory()[1] < self.most_memory
        finally:
            tracemalloc.stop()
        backend.delete(key)

    def test_many_at_once(self) -> None:
        backend = self.make_backend()
        contents = [secrets.token_bytes(1 + 90_001 * number) for number in range(16)]
        with ThreadPoolExecutor(8) as pool:
            keys = list(pool.map(lambda data: self.stored(backend, data), contents))
            assert list(pool.map(lambda key: self.read(backend, key), keys)) == contents

    def test_a_second_put_of_a_key_replaces_the_first_or_is_refused(self) -> None:
        backend = self.make_backend()
        key = self.stored(backend, b"the first")
        try:
            backend.put(key, [b"second"], content_type="text/plain", size=6)
        except StorageBackendError:
            assert self.read(backend, key) == b"the first"
        else:
            assert self.read(backend, key) == b"second"

    def test_chunks_of_any_buffer_type_are_taken_in_order(self) -> None:
        backend, key = self.make_backend(), self.new_key()
        chunks: list[Bytes] = [b"one", bytearray(b"two"), memoryview(b"three"), b"", b"four"]
        backend.put(key, iter(chunks), content_type="text/plain")
        assert self.read(backend, key) == b"onetwothreefour"

    def test_another_instance_sees_it(self) -> None:
        key = self.stored(self.make_backend(), b"shared")
        assert self.read(self.make_backend(), key) == b"shared"

    def test_a_part_can_be_read(self) -> None:
        backend = self.make_backend()
        data = bytes(range(256)) * 1024
        key = self.stored(backend, data)
        for start, length in ((0, 1), (5, 100), (len(data) - 3, 3), (70_000, 150_000), (0, None), (9, None)):
            stop = None if length is None else start + length
            assert self.read(backend, key, start, length) == data[start:stop]

    def test_a_part_past_the_end_is_what_there_is(self) -> None:
        backend = self.make_backend()
        key = self.stored(backend, b"abc")
        assert self.read(backend, key, 1, 10) == b"bc"
        assert self.read(backend, key, 3) == b""
        assert self.read(backend, key, 7, 10) == b""
        assert self.read(backend, key, 1, 0) == b""
        assert self.read(backend, self.stored(backend, b""), 0, 10) == b""

    def test_reading_may_stop_anywhere(self) -> None:
        backend = self.make_backend()
        key = self.stored(backend, bytes(5 * MIB))
        for pieces in (0, 1):
            stream = backend.get(key)
            for _ in range(pieces):
                next(stream)
            close = getattr(stream, "close", None)
            if close is not None:
                close()
        assert len(self.read(backend, key)) == 5 * MIB

    def test_missing_bytes_are_told_at_once(self) -> None:
        backend = self.make_backend()
        assert not backend.exists(self.new_key())
        for start, length in ((0, None), (3, None), (0, 5), (3, 5), (0, 0)):
            with self.expected(StorageNotFoundError):
                backend.get(self.new_key(), start=start, length=length)

    def test_deleted_bytes_are_gone_and_deleting_again_is_fine(self) -> None:
        backend = self.make_backend()
        key = self.stored(backend, b"short-lived")
        assert backend.exists(key)
        backend.delete(key)
        backend.delete(key)
        assert not backend.exists(key)

    def test_a_put_that_is_cut_short_leaves_nothing_and_keeps_its_error(self) -> None:
        def cut(size: int) -> Iterator[Bytes]:
            yield from self.pieces(size)
            raise CutError

        backend = self.make_backend()
        for size in (0, 100_000, self.large):
            for announced in (2 * self.large, None):
                key = self.new_key()
                with self.expected(CutError):
                    backend.put(key, cut(size), content_type="text/plain", size=announced)
                assert not backend.exists(key)

    def test_local_files_are_what_was_put(self) -> None:
        backend = self.make_backend()
        if not isinstance(backend, LocalFiles) or not getattr(backend, "supports_local_files", False):
            return
        with backend.open_local(self.stored(backend, b"local")) as file:
            assert file.read() == b"local"
        with self.expected(StorageNotFoundError):
            backend.open_local(self.new_key())

    def test_it_is_well(self) -> None:
        backend = self.make_backend()
        if isinstance(backend, HealthChecked):
            backend.check_health()
            self.stored(backend, b"healthy")
            backend.check_health()

    def test_what_is_stored_is_listed_in_order(self) -> None:
        backend = self.make_backend()
        if not isinstance(backend, Listed) or not getattr(backend, "supports_listing", False):
            return
        keys = sorted(self.stored(backend, b"listed") for _ in range(12))
        assert [key for key in backend.list_keys() if key in keys] == keys
        prefix = keys[5][:3]
        assert [key for key in backend.list_keys(prefix) if key in keys] == [k for k in keys if k.startswith(prefix)]
        assert list(backend.list_keys(keys[7])) == [keys[7]]
        backend.delete(keys[7])
        assert list(backend.list_keys(keys[7])) == []

    def test_presigning_works_or_says_it_does_not(self) -> None:
        backend = self.make_backend()
        key = self.stored(backend, b"link")
        if backend.supports_presigned_url:
            url = backend.presigned_get_url(key, expires_in=60, filename="a.txt", content_type="text/plain")
            assert url.startswith(("http://", "https://"))
            return
        with self.expected(NotSupportedError):
            backend.presigned_get_url(key, expires_in=60, filename="a.txt", content_type="text/plain")

    def test_recovery_leaves_settled_and_living_puts_alone(self) -> None:
        backend = self.make_backend()
        if not isinstance(backend, Recoverable):
            return
        settled, living = self.stored(backend, b"settled"), self.stored(backend, b"living")
        backend.settle(settled)
        self.make_backend_recover(is_known=settled)
        assert self.read(backend, settled) == b"settled"
        assert self.read(backend, living) == b"living"

    def make_backend_recover(self, is_known: str) -> None:
        """Run recovery in a second instance, as another process would."""
        other = self.make_backend()
        assert isinstance(other, Recoverable)
        other.recover(lambda key: key == is_known)
