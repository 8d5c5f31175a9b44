"""Who did what, and when: the event log, read newest first.

Pages follow ``seq``. Every way of filtering walks an index from its new end, so that
a page costs the same wherever it is; only a search for text has to read the events
themselves, reads a bounded number of them, and tells how far it came.
"""

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy import event as sa_event
from sqlalchemy.engine import Connection, Engine

from webapp import db
from webapp.contracts.events import EVENT_TYPES
from webapp.db import EventRow, Prepared, table
from webapp.models import User
from webapp.services import filenames
from webapp.services.access import Caller, Permission
from webapp.services.errors import NotFoundError
from webapp.services.rows import files

NOBODY = "/"
"""As ``actor``: Stowage itself and the command line. No account can have this name."""
EXAMINED = 10_000
"""A search for text reads so many events and stops; ``older`` goes on from there."""
MOST = 200
MOST_ACCOUNTS_OF_A_NAME = 5
_DISORDER = timedelta(minutes=1)
"""Events are numbered when they are written, a moment after they happened: neighbours may have changed places."""

_events = table(EventRow)
_users = table(User)
_seq = _events.c.seq
_NAMES = tuple(event_type.__name__ for event_type in EVENT_TYPES)
_SEARCHED = ("filename", "previous_filename", "username", "name", "address")
_Condition = sa.ColumnElement[bool]

_state_of = Prepared(sa.select(files.c.is_deleted, files.c.created_by).where(files.c.id == sa.bindparam("id")))


@dataclass(frozen=True, kw_only=True, slots=True)
class EventOut:
    """An event as it was written."""

    seq: int
    name: str
    occurred_at: datetime
    actor_id: str | None
    actor_name: str | None
    request_id: str | None
    subject_id: str | None
    payload: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What to show. Of ``names`` any; ``actor`` is the id or name of an account, or :data:`NOBODY`."""

    names: tuple[str, ...] = ()
    actor: str = ""
    text: str = ""
    """Part of the name of a file, person or token or of an address, or a whole id: of a request or of what changed."""
    since: datetime | None = None
    until: datetime | None = None
    """Not later than this."""
    before: int | None = None
    """``older`` of the page before."""
    limit: int = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class ActivityPage:
    """Events, newest first."""

    items: list[EventOut]
    older: int | None
    """Give it as ``before`` for what follows; None at the end."""
    searched_to: datetime | None = None
    """Where a search for text stopped looking before the page was full; None where it did not have to."""


class ActivityService:
    """Reads the event log."""

    def of_file(self, caller: Caller, file_id: UUID, limit: int = 20) -> list[EventOut]:
        """The newest events of a file the caller can see, be it live or in the trash.

        Raises:
            ForbiddenError: the caller may not see files, or those in the trash.
            NotFoundError: unknown, gone for good, or not theirs.
        """
        with db.read() as connection:
            row = _state_of.first(connection, id=file_id)
            caller.require(Permission.DELETE if row is not None and row.is_deleted else Permission.DOWNLOAD)
            if row is None or not (caller.sees_everything or row.created_by == caller.user_id):
                raise NotFoundError("no such file")
            about = _shown.where(_events.c.subject_id == str(file_id)).order_by(_seq.desc()).limit(limit)
            return [EventOut(**each._mapping) for each in connection.execute(about)]

    def list(self, caller: Caller, wanted: Wanted) -> ActivityPage:
        """Return one page.

        Raises:
            ForbiddenError: the caller may not see what others do.
        """
        caller.require(Permission.ACTIVITY)
        limit = max(1, min(wanted.limit, MOST))
        with db.read() as connection:
            text = wanted.text.strip()
            subject = _subject(connection, text)
            ways, limits = _ways(connection, wanted, subject), _limits(connection, wanted)
            stop = _stop(connection, ways, limits) if text and subject is None else None
            if text and subject is None:
                limits = [*limits, _matches(connection, text), *([_seq >= stop.seq] if stop else [])]
            rows = connection.execute(_newest(ways, limits, limit + 1)).all()
        items = [EventOut(**row._mapping) for row in rows[:limit]]
        if len(rows) > limit:
            return ActivityPage(items=items, older=items[-1].seq)
        return ActivityPage(items=items, older=stop and stop.seq, searched_to=stop and stop.occurred_at)


_shown = sa.select(
    _seq,
    _events.c.name,
    _events.c.occurred_at,
    _events.c.actor_id,
    _events.c.actor_name,
    _events.c.request_id,
    _events.c.subject_id,
    _events.c.payload,
)


@dataclass(frozen=True, slots=True)
class _Way:
    """Conditions that one index is for, and the order in which it is walked."""

    conditions: tuple[_Condition, ...] = ()
    order: tuple[sa.ColumnElement[Any], ...] = (_seq.desc(),)


_NOWHERE = _Way((sa.false(),))


def _newest(ways: list[_Way], limits: list[_Condition], most: int) -> sa.Select[Any]:
    """The newest events that any of the ways leads to."""
    numbers = sa.union_all(*(_walk(way, limits, most) for way in ways)).subquery()
    newest = sa.select(numbers.c.seq).order_by(numbers.c.seq.desc()).limit(most)
    return _shown.where(_seq.in_(newest)).order_by(_seq.desc())


def _walk(way: _Way, limits: list[_Condition], most: int, skipped: int = 0) -> sa.Select[Any]:
    """Numbers along one index. Wrapped, because SQLite takes no LIMIT in a part of a union."""
    walk = sa.select(_seq).where(*way.conditions, *limits).order_by(*way.order).limit(most).offset(skipped or None)
    return sa.select(walk.subquery().c.seq)


def _ways(connection: Connection, wanted: Wanted, subject: UUID | None) -> list[_Way]:
    """Ways that together cover what is wanted.

    Databases do not walk an index for "any of these" in the order of its rest, but
    read all of it, or the whole table.
    """
    names = [_events.c.name == name for name in wanted.names if name in _NAMES]
    if wanted.names and not names:
        return [_NOWHERE]
    actors = _actors(connection, wanted.actor)
    if subject is not None:
        return [_Way((_events.c.subject_id == str(subject), *_any(names or None), *_any(actors)))]
    if actors is not None:
        every = names or [_events.c.name == name for name in _NAMES]
        # PostgreSQL takes IS NULL for no constant: only told so does it walk the index without sorting.
        order = (_events.c.actor_id.desc(), _seq.desc())
        return [_Way(each, order) for each in product(actors, every)] or [_NOWHERE]
    return [_Way((name,)) for name in names] or [_Way()]


def _any(conditions: list[_Condition] | None) -> list[_Condition]:
    """One of these, where there are any: of few events it is asked once an index has found them."""
    return [] if conditions is None else [sa.or_(*conditions)] if conditions else [sa.false()]


def _subject(connection: Connection, text: str) -> UUID | None:
    """What has this id, if something has: its events are found at once. Ids of requests may look the same."""
    found = _id_of(text)
    known = sa.select(_seq).where(_events.c.subject_id == str(found)).limit(1)
    return found if found is not None and connection.execute(known).first() is not None else None


def _actors(connection: Connection, actor: str) -> list[_Condition] | None:
    """Who did it; None where that does not matter. The name of deleted accounts may belong to several."""
    if not actor:
        return None
    if actor == NOBODY:
        return [_events.c.actor_id.is_(None)]
    known = _id_of(actor)
    if known is not None:
        return [_events.c.actor_id == str(known)]
    named = sa.select(_users.c.id).where(_users.c.username_folded == filenames.fold(actor))
    newest = named.order_by(_users.c.created_at.desc()).limit(MOST_ACCOUNTS_OF_A_NAME)
    return [_events.c.actor_id == str(each) for each in connection.execute(newest).scalars()]


def _id_of(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) <= 45 else None
    except ValueError:
        return None


# --- time ------------------------------------------------------------------------


def _limits(connection: Connection, wanted: Wanted) -> list[_Condition]:
    """Where to begin and where to end, by number, because that is what the indexes are sorted by."""
    found: list[_Condition] = []
    if wanted.before is not None:
        found.append(_seq < min(max(wanted.before, 0), 2**63 - 1))
    if wanted.since is not None:
        found += [_seq >= _first_since(connection, _shifted(wanted.since, -1)), _events.c.occurred_at >= wanted.since]
    if wanted.until is not None:
        found += [_seq <= _first_since(connection, _shifted(wanted.until, 1)), _events.c.occurred_at <= wanted.until]
    return found


def _shifted(moment: datetime, by: int) -> datetime:
    try:
        return moment + by * _DISORDER
    except OverflowError:
        return moment


_following = sa.select(sa.func.min(_seq)).where(_seq >= sa.bindparam("seq")).scalar_subquery()
_by_number = Prepared(sa.select(_seq, _events.c.occurred_at).where(_seq == _following))


def _first_since(connection: Connection, moment: datetime) -> int:
    """The number of the first event that is not older, by halving: no upload has to pay for an index by time."""
    last = connection.execute(sa.select(sa.func.max(_seq))).scalar() or 0
    low, high = 0, last + 1
    while low < high:
        middle = (low + high) // 2
        row = _by_number.first(connection, seq=middle)
        if row is not None and row.occurred_at < moment:
            low = row.seq + 1
        else:
            high = middle
    return low


# --- text ------------------------------------------------------------------------


def _stop(connection: Connection, ways: list[_Way], limits: list[_Condition]) -> Any:
    """The event at which a search ends because it has read enough; None where there are fewer."""
    each = max(EXAMINED // len(ways), 1)
    ends = sa.union_all(*(_walk(way, limits, 1, skipped=each - 1) for way in ways)).subquery()
    newest_end = sa.select(sa.func.max(ends.c.seq)).scalar_subquery()
    return connection.execute(sa.select(_seq, _events.c.occurred_at).where(_seq == newest_end)).first()


def _matches(connection: Connection, text: str) -> _Condition:
    """Whether an event has this text in one of its names, whatever the case, or is of the request with this id."""
    text = filenames.fold(text)
    of_request = sa.func.lower(_events.c.request_id) == text
    return sa.or_(of_request, _named(text) if connection.dialect.name == "sqlite" else _named_on_a_server(text))


def _named_on_a_server(text: str) -> _Condition:
    names = [_events.c.payload[name].as_string() for name in _SEARCHED]
    # Most payloads do not have the text at all: taking them apart would cost five times as much.
    in_payload = sa.cast(_events.c.payload, sa.Text).icontains(_quoted(text), autoescape=True)
    in_a_name = sa.or_(*(name.icontains(text, autoescape=True) for name in names))
    return sa.or_(_events.c.actor_name.icontains(text, autoescape=True), sa.and_(in_payload, in_a_name))


def _named(text: str) -> _Condition:
    """SQLite compares ASCII without case, and that fast. The rest is for Python, where there is more than ASCII."""
    payload, actor = sa.type_coerce(_events.c.payload, sa.Text), _events.c.actor_name
    in_ascii = sa.or_(payload.contains(_quoted(text), autoescape=True), actor.contains(text, autoescape=True))
    beyond = sa.or_(
        *(sa.func.length(each) != sa.func.length(sa.cast(each, sa.LargeBinary)) for each in (payload, actor))
    )
    return sa.and_(sa.or_(in_ascii, beyond), sa.func.stowage_names(payload, actor, text) == 1)


def _quoted(text: str) -> str:
    """As it stands in JSON."""
    return orjson.dumps(text).decode()[1:-1]


def _names(payload: str, actor: str | None, text: str) -> bool:
    told = orjson.loads(payload)
    names = (actor, *(told.get(name) for name in _SEARCHED))
    return any(text in filenames.fold(name) for name in names if name)


@sa_event.listens_for(Engine, "connect")
def _teach(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.create_function("stowage_names", 3, _names, deterministic=True)
