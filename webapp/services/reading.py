"""Bytes of a backend, no more of them than there can be."""

from collections.abc import Generator, Iterator

from webapp.contracts.errors import StorageBackendError


def at_most(pieces: Iterator[bytes], most: int) -> Generator[bytes]:
    """Yield the pieces, and let go of them at the end.

    Raises:
        StorageBackendError: there are more bytes than ``most``; what made them did not stop there.
    """
    left = most
    try:
        for piece in pieces:
            left -= len(piece)
            if left < 0:
                raise StorageBackendError(f"there are more bytes than {most}", cause="corrupted")
            yield piece
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
