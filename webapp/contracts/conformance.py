"""The tests every storage backend has to pass, shipped to those who write one.

Make a subclass in your own test suite and say how to build a backend::

    class TestMyBackend(BackendConformance):
        def make_backend(self):
            return MyBackend({"bucket": "test"})

Nothing here needs pytest; it only follows its naming.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from webapp.contracts.backends import Bytes, LocalFiles, Recoverable, StorageBackend
from webapp.contracts.errors import NotSupportedError, StorageNotFoundError


class CutError(Exception):
    """Stands for a client that went away."""


class BackendConformance:
    """Inherit, implement :meth:`make_backend`, run."""

    def make_backend(self) -> StorageBackend:
        """Return a backend over the same store at every call within one test."""
        raise AssertionError("a conformance class says how to make its backend")

    @staticmethod
    def new_key() -> str:
        """A key as Stowage makes them."""
        return secrets.token_hex(16)

    def stored(self, backend: StorageBackend, data: bytes) -> str:
        """Put ``data`` and return its key."""
        key = self.new_key()
        backend.put(key, [data], content_type="application/octet-stream", size=len(data))
        return key

    @staticmethod
    def read(backend: StorageBackend, key: str, start: int = 0, length: int | None = None) -> bytes:
        """All bytes of a get."""
        return b"".join(backend.get(key, start=start, length=length))

    def test_it_follows_the_protocol(self) -> None:
        backend = self.make_backend()
        assert isinstance(backend, StorageBackend)
        assert 0 < len(backend.backend_id) <= 32
        assert isinstance(backend, LocalFiles) or not backend.supports_local_files
        assert isinstance(backend, Recoverable) or not backend.supports_recovery

    def test_what_goes_in_comes_out(self) -> None:
        backend = self.make_backend()
        for data in (b"", b"x", bytes(range(256)) * 5000):
            assert self.read(backend, self.stored(backend, data)) == data

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
        assert self.read(backend, self.stored(backend, b"abc"), 1, 10) == b"bc"

    def test_missing_bytes_are_told_at_once(self) -> None:
        backend = self.make_backend()
        assert not backend.exists(self.new_key())
        with self.expected(StorageNotFoundError):
            backend.get(self.new_key())

    def test_deleted_bytes_are_gone_and_deleting_again_is_fine(self) -> None:
        backend = self.make_backend()
        key = self.stored(backend, b"short-lived")
        assert backend.exists(key)
        backend.delete(key)
        backend.delete(key)
        assert not backend.exists(key)

    def test_a_put_that_is_cut_short_leaves_nothing_and_keeps_its_error(self) -> None:
        def cut() -> Iterator[bytes]:
            yield b"x" * 100_000
            raise CutError

        backend, key = self.make_backend(), self.new_key()
        with self.expected(CutError):
            backend.put(key, cut(), content_type="text/plain", size=200_000)
        assert not backend.exists(key)

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

    @staticmethod
    @contextmanager
    def expected(error: type[Exception]) -> Iterator[None]:
        """Fail unless exactly this error is raised."""
        try:
            yield
        except error:
            return
        raise AssertionError(f"{error.__name__} was not raised")
