"""Downloads on their way: how many bytes went out, and whether that was all of them.

Neither Flask nor Werkzeug tells when an answer that is passed through has been sent.
The server closes what it has sent, or could not send any further: that is what counts here.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from flask import g

log = logging.getLogger(__name__)

READ_SIZE = 1024 * 1024
SENT = "sent"
CUT = "cut"
ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Transferred:
    """A download that has ended."""

    backend: str
    outcome: str
    """``sent`` whole, ``cut`` by either side, or ``elsewhere``: the store or the proxy sends the bytes."""
    size_bytes: int
    """So many were sent from here."""
    seconds: float


observers: list[Callable[[Transferred], None]] = []
"""Told of each download when it has ended. They must be quick."""


class Transfer:
    """One download, from here on."""

    def __init__(self, backend: str, length: int) -> None:
        """Of ``length`` bytes out of ``backend``."""
        self.length = length
        self._backend = backend
        self._began: float = g.get("started", time.perf_counter())
        self._over = False

    def is_elsewhere(self) -> None:
        """Somebody else sends the bytes."""
        self._end(ELSEWHERE, 0)

    def ended(self, size: int) -> None:
        """So many bytes went out. Of several calls, the first counts."""
        self._end(SENT if size >= self.length else CUT, min(size, self.length))

    def _end(self, outcome: str, size: int) -> None:
        if self._over:
            return
        self._over = True
        done = Transferred(self._backend, outcome, size, time.perf_counter() - self._began)
        for observer in observers:
            try:
                observer(done)
            except Exception:
                log.exception("an observer of downloads failed")


class Pieces:
    """Bytes in pieces. One that was not asked further for counts as not sent."""

    def __init__(self, pieces: Iterator[bytes], transfer: Transfer) -> None:
        self._pieces = pieces
        self._transfer = transfer
        self._out = 0
        self._sent = 0

    def __iter__(self) -> "Pieces":
        return self

    def __next__(self) -> bytes:
        self._sent = self._out
        piece = next(self._pieces)
        self._out += len(piece)
        return piece

    def close(self) -> None:
        close = getattr(self._pieces, "close", None)
        try:
            if close is not None:
                close()
        finally:
            self._transfer.ended(self._sent)


class OpenFile:
    """A file that the server sends, by sendfile(2) or by reading it.

    ``socket.sendfile`` moves the file to where it came to, also when it fails; how the server
    moves it afterwards is of no interest.
    """

    mode = "rb"

    def __init__(self, file: Any, start: int, transfer: Transfer) -> None:
        self._file = file
        self._start = start
        self._transfer = transfer
        self._sent = 0
        if start:
            file.seek(start)

    def fileno(self) -> int:
        return cast("int", self._file.fileno())

    def read(self, size: int = -1) -> bytes:
        piece = cast("bytes", self._file.read(size))
        self._sent += len(piece)
        return piece

    def seek(self, position: int, whence: int = 0) -> int:
        self._sent = cast("int", self._file.seek(position, whence)) - self._start
        return self._start + self._sent

    def tell(self) -> int:
        return cast("int", self._file.tell())

    def close(self) -> None:
        self._file.close()
        self._transfer.ended(self._sent)


def pieces_of(file: Any, start: int, length: int) -> Iterator[bytes]:
    """For servers without a file wrapper: the part in pieces."""
    with file:
        file.seek(start)
        while length and (piece := file.read(min(length, READ_SIZE))):
            length -= len(piece)
            yield piece
