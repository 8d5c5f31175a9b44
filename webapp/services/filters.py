"""Which files a list is about: what the counters know of (state, owner, backend, family), and everything else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from webapp.services import families, filenames, tallies, ways
from webapp.services.access import Caller
from webapp.services.rows import files, users
from webapp.services.search import Search
from webapp.services.ways import Way, hidden

COLUMNS = {
    "created_at": files.c.created_at,
    "name": files.c.filename_folded,
    "size": files.c.size_bytes,
    "deleted_at": files.c.deleted_at,
}
MOST_SORTED = 100_000
"""More rows of a span are not worth sorting."""
PARTS = {"owner": files.c.created_by, "backend": files.c.backend, "family": files.c.family}
"""The columns behind those of the counters."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What to list. ``cursor`` is None for numbered pages and "" for the start of a walk.

    ``families``, ``uploaders`` and ``backends`` mean any of those named; none named means all.
    """

    trash: bool = False
    page: int = 1
    per_page: int = 20
    cursor: str | None = None
    sort: str = "-created_at"
    q: str = ""
    content_type: str = ""
    family: str = ""
    uploaded_by: str = ""
    backend: str = ""
    families: tuple[str, ...] = ()
    uploaders: tuple[UUID, ...] = ()
    backends: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    min_size: int | None = None
    max_size: int | None = None

    @property
    def dated(self) -> bool:
        """Whether the time of the upload matters."""
        return (self.created_after, self.created_before) != (None, None)

    @property
    def sized(self) -> bool:
        """Whether the size matters."""
        return (self.min_size, self.max_size) != (None, None)


class Matching:
    """The files that a caller sees and wants."""

    def __init__(
        self,
        connection: Connection,
        caller: Caller,
        wanted: Listing,
        *,
        upto: datetime | None = None,
        like: "Matching | None" = None,
    ) -> None:
        """Ask the counters.

        ``upto``: nothing that was uploaded (in the trash: deleted) after this moment.
        ``like``: a list with the same search, whose candidates are known already.
        """
        self.connection = connection
        self.dialect = connection.dialect.name
        self.wanted = wanted
        self.scope = scope_of(connection, caller, wanted)
        self.sizes = tallies.sizes(connection, self.scope)
        known = like is not None and like.search.is_rare and like.wanted.q == wanted.q
        self.search: Search = like.search if like and known else Search(connection, wanted.q, self.sizes.matching)
        self._upto = upto

    @property
    def counted(self) -> bool:
        """Whether the counters alone know how many these are."""
        return not (self.search.text or self.wanted.content_type or self._upto or self.ranged)

    @property
    def ranged(self) -> bool:
        """Whether a span of time or of sizes is wanted."""
        return self.wanted.dated or self.wanted.sized

    @property
    def only_dated(self) -> bool:
        """Whether a span of time is all that the counters do not know."""
        return self.wanted.dated and not (
            self.search.text or self.wanted.content_type or self._upto or self.wanted.sized
        )

    @property
    def only_sized(self) -> bool:
        """Whether a span of sizes is."""
        return self.wanted.sized and not (
            self.search.text or self.wanted.content_type or self._upto or self.wanted.dated
        )

    def where(self, way: Way | None = None, *, residue: bool = True, value: Any = None) -> list[sa.ColumnElement[bool]]:
        """The conditions; with a way, such that SQLite goes it. Those of the search come last.

        ``value`` is the one of ``way.each`` that is meant; without ``residue``, what only rows can answer is left out.
        """

        def column(found: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
            usable = way is None or self.dialect != "sqlite" or getattr(found, "key", None) in way.columns
            return found if usable else hidden(found, self.dialect)

        state = column(files.c.is_deleted) == sa.literal(self.scope.is_deleted, sa.Boolean)
        chosen = self._chosen() | ({way.each: (value,)} if way is not None and value is not None else {})
        found = [state, *_any_of(chosen, column), *self._dates(column)]
        if way is not None and ways.DELETED in way.columns:
            found.append(files.c.deleted_at.is_not(None))  # what the index is about
        if residue or (way is not None and ways.SIZE in way.columns):
            found.extend(self._sizes(column(files.c.size_bytes)))
        return [*found, *self._texts()] if residue else found

    def residue(self, way: Way) -> list[sa.ColumnElement[bool]]:
        """The conditions that only the rows themselves can answer, going this way."""
        sizes = [] if ways.SIZE in way.columns else self._sizes(files.c.size_bytes)
        return [*sizes, *self._texts()]

    def way(self, column: str, rows: int, total: int, *, exact: bool) -> Way:
        """How to find the first ``rows`` of ``total`` files in the order of a column."""
        if self.search.is_rare:
            return Way(frozenset({"seq"}))
        only = self.counted or self.only_dated or self.only_sized
        within = total if exact and only and not self.sizes.by else None
        ranges = {ways.SIZE: within} if self.wanted.sized else {}
        if self.wanted.dated:
            ranges[ways.CREATED] = within if within is not None or column == ways.CREATED else self._in_dates()
        facts = ways.Facts(
            column=column,
            rows=rows,
            state=self.sizes.state,
            matching=total,
            exact=exact,
            parts=self.parts,
            ranges=ranges,
            only=only,
        )
        return ways.cheapest(facts)

    @property
    def parts(self) -> dict[str, tuple[int, int]]:
        """The filters that have an index: how many files fulfil each alone, and how many values it has."""
        values = self.scope.parts
        return {PARTS[name].key: (count, len(values[name] or ())) for name, count in self.sizes.by.items()}

    def values_of(self, column: str) -> tuple[Any, ...]:
        """What is wanted of one of :data:`PARTS`."""
        found: tuple[Any, ...] = self._chosen()[column] or ()
        return found

    def _chosen(self) -> dict[str, tuple[Any, ...] | None]:
        scope = self.scope
        return {"created_by": scope.owners, "backend": scope.backends, "family": scope.families}

    def _in_dates(self) -> int | None:
        """How many files there are in the span of time, whatever else is wanted; None if these are many."""
        state = files.c.is_deleted == sa.literal(self.scope.is_deleted, sa.Boolean)
        query = sa.select(sa.literal(1)).select_from(files).where(state, *self._dates(lambda column: column))
        some = query.limit(MOST_SORTED + 1).subquery()
        found: int = self.connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
        return found if found <= MOST_SORTED else None

    def _dates(self, column: Callable[[Any], sa.ColumnElement[Any]]) -> list[sa.ColumnElement[bool]]:
        wanted, created = self.wanted, column(files.c.created_at)
        found: list[sa.ColumnElement[bool]] = []
        if wanted.created_after is not None:
            found.append(created > wanted.created_after)
        if wanted.created_before is not None:
            found.append(created < wanted.created_before)
        if self._upto is not None:
            found.append((column(files.c.deleted_at) if wanted.trash else created) <= self._upto)
        return found

    def _sizes(self, size: sa.ColumnElement[int]) -> list[sa.ColumnElement[bool]]:
        smallest = [] if self.wanted.min_size is None else [size >= self.wanted.min_size]
        largest = [] if self.wanted.max_size is None else [size <= self.wanted.max_size]
        return [*smallest, *largest]

    def _texts(self) -> list[sa.ColumnElement[bool]]:
        of_type = [_of_type(self.wanted.content_type)] if self.wanted.content_type else []
        return [*of_type, *self.search.conditions()]


def scope_of(connection: Connection, caller: Caller, wanted: Listing) -> tallies.Scope:
    """The part of a list's filters that the counters know of."""
    return tallies.Scope(
        is_deleted=wanted.trash,
        owners=_owners(connection, caller, wanted),
        backends=_both(wanted.backends or None, (wanted.backend,) if wanted.backend else None),
        families=_both(
            _both(wanted.families or None, (wanted.family,) if wanted.family else None),
            families.of_type(wanted.content_type) if wanted.content_type else None,
        ),
    )


def _owners(connection: Connection, caller: Caller, wanted: Listing) -> tuple[UUID, ...] | None:
    named = _accounts(connection, wanted.uploaded_by) if wanted.uploaded_by else None
    chosen = _both(wanted.uploaders or None, named)
    return chosen if caller.sees_everything else _both(chosen, (caller.user_id,))


def _both(one: tuple[Any, ...] | None, other: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    """What two filters on the same thing leave; None is no filter."""
    if one is None or other is None:
        return other if one is None else one
    return tuple(value for value in one if value in other)


def _accounts(connection: Connection, wanted: str) -> tuple[UUID, ...]:
    """An account by id or by name; the name of a deleted account may belong to several."""
    try:
        return (UUID(wanted),)
    except ValueError:
        named = sa.select(users.c.id).where(users.c.username_folded == filenames.fold(wanted))
        return tuple(connection.execute(named).scalars())


def _any_of(
    chosen: dict[str, tuple[Any, ...] | None], column: Callable[[Any], sa.ColumnElement[Any]]
) -> list[sa.ColumnElement[bool]]:
    found = []
    for name, values in chosen.items():
        if values is not None:
            of = column(files.c[name])
            found.append(of == values[0] if len(values) == 1 else of.in_(values))
    return found


def _of_type(wanted: str) -> sa.ColumnElement[bool]:
    media_type = families.pattern(wanted)
    if media_type.endswith("/"):
        return files.c.content_type.startswith(media_type, autoescape=True)
    return files.c.content_type == media_type
