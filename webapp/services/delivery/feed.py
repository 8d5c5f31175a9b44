"""The log for clients that follow it: page by page, each from where the one before ended.

A cursor is a place in the log. Walking on from it costs the same wherever it is; a
page that is narrowed to some kinds of events looks at a bounded number of them, says
how far it came, and the next one goes on there.
"""

import base64
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy.engine import Connection

from webapp import db
from webapp.services.access import Caller, Permission
from webapp.services.delivery import event_log, message
from webapp.services.errors import CursorExpiredError, RateLimitedError, ValidationError

LATEST = "latest"
"""As a cursor: the end of the log."""
MOST = 1000
EXAMINED = 10_000
"""So many events are looked at for one page."""
LONGEST_WAIT = 20
MOST_WAITING = 16
"""So many requests of one process may wait for events, and a quarter of its threads: each of them takes one."""
LOOK_SECONDS = 0.25
RETRY_SECONDS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedPage:
    """Events in their order. ``cursor`` is where the next page begins, be there more by now or not."""

    items: list[dict[str, Any]]
    cursor: str
    has_more: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """What one look at the log gave: events up to a place, and whether it goes on after it."""

    items: list[dict[str, Any]]
    reached: int
    has_more: bool


class FeedService:
    """Reads the log for those who follow it."""

    def __init__(self, threads: int) -> None:
        """``threads`` is how many requests one process answers at once."""
        self._waiting = threading.BoundedSemaphore(max(1, min(MOST_WAITING, threads // 4)))
        self.is_stopping: Callable[[], bool] = lambda: False
        """Asked while a request waits: a server that is to stop does not wait for events."""

    def read(self, caller: Caller, after: str, types: Sequence[str] = (), limit: int = 100, wait: int = 0) -> FeedPage:
        """Return what follows ``after``: a cursor, :data:`LATEST`, or nothing for all that is kept.

        Of ``types`` any; ``wait`` is how many seconds to wait for a first one.

        Raises:
            ForbiddenError: the caller may not see what others do.
            ValidationError: the cursor is none, or there is no such type.
            CursorExpiredError: what follows it is not kept any more, or it is of another log.
            RateLimitedError: too many wait already.
        """
        caller.require(Permission.ACTIVITY)
        names = _names(types)
        limit = max(1, min(limit, MOST))
        event_log.place_new()
        with db.read() as connection:
            place = _begin(connection, after)
            part = _look(connection, place, names, limit)
            # After the read: what went meanwhile is noticed too.
            if after and event_log.oldest(connection) > place + 1:
                raise CursorExpiredError("the log does not go back so far any more")
        if wait > 0 and not part.items and not part.has_more:
            part = self._waited(part, names, limit, min(wait, LONGEST_WAIT))
        with db.read() as connection:
            return FeedPage(items=part.items, cursor=_cursor(connection, part.reached), has_more=part.has_more)

    def _waited(self, part: _Part, names: frozenset[str] | None, limit: int, seconds: int) -> _Part:
        if not self._waiting.acquire(blocking=False):
            raise RateLimitedError("too many wait for events", retry_after=RETRY_SECONDS)
        try:
            until = time.monotonic() + seconds
            while not part.items and not part.has_more and time.monotonic() < until and not self.is_stopping():
                time.sleep(LOOK_SECONDS)
                event_log.place_new()
                with db.read() as connection:
                    # It goes on where it was: what it has seen must not be looked at again each time.
                    part = _look(connection, part.reached, names, limit)
        finally:
            self._waiting.release()
        return part


def _names(types: Sequence[str]) -> frozenset[str] | None:
    try:
        return message.names_of(message.canonical(types))
    except ValueError as exc:
        raise ValidationError({"type": ("unknown_event", {"type": str(exc)})}) from exc


def _look(connection: Connection, place: int, names: frozenset[str] | None, limit: int) -> _Part:
    """Look at what follows ``place``. The end first: whatever comes after it is for the next look."""
    end = event_log.end(connection)
    until = min(end, place + EXAMINED)
    found = event_log.read(connection, place, limit + 1, names, until)
    items = [message.as_json(logged) for logged in found[:limit]]
    if len(found) > limit:
        return _Part(items, found[limit - 1].position, has_more=True)
    return _Part(items, until, has_more=until < end)


# --- cursors -----------------------------------------------------------------------


def _begin(connection: Connection, after: str) -> int:
    """The place that a cursor names."""
    if not after:
        return max(event_log.oldest(connection) - 1, 0)
    end = event_log.end(connection)
    if after == LATEST:
        return end
    place, mark = _decoded(after)
    # A database that was put back to an earlier state goes on with the same numbers for other events.
    if place > end or (mark and _mark(connection, place) not in ("", mark)):
        raise CursorExpiredError("a cursor of another log")
    return place


def _cursor(connection: Connection, place: int) -> str:
    parts = orjson.dumps([place, _mark(connection, place)])
    return base64.urlsafe_b64encode(parts).decode().rstrip("=")


def _mark(connection: Connection, place: int) -> str:
    """What tells the event at this place from any other; empty where there is none (any more)."""
    found = event_log.read(connection, place - 1, 1, None, until=place)
    return found[0].event_id.hex[-8:] if found else ""


def _decoded(cursor: str) -> tuple[int, str]:
    try:
        place, mark = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError) as exc:
        raise _refusal() from exc
    # Not isinstance(): True is an int to Python.
    if type(place) is not int or not 0 <= place < 2**63 or not isinstance(mark, str):
        raise _refusal()
    return place, mark


def _refusal() -> ValidationError:
    return ValidationError({"after": "not_a_cursor"})
