"""One file on its way through the checks."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, Self

import orjson

from webapp.contracts.backends import Bytes
from webapp.contracts.checks import UploadRefusedError
from webapp.services.checks.entries import Entry
from webapp.services.checks.runs import Context, HungError, RaisedError, Run
from webapp.services.errors import CheckFailedError

log = logging.getLogger(__name__)

MOST_HANGING = 16
"""With so many of its calls hanging, a check is not called any more, and has failed."""
MOST_BYTES = 4096
"""Of all annotations of a file, as JSON."""
LONGEST_NAME = 64
EXACT = 2**53
"""Integers up to here are the same for every reader of JSON."""


class Passing(Protocol):
    """The pieces of a file, its size and its SHA-256 when they have passed."""

    size: int
    hexdigest: str

    def __iter__(self) -> Iterator[Bytes]: ...


class Checking:
    """Asks the checks about one file, shows its bytes to those that want them, and keeps what they say.

    To be entered and left; both may raise what :meth:`passing` raises.
    """

    def __init__(self, calls: Sequence[tuple[Entry, Callable[[], Any]]], context: Context) -> None:
        self._calls = calls
        self._context = context
        self._runs: list[tuple[Entry, Run]] = []
        self._open: list[tuple[Entry, Run]] = []
        """Those without a verdict."""
        self.annotations: dict[str, dict[str, Any]] = {}
        """What the plugins say of the file, complete when all of its bytes have passed."""

    def __enter__(self) -> Self:
        """Ask the checks; those that want the bytes wait for them from here on."""
        if self._calls:
            try:
                self._begin()
            except BaseException:
                self._close()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self._runs:
            return
        unseen = [entry.name for entry, _ in self._open]
        self._close()
        if kind is None and unseen:
            raise CheckFailedError(f"the backend did not take all of the file, so there is no verdict of {unseen}")

    @property
    def wants_bytes(self) -> bool:
        """Whether any check wants to see the bytes."""
        return bool(self._open)

    def passing(self, measured: Passing) -> Iterable[Bytes]:
        """The same pieces, seen by the checks. The verdict comes before their end: no backend makes a file before.

        Raises:
            UploadRefusedError: a plugin does not want it.
            CheckFailedError: a check that has to be made could not be.
        """
        return self._seen(measured) if self._open else measured

    # --- parts of the above -----------------------------------------------------------

    def _begin(self) -> None:
        for entry, call in self._calls:
            self._guarded(entry, lambda entry=entry, call=call: self._start(entry, call))  # type: ignore[misc]
        self._open = list(self._runs)
        self._each(Run.wait_for_answer)
        judged = [pair for pair in self._open if not pair[1].wants_bytes]
        self._open = [pair for pair in self._open if pair[1].wants_bytes]
        self._keep(judged)

    def _start(self, entry: Entry, call: Callable[[], Any]) -> None:
        if entry.hanging() >= MOST_HANGING:
            raise HungError(f"{MOST_HANGING} calls have not returned: it is not called any more")
        self._runs.append((entry, Run(call, entry.patience, self._context)))

    def _seen(self, measured: Passing) -> Iterator[Bytes]:
        for piece in measured:
            # They look at it later: a buffer that is used again has to be copied.
            kept = piece if isinstance(piece, bytes) else bytes(piece)
            self._each(lambda run, kept=kept: run.feed(kept))  # type: ignore[misc]
            yield piece
        for _, run in self._open:
            run.end(measured.size, measured.hexdigest)
        self._each(Run.wait_for_verdict)
        judged, self._open = self._open, []
        self._keep(judged)

    def _each(self, act: Callable[[Run], object]) -> None:
        """Do this with all that are open; those that fail and need not be are open no more."""
        self._open = [pair for pair in self._open if self._guarded(pair[0], lambda run=pair[1]: act(run))]  # type: ignore[misc]

    def _keep(self, judged: Iterable[tuple[Entry, Run]]) -> None:
        for entry, run in judged:
            if self._guarded(entry, lambda entry=entry, run=run: self._annotate(entry, run.answer)):  # type: ignore[misc]
                entry.count("passed")

    def _annotate(self, entry: Entry, answer: Any) -> None:
        if answer is None:
            return
        found = {**self.annotations, entry.plugin: {**self.annotations.get(entry.plugin, {}), **_checked(answer)}}
        if len(orjson.dumps(found)) > MOST_BYTES:
            raise ValueError(f"the annotations of the file have more than {MOST_BYTES} bytes")
        self.annotations = {plugin: facts for plugin, facts in found.items() if facts}

    def _guarded(self, entry: Entry, act: Callable[[], object]) -> bool:
        """Whether it worked, where it need not.

        Raises:
            UploadRefusedError: the check says so.
            CheckFailedError: it has to work.
        """
        try:
            act()
        except UploadRefusedError as exc:
            entry.count("refused")
            # Not the same one: whoever keeps an exception and raises it again and again would collect our frames in it.
            refused = UploadRefusedError(exc.reason, exc.sentence)
            refused.plugin = entry.plugin
            raise refused from None
        except Exception as exc:
            error = exc.error if isinstance(exc, RaisedError) else exc
            entry.count("hung" if isinstance(exc, HungError) else "failed", error)
            if entry.required:
                raise CheckFailedError(f"{entry.name} of {entry.plugin}: {error}") from error
            log.warning("a check of an upload failed and was passed by", extra={"plugin": entry.plugin}, exc_info=error)
            return False
        return True

    def _close(self) -> None:
        """End what is running. For a while: what hangs keeps its thread."""
        for entry, run in self._runs:
            if not run.close():
                entry.keeps_thread(run)
                log.error("a check of uploads hangs", extra={"plugin": entry.plugin, "check": entry.name})
        self._runs, self._open = [], []


def _checked(answer: Any) -> dict[str, Any]:
    """Annotations that can be kept.

    Raises:
        ValueError: they cannot be.
    """
    if not isinstance(answer, Mapping):
        raise ValueError(f"neither annotations nor an inspector, but {type(answer).__name__}")
    for name, value in answer.items():
        if not _is_text(name) or not 0 < len(name) <= LONGEST_NAME:
            raise ValueError(f"not a name of an annotation: {name!r:.100}")
        if not _can_be_kept(value):
            raise ValueError(f"the annotation {name} is not a text, number or boolean that can be kept")
    return dict(answer)


def _can_be_kept(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return _is_text(value) or (isinstance(value, int) and abs(value) <= EXACT)


def _is_text(value: object) -> bool:
    if not isinstance(value, str) or "\0" in value:  # PostgreSQL keeps no NUL
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return True
