"""Checks of uploads, as a plugin might have them."""

import hashlib
import threading
from collections.abc import Callable
from typing import Any

from webapp.contracts.checks import Annotations, UploadInfo, UploadRefusedError

INFECTED = UploadRefusedError("infected", "This file contains Eicar-Test-Signature.")
WAIT = 20


class Watching:
    """A check that wants all bytes, and writes down what it gets."""

    def __init__(self, answer: Annotations | None = None, **raising: BaseException) -> None:
        """``feed=error`` raises it there; so do ``begin``, ``finish`` and ``close``."""
        self.answer = answer
        self.raising = raising
        self.infos: list[UploadInfo] = []
        self.seen = b""
        self.ends: list[tuple[int, str]] = []
        self.closed = 0
        self.threads: set[str] = set()

    def begin(self, info: UploadInfo) -> "Watching":
        self._called("begin")
        self.infos.append(info)
        return self

    def feed(self, chunk: bytes) -> None:
        assert type(chunk) is bytes
        self.seen += chunk
        self._called("feed")

    def finish(self, size: int, sha256: str) -> Annotations | None:
        assert (size, sha256) == (len(self.seen), hashlib.sha256(self.seen).hexdigest())
        self.ends.append((size, sha256))
        self._called("finish")
        return self.answer

    def close(self) -> None:
        self.closed += 1
        self._called("close")

    def _called(self, name: str) -> None:
        self.threads.add(threading.current_thread().name)
        if name in self.raising:
            raise self.raising[name]


class Announced(Watching):
    """The same, and it knows of uploads straight to the store."""

    def announce(self, info: UploadInfo) -> None:
        self.infos.append(info)
        self._called("announce")


class Stuck:
    """A check that does not return from one of its methods before it is let go."""

    patience = 0.2

    def __init__(self, where: str) -> None:
        self.where = where
        self.calls = 0
        self.let_go = threading.Event()

    def begin(self, info: UploadInfo) -> "Stuck":
        self.calls += 1
        self._called("begin")
        return self

    def feed(self, chunk: bytes) -> None:
        self._called("feed")

    def finish(self, size: int, sha256: str) -> None:
        self._called("finish")

    def close(self) -> None:
        self._called("close")

    def _called(self, name: str) -> None:
        if name == self.where:
            assert self.let_go.wait(WAIT)


def saying(answer: Any) -> Callable[[UploadInfo], Any]:
    """A function that answers this, or raises it."""

    def check(info: UploadInfo) -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return check
