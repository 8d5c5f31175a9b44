"""Statements for the hot paths: compiled once, run on the driver's own cursor.

A request that is answered by three one-row reads spends most of its time in the
generic execution path; this one takes a sixth of it (benchmarks/README.md).
Values go through the column types' own processors, so results are the same.
Errors are the driver's own: use it where none has to be told apart.
"""

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

_Process = Callable[[Any], Any] | None


def insert(table: sa.Table, *, returning: sa.ColumnElement[Any] | None = None) -> "Prepared":
    """A prepared INSERT: values by column name, columns left out are NULL."""
    made = {c.name for c in table.primary_key if c.autoincrement is True or c is table.autoincrement_column}
    columns = [c for c in table.columns if c.name not in made]
    statement = sa.insert(table).values({c.name: sa.bindparam(c.name, type_=c.type, value=None) for c in columns})
    return Prepared(statement if returning is None else statement.returning(returning))


class Prepared:
    """A statement with bind parameters, to be run again and again."""

    def __init__(self, statement: Any) -> None:
        """Prepare ``statement``; it is compiled for each database at first use."""
        self._statement = statement
        self._by_dialect: dict[str, _Compiled] = {}

    def run(self, connection: Connection, **values: Any) -> None:
        """Run it for its effect."""
        compiled = self._compiled(connection.dialect)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(compiled.sql, compiled.bound(values))
        finally:
            cursor.close()

    def first(self, connection: Connection, **values: Any) -> Any:
        """Return the first row, with a name for each column, or None."""
        compiled = self._compiled(connection.dialect)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(compiled.sql, compiled.bound(values))
            row = cursor.fetchone()
        finally:
            cursor.close()
        return None if row is None else compiled.row(row)

    def all(self, connection: Connection, **values: Any) -> list[Any]:
        """Return all rows."""
        compiled = self._compiled(connection.dialect)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(compiled.sql, compiled.bound(values))
            return [compiled.row(row) for row in cursor.fetchall()]
        finally:
            cursor.close()

    def _compiled(self, dialect: Dialect) -> "_Compiled":
        found = self._by_dialect.get(dialect.name)
        if found is None:
            found = self._by_dialect[dialect.name] = _Compiled(self._statement, dialect)
        return found


class _Compiled:
    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._positions: list[str] | None = compiled.positiontup
        self._binds: dict[str, _Process] = {
            bind.key: bind.type.dialect_impl(dialect).bind_processor(dialect) for bind in compiled.binds.values()
        }
        self._constants = {bind.key: bind.value for bind in compiled.binds.values() if not bind.required}
        columns = list(getattr(statement, "exported_columns", ()))
        names = [column.key or column.name for column in columns]
        self._row: Any = namedtuple("Row", names)  # type: ignore[misc]
        processors = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._results = [(i, process) for i, process in enumerate(processors) if process is not None]

    def bound(self, values: dict[str, Any]) -> Any:
        given = {**self._constants, **values}
        for name, process in self._binds.items():
            if process is not None:
                given[name] = process(given[name])
        return given if self._positions is None else [given[name] for name in self._positions]

    def row(self, raw: Any) -> Any:
        values = list(raw)
        for i, process in self._results:
            values[i] = process(values[i])
        return self._row._make(values)
