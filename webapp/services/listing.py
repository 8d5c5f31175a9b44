"""Lists of files: filters, search, sorting, numbered pages and cursors.

A cursor is the sort value and the ``seq`` of the last row, so the next page
costs the same at any depth and neither repeats nor skips a row that stays.
"""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from webapp import db
from webapp.contracts.files import StoredFileListOut
from webapp.services import filenames, tallies
from webapp.services.access import Caller, Permission
from webapp.services.errors import ValidationError
from webapp.services.rows import as_out, files, select_shown, users, visible_to

COUNT_LIMIT = 10_000
"""Counting a search stops here: an exact number would cost more than the page itself."""
RARE = 2_000
"""Up to this many matches of the trigram index are looked up one by one."""
TRIGRAM = 3
MOST_TRIGRAMS = 48

_COLUMNS = {
    "created_at": files.c.created_at,
    "name": files.c.filename_folded,
    "size": files.c.size_bytes,
    "deleted_at": files.c.deleted_at,
}
SORTS = ("-created_at", "created_at", "name", "-name", "size", "-size")
TRASH_SORTS = ("-deleted_at", "deleted_at", *SORTS)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What to list. ``cursor`` is None for numbered pages and "" for the start of a walk."""

    trash: bool = False
    page: int = 1
    per_page: int = 20
    cursor: str | None = None
    sort: str = "-created_at"
    q: str = ""
    content_type: str = ""
    uploaded_by: str = ""
    backend: str = ""
    created_after: datetime | None = None
    created_before: datetime | None = None
    min_size: int | None = None
    max_size: int | None = None


class ListingService:
    """Lists what a caller may see."""

    def list(self, caller: Caller, wanted: Listing) -> StoredFileListOut:
        """Return one page.

        Raises:
            ForbiddenError: the caller may not see lists.
            ValidationError: the cursor is none, or one of another sort order.
        """
        caller.require(Permission.DELETE if wanted.trash else Permission.DOWNLOAD)
        column, descending = _order(wanted.sort)
        after = _decoded(wanted.cursor, wanted.sort) if wanted.cursor else None
        with db.read() as connection:
            search = _Search(connection, wanted.q)
            conditions = _conditions(caller, wanted, search)
            total, exact = _total(connection, caller, wanted, conditions)
            query = _page(select_shown.add_columns(files.c.seq, column), wanted, column, descending, after)
            rows = connection.execute(query.where(*conditions)).all()
        more = len(rows) > wanted.per_page
        rows = rows[: wanted.per_page]
        return StoredFileListOut(
            items=[as_out(row) for row in rows],
            total=total,
            total_is_exact=exact,
            page=wanted.page,
            per_page=wanted.per_page,
            next_cursor=_encoded(wanted.sort, rows[-1]) if more else None,
        )


def _order(sort: str) -> tuple[sa.ColumnElement[Any], bool]:
    return _COLUMNS[sort.removeprefix("-")], sort.startswith("-")


def _page(
    query: sa.Select[Any],
    wanted: Listing,
    column: sa.ColumnElement[Any],
    descending: bool,
    after: tuple[Any, int] | None,
) -> sa.Select[Any]:
    # One row more than asked for tells whether there is a next page.
    query = query.limit(wanted.per_page + 1)
    order = (column.desc(), files.c.seq.desc()) if descending else (column, files.c.seq)
    query = query.order_by(*order)
    if after is not None:
        here, there = sa.tuple_(column, files.c.seq), sa.tuple_(*_bound(column, after))
        return query.where(here < there if descending else here > there)
    offset = (wanted.page - 1) * wanted.per_page if wanted.cursor is None else 0
    return query.offset(offset) if offset else query


def _bound(column: sa.ColumnElement[Any], after: tuple[Any, int]) -> tuple[sa.ColumnElement[Any], ...]:
    return sa.bindparam(None, after[0], column.type), sa.bindparam(None, after[1], files.c.seq.type)


def _conditions(caller: Caller, wanted: Listing, search: "_Search") -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [files.c.is_deleted == sa.literal(wanted.trash)]
    visible = visible_to(caller)
    if visible is not None:
        found.append(visible)
    found.extend(search.conditions())
    if wanted.content_type:
        found.append(_of_type(wanted.content_type))
    if wanted.uploaded_by:
        found.append(_by(wanted.uploaded_by))
    if wanted.backend:
        found.append(files.c.backend == wanted.backend)
    if wanted.created_after is not None:
        found.append(files.c.created_at > wanted.created_after)
    if wanted.created_before is not None:
        found.append(files.c.created_at < wanted.created_before)
    if wanted.min_size is not None:
        found.append(files.c.size_bytes >= wanted.min_size)
    if wanted.max_size is not None:
        found.append(files.c.size_bytes <= wanted.max_size)
    return found


def _of_type(wanted: str) -> sa.ColumnElement[bool]:
    media_type = wanted.strip().lower().removesuffix("*")
    if media_type.endswith("/"):
        return files.c.content_type.startswith(media_type, autoescape=True)
    return files.c.content_type == media_type


def _by(wanted: str) -> sa.ColumnElement[bool]:
    """An account by id or by name; the name of a deleted account may belong to several."""
    try:
        return files.c.created_by == UUID(wanted)
    except ValueError:
        named = sa.select(users.c.id).where(users.c.username_folded == filenames.fold(wanted))
        return files.c.created_by.in_(named)


# --- search --------------------------------------------------------------------


class _Search:
    """The condition for ``q``: a literal, caseless part of the file name.

    PostgreSQL finds its trigram index by itself. On SQLite, the index (an FTS5
    table, see the first migration) is asked first how many names hold all the
    trigrams: few are looked up one by one, for many the list is walked in its
    own order, which then soon has a page full.
    """

    def __init__(self, connection: Connection, q: str) -> None:
        self._text = filenames.fold(q)
        self._rare = bool(
            self._text
            and connection.dialect.name == "sqlite"
            and len(self._text) >= TRIGRAM
            and connection.execute(_count_trigrams, {"match": self._match, "most": RARE + 1}).scalar_one() <= RARE
        )

    @property
    def _match(self) -> str:
        # The name itself is compared as well: a few trigrams are enough to find it.
        trigrams = {self._text[i : i + TRIGRAM] for i in range(min(MOST_TRIGRAMS, len(self._text) - TRIGRAM + 1))}
        return " AND ".join('"' + trigram.replace('"', '""') + '"' for trigram in sorted(trigrams))

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        if not self._text:
            return []
        literal = files.c.filename_folded.contains(self._text, autoescape=True)
        if self._rare:
            return [files.c.seq.in_(sa.select(_fts.c.rowid).where(_matching.bindparams(match=self._match))), literal]
        return [literal]


_fts = sa.table("file_storage_name_search", sa.column("rowid"), sa.column("file_storage_name_search"))
_matching = sa.text("file_storage_name_search MATCH :match")
_count_trigrams = sa.select(sa.func.count()).select_from(
    sa.select(_fts.c.rowid).where(_matching).limit(sa.bindparam("most")).subquery()
)


# --- counting ------------------------------------------------------------------


def _total(
    connection: Connection, caller: Caller, wanted: Listing, conditions: list[sa.ColumnElement[bool]]
) -> tuple[int, bool]:
    """How many files match: from the counters where they know it, else counted up to a limit."""
    counted = (wanted.q, wanted.content_type, wanted.uploaded_by)
    if (
        not any(counted)
        and (wanted.created_after, wanted.created_before, wanted.min_size, wanted.max_size) == (None,) * 4
    ):
        owner = None if caller.sees_everything else caller.user_id
        files_, _ = tallies.total(connection, is_deleted=wanted.trash, owner=owner, backend=wanted.backend or None)
        return files_, True
    some = sa.select(sa.literal(1)).select_from(files).where(*conditions).limit(COUNT_LIMIT + 1).subquery()
    found = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    return min(found, COUNT_LIMIT), found <= COUNT_LIMIT


# --- cursors -------------------------------------------------------------------


def _encoded(sort: str, row: Any) -> str:
    value = row[-1]
    text = orjson.dumps([sort, value.isoformat() if isinstance(value, datetime) else value, row.seq])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _decoded(cursor: str, sort: str) -> tuple[Any, int]:
    try:
        kept_sort, value, seq = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        column = sort.removeprefix("-")
        if column.endswith("_at"):
            value = datetime.fromisoformat(value)
    except (ValueError, TypeError) as exc:
        raise ValidationError({"cursor": "not_a_cursor"}) from exc
    kind = {"name": str, "size": int}.get(column, datetime)
    whole = isinstance(seq, int) and 0 <= seq < 2**63 and isinstance(value, kind) and "\x00" not in str(value)
    if kept_sort != sort or not whole or (kind is int and not 0 <= value < 2**63):
        raise ValidationError({"cursor": "not_a_cursor"})
    return value, seq
