"""Cursors: where a page of a list begins, and in which direction it goes.

A cursor is the sort order, the sort value and the ``seq`` of a row, and "<" if
the page before that row is meant. Without a row it means an end of the list.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import orjson

from webapp.services.errors import ValidationError

BACK = "<"
ON = ">"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list: what follows ``row``, or what precedes it. No row: from the first or the last one."""

    row: tuple[Any, int] | None = None
    back: bool = False


def first(sort: str) -> str:
    """The cursor of the first page."""
    return _encoded([sort, ON])


def last(sort: str) -> str:
    """The cursor of the last page."""
    return _encoded([sort, BACK])


def after(sort: str, row: Any) -> str:
    """The cursor of what follows a row; its sort value is its last column."""
    return _encoded([sort, *_place(row)])


def before(sort: str, row: Any) -> str:
    """The cursor of what precedes a row."""
    return _encoded([sort, *_place(row), BACK])


def decoded(cursor: str, sort: str) -> Cursor:
    """Read a cursor of this sort order; the empty one is the first page.

    Raises:
        ValidationError: it is none, or one of another order.
    """
    if not cursor:
        return Cursor()
    parts = _parts(cursor)
    back = parts[-1:] == [BACK]
    if parts in ([sort, ON], [sort, BACK]):
        return Cursor(back=back)
    if parts[:1] != [sort] or len(parts) != 3 + back:
        raise _refusal()
    return Cursor(_row(parts[1], parts[2], sort.removeprefix("-")), back)


def _place(row: Any) -> tuple[Any, int]:
    value = row[-1]
    return value.isoformat() if isinstance(value, datetime) else value, row.seq


def _encoded(parts: list[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def _parts(cursor: str) -> list[Any]:
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as exc:
        raise _refusal() from exc
    if not isinstance(parts, list):
        raise _refusal()
    return parts


def _row(value: Any, seq: Any, column: str) -> tuple[Any, int]:
    if column.endswith("_at"):
        try:
            value = datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, TypeError, OverflowError) as exc:
            raise _refusal() from exc
    kind = {"name": str, "size": int}.get(column, datetime)
    # Not isinstance(): True is an int to Python and none to PostgreSQL.
    whole = type(seq) is int and 0 <= seq < 2**63 and type(value) is kind and "\x00" not in str(value)
    if not whole or (kind is int and not 0 <= value < 2**63):
        raise _refusal()
    return value, cast("int", seq)


def _refusal() -> ValidationError:
    return ValidationError({"cursor": "not_a_cursor"})
