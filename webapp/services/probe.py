"""Tries settings that are not saved yet against the real store, and says in one word each what does not work.

A store may hang for longer than anybody waits. So the trial has a thread of its
own: whoever asked gets an answer in time, and the thread clears up behind itself
whenever the store lets go of it, or when its backend gives up: it is told when.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast
from urllib.parse import quote

from webapp.config import Config
from webapp.contracts.backends import Listed
from webapp.contracts.errors import (
    CAUSES,
    ConfigurationError,
    NotSupportedError,
    StorageBackendError,
    StorageError,
    StorageFullError,
    StorageNotFoundError,
    StowageError,
)
from webapp.logs import request_id
from webapp.services import outbound
from webapp.services.errors import RateLimitedError
from webapp.services.settings import Place, SettingsService

log = logging.getLogger(__name__)

STEPS = ("settings", "write", "read", "range", "list", "presign", "fetch", "delete")
OPTIONAL = ("list", "presign", "fetch")
"""Steps for what not every backend can do; they are left out for the others."""
SECONDS = 9.5
"""For everything: people are promised ten."""
AT_ONCE = 3
"""Trials per process; one that hangs counts until its backend gives up, which is told how long it has."""
SKIPPED, UNKNOWN = "skipped", "unknown"

_SIZE = 1500
_RANGE = slice(300, 1000)
_SECONDS_TO_FETCH = 5.0
_CAUSE_BY_STATUS = {401: "credentials", 403: "denied", 404: "not_found", 429: "overloaded", 503: "overloaded"}
_CAUSE_BY_CLASS: tuple[tuple[type[Exception], str], ...] = (
    (StorageNotFoundError, "not_found"),
    (StorageFullError, "full"),
    (ConfigurationError, "settings"),
    (TimeoutError, "timeout"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeStep:
    """One step of a trial."""

    name: str
    ok: bool
    ms: int
    cause: str | None
    """One of :data:`webapp.contracts.errors.CAUSES`, ``"skipped"`` or ``"unknown"``; None where all is well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeResult:
    """What a trial has found."""

    ok: bool
    steps: tuple[ProbeStep, ...]
    backend_id: str


class ProbeService:
    """The connection test."""

    def __init__(self, settings: SettingsService, config: Config) -> None:
        """Try candidates of these settings."""
        self._settings = settings
        self._config = config
        self._free = threading.BoundedSemaphore(AT_ONCE)

    def run(self, module: str, changes: Mapping[str, object], backend_id: str | None = None) -> ProbeResult:
        """Try these values, together with those that are saved, for at most ten seconds; nothing is saved.

        Raises:
            NotFoundError: there is no such module, or it has no backends.
            ValidationError: the values do not fit.
            RateLimitedError: too many trials are under way.
        """
        if not self._free.acquire(blocking=False):
            raise RateLimitedError("too many connection tests", retry_after=10)
        with ExitStack() as held:
            held.callback(self._free.release)
            report = _Report(time.monotonic() + SECONDS, self._redaction(module, changes))
            place = self._candidate(report, module, changes, backend_id)
            if place is None:
                report.end()
            else:
                trial = _Trial(place, report, allow_private=self._config.allow_private_endpoints)
                work = (trial.run, request_id.get(), self._free)
                threading.Thread(target=_in_thread, args=work, name="probe", daemon=True).start()
                held.pop_all()  # it is the thread that ends last
        return report.result(place.backend_id if place else self._wanted(changes, backend_id))

    def _candidate(
        self, report: "_Report", module: str, changes: Mapping[str, object], backend_id: str | None
    ) -> Place | None:
        found: list[Place] = []

        def make() -> None:
            found.append(self._settings.candidate(module, changes, backend_id, seconds=report.left))

        report.do("settings", make)
        return found[0] if found else None

    def _wanted(self, changes: Mapping[str, object], backend_id: str | None) -> str:
        return str(backend_id or changes.get("backend") or self._settings.current().backend)

    def _redaction(self, module: str, changes: Mapping[str, object]) -> Callable[[str], str]:
        """What takes everything out of a text that nobody may read: in the log, a vendor's words may have it."""
        names = [field.name for field in self._settings.module(module).fields if field.secret or field.masked]
        saved = self._settings.values(module)
        values = {each for name in names for each in (saved.get(name), changes.get(name)) if isinstance(each, str)}
        forms = {form for value in values for form in (value, repr(value)[1:-1], quote(value, safe="")) if form}
        longest_first = sorted(forms, key=len, reverse=True)

        def redacted(text: str) -> str:
            for form in longest_first:
                text = text.replace(form, "•••")
            return text

        return redacted


def _in_thread(work: Callable[[], None], current: str | None, free: threading.BoundedSemaphore) -> None:
    request_id.set(current)
    try:
        work()
    finally:
        free.release()


class _Report:
    """The steps so far. One thread writes them, another one reads them when they are all there or the time is up."""

    def __init__(self, deadline: float, redacted: Callable[[str], str]) -> None:
        self.names: tuple[str, ...] = tuple(name for name in STEPS if name not in OPTIONAL)
        self._deadline = deadline
        self._redacted = redacted
        self._steps: dict[str, ProbeStep] = {}
        self._current: tuple[str, float] | None = None
        self._is_over = False
        self._ended = threading.Event()
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.1, self._deadline - time.monotonic())

    @property
    def goes_on(self) -> bool:
        """Whether another step makes sense: not when nobody waits any more, nor when one waited in vain."""
        return not self._is_over and all(step.cause != "timeout" for step in self._steps.values())

    def do(self, name: str, action: Callable[[], object]) -> bool:
        """Do a step and note how it went. What the rules refuse is no finding: it is raised."""
        with self._lock:
            self._current = (name, time.monotonic())
        cause: str | None = None
        try:
            action()
        except Exception as exc:
            if isinstance(exc, NotSupportedError) and name in OPTIONAL:
                self._leave_out(name)
                return False
            if isinstance(exc, StowageError) and not isinstance(exc, StorageError):
                raise
            cause = self._why(name, exc)
        self._note(name, cause)
        return cause is None

    def end(self) -> None:
        """Nothing more will come."""
        self._ended.set()

    def result(self, backend_id: str) -> ProbeResult:
        """What there is when all is done or the time is up."""
        self._ended.wait(self.left)
        with self._lock:
            self._is_over = True
            steps = dict(self._steps)
            if self._current is not None:
                name, begun = self._current
                steps[name] = _step(name, begun, UNKNOWN if self._ended.is_set() else "timeout")
            for name in self.names:
                steps.setdefault(name, ProbeStep(name=name, ok=False, ms=0, cause=SKIPPED))
        ordered = tuple(steps[name] for name in STEPS if name in steps)
        return ProbeResult(ok=all(step.ok for step in ordered), steps=ordered, backend_id=backend_id)

    def tell(self, name: str, exc: Exception, cause: str) -> None:
        """Write to the log what people are not shown."""
        text = self._redacted(_in_words(exc))
        if cause == UNKNOWN:
            # Where it happened, but with the text from above in place of that of the error and those behind it.
            shown = RuntimeError(text)
            log.error("connection test: %s failed", name, exc_info=(RuntimeError, shown, exc.__traceback__))
        else:
            log.warning("connection test: %s failed, %s: %s", name, cause, text)

    def _why(self, name: str, exc: Exception) -> str:
        cause = exc.data.get("cause") if isinstance(exc, StorageError) else None
        if cause not in CAUSES:
            cause = next((cause for kind, cause in _CAUSE_BY_CLASS if isinstance(exc, kind)), UNKNOWN)
        self.tell(name, exc, str(cause))
        return str(cause)

    def _note(self, name: str, cause: str | None) -> None:
        with self._lock:
            if self._current is not None and not self._is_over:
                self._steps[name] = _step(name, self._current[1], cause)
            self._current = None

    def _leave_out(self, name: str) -> None:
        with self._lock:
            self._current = None
            gone = (name, "fetch") if name == "presign" else (name,)
            self.names = tuple(each for each in self.names if each not in gone)


def _step(name: str, begun: float, cause: str | None) -> ProbeStep:
    return ProbeStep(name=name, ok=cause is None, ms=round((time.monotonic() - begun) * 1000), cause=cause)


def _in_words(exc: BaseException | None) -> str:
    """The error and those behind it."""
    words: list[str] = []
    while exc is not None and len(words) < 6:
        words.append(f"{type(exc).__name__}: {exc}")
        exc = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    return " < ".join(words)


class _Trial:
    """One file, from its writing to its removal."""

    def __init__(self, place: Place, report: _Report, *, allow_private: bool) -> None:
        self._backend = place.backend
        self._report = report
        self._allow_private = allow_private
        self._key = secrets.token_hex(16)
        self._data = secrets.token_bytes(_SIZE)
        self._url = ""
        self._may_be_there = False
        offered = {"list": getattr(self._backend, "supports_listing", False)}
        offered["presign"] = offered["fetch"] = self._backend.supports_presigned_url
        report.names = tuple(name for name in STEPS if offered.get(name, True))

    def run(self) -> None:
        """Do all the steps, and leave nothing behind."""
        tidy: Callable[[], None] = _nothing
        try:
            tidy = getattr(self._backend, "tidier", _no_tidier)(self._key)
            if self._report.do("write", self._write):
                self._use()
        except Exception as exc:  # noqa: BLE001 (the class may be anybody's)
            self._report.tell("everything", exc, UNKNOWN)
        finally:
            self._clear_up(tidy)
            self._report.end()

    def _use(self) -> None:
        actions = (self._read, self._read_range, self._list, self._presign, self._fetch, self._delete)
        for name, action in zip(STEPS[2:], actions, strict=True):
            if not self._report.goes_on:
                return
            if name in self._report.names and (name != "fetch" or self._url):
                self._report.do(name, action)

    def _write(self) -> None:
        self._may_be_there = True
        self._backend.put(self._key, [self._data], content_type="application/octet-stream", size=_SIZE)

    def _read(self) -> None:
        _compare(_at_most(self._backend.get(self._key), _SIZE + 1), self._data)

    def _read_range(self) -> None:
        wanted = self._data[_RANGE]
        pieces = self._backend.get(self._key, start=_RANGE.start, length=len(wanted))
        _compare(_at_most(pieces, _SIZE + 1), wanted)

    def _list(self) -> None:
        if list(islice(cast("Listed", self._backend).list_keys(self._key), 2)) != [self._key]:
            raise StorageBackendError("the list does not have what is there", cause="not_found")

    def _presign(self) -> None:
        self._url = self._backend.presigned_get_url(
            self._key, filename="stowage-test.bin", content_type="application/octet-stream", expires_in=60
        )

    def _fetch(self) -> None:
        timeout = min(_SECONDS_TO_FETCH, self._report.left)
        answer = outbound.fetch(self._url, allow_private=self._allow_private, timeout=timeout, most_bytes=_SIZE + 1)
        if answer.status != 200:
            cause = _CAUSE_BY_STATUS.get(answer.status, "protocol")
            raise StorageBackendError(f"the presigned address answered {answer.status}", cause=cause)
        _compare(answer.body, self._data)

    def _delete(self) -> None:
        self._backend.delete(self._key)
        if self._backend.exists(self._key):
            raise StorageBackendError("what was deleted is still there")
        self._may_be_there = False

    def _clear_up(self, tidy: Callable[[], None]) -> None:
        try:
            if self._may_be_there:
                self._backend.delete(self._key)
            tidy()
        except Exception as exc:  # noqa: BLE001 (the class may be anybody's)
            self._report.tell("clearing up", exc, UNKNOWN)


def _nothing() -> None:
    pass


def _no_tidier(_key: str) -> Callable[[], None]:
    return _nothing


def _at_most(pieces: Iterator[bytes], most: int) -> bytes:
    """The bytes, but not more of them than could ever be right."""
    found = b""
    for piece in pieces:
        found += piece[: most - len(found)]
        if len(found) == most:
            break
    if hasattr(pieces, "close"):
        with closing(cast("Any", pieces)):
            pass
    return found


def _compare(found: bytes, expected: bytes) -> None:
    if found != expected:
        raise StorageBackendError(f"{len(found)} bytes came back that are not the {len(expected)}", cause="corrupted")
