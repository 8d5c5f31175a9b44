"""Ways to the rows of a list: along the index of its order, or by a filter's index and a sort.

Neither is right always. Along the order a page is found soon if many match; if few do,
all rows are walked past. SQLite has no statistics to tell the two apart and PostgreSQL
believes that what matches is spread evenly; the counters know better.
"""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

STATE = "is_deleted"
CREATED = "created_at"
DELETED = "deleted_at"
NAME = "filename_folded"
SIZE = "size_bytes"
ORDERED = {"family": (CREATED, NAME, SIZE), "backend": (CREATED,), "created_by": (CREATED,)}
"""Filters with an index of their own, and the orders it has."""
DOUBT = 10
"""Rows to pass by are so many times worse than rows to sort: what matches may all be at the far end."""


@dataclass(frozen=True, slots=True)
class Way:
    """What to find the rows by."""

    columns: frozenset[str]
    """The columns whose conditions an index may serve."""
    in_order: bool = False
    """The rows come in the order of the list, so that one can stop after a page."""
    each: str = ""
    """They do so for each wanted value of this column; the pages of all are merged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about a list before it is read."""

    column: str
    """It is sorted by this."""
    rows: int
    """So many have to be found."""
    state: int
    """So many are in the trash, or not, altogether."""
    matching: int
    """So many match, at least."""
    exact: bool
    parts: dict[str, tuple[int, int]]
    """Filters with an index of their own: how many rows fulfil each, and how many values it has."""
    ranges: dict[str, int | None]
    """Columns with a span of values, and how many rows are in it."""
    only: bool
    """Nothing else is filtered by."""


def cheapest(facts: Facts) -> Way:
    """The way on which the fewest rows are looked at."""
    return min([_along(facts), *_by_parts(facts), *_by_spans(facts)], key=lambda priced: priced[0])[1]


_Priced = tuple[float, Way]


def _along(facts: Facts) -> _Priced:
    """Along the index of the order. All that is in its span fulfils the filter, or one passes by those that do not."""
    columns = frozenset({DELETED} if facts.column == DELETED else {STATE, facts.column})
    all_fit = facts.only and not facts.parts and facts.ranges.keys() <= {facts.column}
    return (facts.rows if all_fit else facts.state * _share(facts)), Way(columns, in_order=True)


def _by_parts(facts: Facts) -> list[_Priced]:
    """By the index of a filter, in its order or sorted."""
    found: list[_Priced] = []
    for name, (count, values) in facts.parts.items():
        alone = facts.only and len(facts.parts) == 1
        if facts.column in ORDERED[name]:
            way = Way(frozenset({STATE, name, facts.column}), in_order=values == 1, each=name if values > 1 else "")
            all_fit = alone and facts.ranges.keys() <= {facts.column}
            found.append((facts.rows * values if all_fit else count * _share(facts), way))
        spans = [span for span in ORDERED[name] if span in facts.ranges] or [CREATED]
        for span in spans:
            within = alone and facts.exact and facts.ranges.keys() <= {span}
            found.append((facts.matching if within else count, Way(frozenset({STATE, name, span}))))
    return found


def _by_spans(facts: Facts) -> list[_Priced]:
    """By the index of a span, sorted."""
    return [(count, Way(frozenset({STATE, column}))) for column, count in facts.ranges.items() if count is not None]


def _share(facts: Facts) -> float:
    return DOUBT * facts.rows / max(facts.matching, 1)


def hidden(column: sa.ColumnElement[Any], dialect: str) -> sa.ColumnElement[Any]:
    """The same values in the same order, but no index is of use for them."""
    if dialect == "sqlite":
        return UnaryExpression(column, operator=custom_op("+"), type_=column.type)
    if isinstance(column.type, sa.String):
        return column.concat(sa.literal_column("''"))
    nothing: sa.ColumnElement[Any] = sa.literal_column("0" if isinstance(column.type, sa.Integer) else "INTERVAL '0'")
    return sa.type_coerce(column.op("+")(nothing), column.type)
