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


@dataclass(frozen=True, slots=True)
class Way:
    """What to find the rows by."""

    columns: frozenset[str]
    """The columns whose conditions an index may serve."""
    in_order: bool = False
    """The rows come in the order of the list, so that one can stop after a page."""


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
    parts: dict[str, tuple[int, bool]]
    """Filters with an index of their own: how many rows fulfil each, and whether it is a single value."""
    ranges: frozenset[str]
    """Columns with a span of values."""
    only: bool
    """Nothing else is filtered by."""


def cheapest(facts: Facts) -> Way:
    """The way on which the fewest rows are looked at."""
    return min(_ways(facts), key=lambda priced: priced[0])[1]


def _ways(facts: Facts) -> list[tuple[float, Way]]:
    share = facts.rows / max(facts.matching, 1)
    alone = facts.only and not facts.parts and facts.ranges <= {facts.column}
    # All that the index is good for fulfils the filter; or one passes by those that do not.
    found = [(facts.rows if alone else facts.state * share, Way(frozenset({STATE, facts.column}), in_order=True))]
    for name, (count, single) in facts.parts.items():
        columns = frozenset({STATE, name, CREATED})
        if single and facts.column == CREATED:
            found.append((count * share, Way(columns, in_order=True)))
        within = facts.exact and facts.only and len(facts.parts) == 1 and facts.ranges <= {CREATED}
        found.append((facts.matching if within else count, Way(columns)))
    if len(facts.ranges) == 1 and facts.exact and facts.only and not facts.parts:
        found.append((facts.matching, Way(frozenset({STATE, *facts.ranges}))))
    return found


def hidden(column: sa.ColumnElement[Any], dialect: str) -> sa.ColumnElement[Any]:
    """The same values in the same order, but no index is of use for them."""
    if dialect == "sqlite":
        return UnaryExpression(column, operator=custom_op("+"), type_=column.type)
    if isinstance(column.type, sa.String):
        return column.concat(sa.literal_column("''"))
    nothing: sa.ColumnElement[Any] = sa.literal_column("0" if isinstance(column.type, sa.Integer) else "INTERVAL '0'")
    return sa.type_coerce(column.op("+")(nothing), column.type)
