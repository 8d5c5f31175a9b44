"""Lists of files: filters, search, sorting, numbered pages and cursors.

A cursor is the sort value and the ``seq`` of the last row, so the next page
costs the same at any depth and neither repeats nor skips a row that stays.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
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
from webapp.services.search import ESTIMATE_FROM, Search, estimate

COUNT_LIMIT = 10_000
"""Counting stops here: an exact number would cost more than the page itself."""

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
            stored = _stored(connection, caller, wanted)
            search = Search(connection, wanted.q, stored)
            conditions = _conditions(caller, wanted, search)
            total, exact = _total(connection, wanted, search, conditions, stored)
            if _offset(wanted) >= max(stored, 1):
                return _nothing(wanted, total, exact=exact)  # whoever asks for page 10^18 does not make us walk there
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
    offset = _offset(wanted)
    return query.offset(offset) if offset else query


def _offset(wanted: Listing) -> int:
    return (wanted.page - 1) * wanted.per_page if wanted.cursor is None else 0


def _nothing(wanted: Listing, total: int, *, exact: bool) -> StoredFileListOut:
    return StoredFileListOut(
        items=[], total=total, total_is_exact=exact, page=wanted.page, per_page=wanted.per_page, next_cursor=None
    )


def _bound(column: sa.ColumnElement[Any], after: tuple[Any, int]) -> tuple[sa.ColumnElement[Any], ...]:
    return sa.bindparam(None, after[0], column.type), sa.bindparam(None, after[1], files.c.seq.type)


def _conditions(caller: Caller, wanted: Listing, search: Search) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [search.state(trash=wanted.trash)]
    visible = visible_to(caller)
    if visible is not None:
        found.append(visible)
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
    found.extend(search.conditions())  # last: estimate() counts on it
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


# --- counting ------------------------------------------------------------------


def _stored(connection: Connection, caller: Caller, wanted: Listing) -> int:
    """How many files this list would have without filters that the counters do not know."""
    owner = None if caller.sees_everything else caller.user_id
    backends = [wanted.backend] if wanted.backend else []
    return tallies.total(connection, is_deleted=wanted.trash, owner=owner, backends=backends)[0]


def _total(
    connection: Connection, wanted: Listing, search: Search, conditions: list[sa.ColumnElement[bool]], stored: int
) -> tuple[int, bool]:
    """How many files match, and whether that is exact: counters know, or counting is bounded."""
    others = (wanted.content_type or None, wanted.uploaded_by or None, wanted.created_after, wanted.created_before)
    only_search = (*others, wanted.min_size, wanted.max_size) == (None,) * 6
    if only_search and not search.text:
        return stored, True
    if only_search and not search.is_rare and stored > ESTIMATE_FROM and connection.dialect.name == "sqlite":
        about = estimate(connection, conditions, stored)
        if about is not None:
            return about, False
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
            value = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, TypeError, OverflowError) as exc:
        raise ValidationError({"cursor": "not_a_cursor"}) from exc
    kind = {"name": str, "size": int}.get(column, datetime)
    # Not isinstance(): True is an int to Python and none to PostgreSQL.
    whole = type(seq) is int and 0 <= seq < 2**63 and type(value) is kind and "\x00" not in str(value)
    if kept_sort != sort or not whole or (kind is int and not 0 <= value < 2**63):
        raise ValidationError({"cursor": "not_a_cursor"})
    return value, seq
