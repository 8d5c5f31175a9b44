"""Lists of files: filters, search, sorting, numbered pages and cursors.

A page is found in one of two ways (:mod:`webapp.services.ways`); by cursor it
costs the same at any depth and neither repeats nor skips a row that stays.
"""

from typing import Any

import sqlalchemy as sa

from webapp import db
from webapp.contracts.files import StoredFileListOut
from webapp.services import cursors, ways
from webapp.services.access import Caller, Permission
from webapp.services.cursors import Cursor
from webapp.services.filters import COLUMNS, Listing, Matching
from webapp.services.rows import as_out, files, select_shown
from webapp.services.search import ESTIMATE_FROM, estimate
from webapp.services.ways import Way

__all__ = ["SORTS", "TRASH_SORTS", "Listing", "ListingService", "count", "last_cursor", "way_to_count"]

COUNT_LIMIT = 10_000
"""Counting stops here: an exact number would cost more than the page itself."""
INDEX_COUNT_LIMIT = 100_000
"""And here where an index is all that is read."""

SORTS = ("-created_at", "created_at", "name", "-name", "size", "-size")
TRASH_SORTS = ("-deleted_at", "deleted_at", *SORTS)

last_cursor = cursors.last
"""The cursor of the last page of a sort order."""


class ListingService:
    """Lists what a caller may see."""

    def list(self, caller: Caller, wanted: Listing) -> StoredFileListOut:
        """Return one page.

        Raises:
            ForbiddenError: the caller may not see lists.
            ValidationError: the cursor is none, or one of another sort order.
        """
        caller.require(Permission.DELETE if wanted.trash else Permission.DOWNLOAD)
        cursor = None if wanted.cursor is None else cursors.decoded(wanted.cursor, wanted.sort)
        with db.read() as connection:
            matching = Matching(connection, caller, wanted)
            total, exact = count(matching)
            rows: list[Any] = []
            # Whoever asks for page 10^18 does not make us walk there.
            if _offset(wanted) < max(matching.sizes.matching, 1) and not (exact and total == 0):
                rows = list(connection.execute(_page(matching, cursor, total, exact=exact)))
        return _out(wanted, cursor, rows, total, exact=exact)


def _out(wanted: Listing, cursor: Cursor | None, rows: list[Any], total: int, *, exact: bool) -> StoredFileListOut:
    back = cursor is not None and cursor.back
    more = len(rows) > wanted.per_page
    rows = rows[: wanted.per_page]
    if back:
        rows.reverse()
    at_start = not more if back else cursor in (None, Cursor()) and wanted.page == 1
    at_end = cursor == Cursor(back=True) if back else not more
    return StoredFileListOut(
        items=[as_out(row) for row in rows],
        total=total,
        total_is_exact=exact,
        page=wanted.page,
        per_page=wanted.per_page,
        next_cursor=_beside(cursors.after, rows[-1:], wanted.sort, cursors.first, at_end=at_end),
        previous_cursor=_beside(cursors.before, rows[:1], wanted.sort, cursors.last, at_end=at_start or not total),
    )


def _beside(make: Any, edge: list[Any], sort: str, otherwise: Any, *, at_end: bool) -> str | None:
    """The cursor of the page beside this one; beside a page that became empty is an end of the list."""
    if at_end:
        return None
    cursor: str = make(sort, edge[0]) if edge else otherwise(sort)
    return cursor


def _page(matching: Matching, cursor: Cursor | None, total: int, *, exact: bool) -> sa.Select[Any]:
    wanted = matching.wanted
    column = COLUMNS[wanted.sort.removeprefix("-")]
    # One row more than asked for tells whether there is another page.
    limit, offset = wanted.per_page + 1, _offset(wanted)
    way = matching.way(column.key, offset + limit, total, exact=exact)
    shown = select_shown.add_columns(files.c.seq, column)
    back = cursor is not None and cursor.back
    descending = wanted.sort.startswith("-") is not back
    if way.in_order:
        found = _cut(shown.where(*matching.where(way)), column, cursor, descending=descending)
        return found.limit(limit).offset(offset)
    if way.each:
        seqs = _merged(matching, way, column, cursor, descending=descending, limit=offset + limit)
    else:
        # The few that match are sorted, and only the page's are read whole.
        by = ways.hidden(column, matching.dialect)
        seqs = _cut(sa.select(files.c.seq).where(*matching.where(way)), by, cursor, descending=descending)
    chosen = shown.where(files.c.seq.in_(seqs.limit(limit).offset(offset)))
    return _cut(chosen, column, None, descending=descending)


def _merged(
    matching: Matching, way: Way, column: Any, cursor: Cursor | None, *, descending: bool, limit: int
) -> sa.Select[Any]:
    """The first rows of each value, in order."""
    each = [
        _cut(
            sa.select(files.c.seq, column.label("value")).where(*matching.where(way, value=value)),
            column,
            cursor,
            descending=descending,
        ).limit(limit)
        for value in matching.values_of(way.each)
    ]
    merged = sa.union_all(*(sa.select(*one.subquery().c) for one in each)).subquery()
    order = (merged.c.value, merged.c.seq)
    return sa.select(merged.c.seq).order_by(*((by.desc() for by in order) if descending else order))


def _cut(
    query: sa.Select[Any], column: sa.ColumnElement[Any], cursor: Cursor | None, *, descending: bool
) -> sa.Select[Any]:
    """In order, and from the place of the cursor on."""
    seq = files.c.seq
    query = query.order_by(*((column.desc(), seq.desc()) if descending else (column, seq)))
    if cursor is None or cursor.row is None:
        return query
    here = sa.tuple_(column, seq)
    there = sa.tuple_(sa.bindparam(None, cursor.row[0], column.type), sa.bindparam(None, cursor.row[1], seq.type))
    return query.where(here < there if descending else here > there)


def _offset(wanted: Listing) -> int:
    return (wanted.page - 1) * wanted.per_page if wanted.cursor is None else 0


# --- counting ------------------------------------------------------------------


def count(matching: Matching) -> tuple[int, bool]:
    """How many files match, and whether that is exact: counters know, or counting is bounded."""
    if matching.counted or matching.sizes.matching == 0:
        return matching.sizes.matching, True
    search, stored = matching.search, matching.sizes.matching
    frequent = search.text and not search.is_rare and not matching.ranged and not matching.wanted.content_type
    if frequent and stored > ESTIMATE_FROM and matching.dialect == "sqlite":
        about = estimate(matching.connection, matching.where(), stored)
        if about is not None:
            return about, False
    way, limit = way_to_count(matching)
    some = sa.select(sa.literal(1)).select_from(files).where(*matching.where(way)).limit(limit + 1).subquery()
    found = matching.connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    return min(found, limit), found <= limit


def way_to_count(matching: Matching) -> tuple[Way, int]:
    """How to find all that match, in whatever order, and how many to count at most."""
    parts = {name: files for name, (files, _) in matching.parts.items()}
    if matching.search.is_rare:
        return Way(frozenset({"seq"})), COUNT_LIMIT
    if matching.only_dated and len(parts) <= 1:
        return Way(frozenset({ways.STATE, ways.CREATED, *parts})), INDEX_COUNT_LIMIT
    if matching.only_sized and parts.keys() <= {"family"}:
        return Way(frozenset({ways.STATE, ways.SIZE, *parts})), INDEX_COUNT_LIMIT
    # In the order of their arrival rows lie side by side; names alone are read from their index.
    named = bool(matching.search.text) and not (matching.ranged or matching.wanted.content_type)
    span = ways.SIZE if matching.wanted.sized else ways.NAME if named else ways.CREATED
    if not parts:
        return Way(frozenset({ways.STATE, span})), COUNT_LIMIT
    part = min(parts, key=lambda name: parts[name])
    return Way(frozenset({ways.STATE, part, span if span in ways.ORDERED[part] else ways.CREATED})), COUNT_LIMIT
