"""What the conformance tests have in common: how a backend is made, and what is done with it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from webapp.contracts.backends import StorageBackend

MIB = 1024 * 1024


class Kit:
    """Helpers of the tests."""

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

    @staticmethod
    def pieces(size: int, piece: int = MIB) -> Iterator[memoryview]:
        """So many bytes, in a buffer that is overwritten with every piece."""
        buffer = bytearray(piece)
        for start in range(0, size, piece):
            here = min(piece, size - start)
            buffer[:here] = (start // piece).to_bytes(4, "big") * (here // 4) + b"tail"[: here % 4]
            yield memoryview(buffer)[:here]

    @staticmethod
    @contextmanager
    def expected(error: type[Exception]) -> Iterator[None]:
        """Fail unless exactly this error is raised."""
        try:
            yield
        except error:
            return
        raise AssertionError(f"{error.__name__} was not raised")
