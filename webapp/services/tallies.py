"""Counters of files and bytes, kept in the transaction of every change."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from webapp.db import Prepared, Transaction, table
from webapp.models import Tally

_tally = table(Tally)
_SLOTS = 8

_add = Prepared(
    sa.text(
        "INSERT INTO file_storage_tally (owner, backend, family, is_deleted, slot, files, bytes)"
        " VALUES (:owner, :backend, :family, :is_deleted, :slot, :files, :bytes)"
        " ON CONFLICT (owner, backend, family, is_deleted, slot) DO UPDATE SET"
        " files = file_storage_tally.files + excluded.files, bytes = file_storage_tally.bytes + excluded.bytes"
    ).bindparams(sa.bindparam("is_deleted", type_=sa.Boolean))
)


class Counted(Protocol):
    """A row of a stored file, as far as counters look at it."""

    created_by: UUID | None
    backend: str
    family: str
    size_bytes: int


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """What is counted together. Ordered, so that two changes of several cells cannot deadlock."""

    owner: str
    backend: str
    family: str
    is_deleted: bool


def cell(row: Counted, *, is_deleted: bool) -> Cell:
    """Where a file is counted."""
    return Cell(str(row.created_by or ""), row.backend, row.family, is_deleted)


def add(tx: Transaction, where: Cell, *, files: int, size_bytes: int) -> None:
    """Count ``files`` more (or, negative, fewer) files there."""
    slot = threading.get_ident() // 4096 % _SLOTS if tx.connection.dialect.name == "postgresql" else 0
    _add.run(
        tx.connection,
        owner=where.owner,
        backend=where.backend,
        family=where.family,
        is_deleted=where.is_deleted,
        slot=slot,
        files=files,
        bytes=size_bytes,
    )


def move(tx: Transaction, rows: Iterable[Counted], *, to_trash: bool) -> None:
    """Count files from the live ones to the trash or back."""
    changes = _Changes()
    for row in rows:
        changes.note(cell(row, is_deleted=not to_trash), -1, -row.size_bytes)
        changes.note(cell(row, is_deleted=to_trash), 1, row.size_bytes)
    changes.write(tx)


def remove(tx: Transaction, rows: Iterable[Counted], *, is_deleted: bool) -> None:
    """Count files no longer; they were in the trash, or live."""
    changes = _Changes()
    for row in rows:
        changes.note(cell(row, is_deleted=is_deleted), -1, -row.size_bytes)
    changes.write(tx)


class _Changes:
    """Changes of several cells, written in one order."""

    def __init__(self) -> None:
        self._by_cell: dict[Cell, tuple[int, int]] = {}

    def note(self, where: Cell, files: int, size_bytes: int) -> None:
        before = self._by_cell.get(where, (0, 0))
        self._by_cell[where] = (before[0] + files, before[1] + size_bytes)

    def write(self, tx: Transaction) -> None:
        for where, (files, size_bytes) in sorted(self._by_cell.items()):
            add(tx, where, files=files, size_bytes=size_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Files that are counted together: of any of these owners, backends and families. None stands for all."""

    is_deleted: bool
    owners: tuple[UUID, ...] | None = None
    backends: tuple[str, ...] | None = None
    families: tuple[str, ...] | None = None

    @property
    def parts(self) -> dict[str, tuple[str, ...] | None]:
        """The same by column."""
        owners = None if self.owners is None else tuple(str(owner) for owner in self.owners)
        return {"owner": owners, "backend": self.backends, "family": self.families}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many files a scope has, and how many each part of it would have alone."""

    matching: int
    state: int
    """All in the trash, or all that are not."""
    by: dict[str, int]
    """With only the condition on this column."""


def total(connection: Connection, *, is_deleted: bool, owner: UUID | None = None) -> tuple[int, int]:
    """Return how many files and bytes there are, of one owner or of all."""
    scope = Scope(is_deleted=is_deleted, owners=None if owner is None else (owner,))
    query = sa.select(_sum(_tally.c.files), _sum(_tally.c.bytes)).where(*_within(scope))
    files, size = connection.execute(query).one()
    return int(files or 0), int(size or 0)


def sizes(connection: Connection, scope: Scope) -> Sizes:
    """Return how many files there are, in one pass over the counters."""
    conditions = {name: _tally.c[name].in_(values) for name, values in scope.parts.items() if values is not None}
    sums = [_sum(_tally.c.files).filter(condition) for condition in conditions.values()]
    matching = _sum(_tally.c.files).filter(*conditions.values()) if conditions else _sum(_tally.c.files)
    query = sa.select(_sum(_tally.c.files), matching, *sums).where(_tally.c.is_deleted == sa.literal(scope.is_deleted))
    state, found, *alone = connection.execute(query).one()
    by = {name: int(files or 0) for name, files in zip(conditions, alone, strict=True)}
    return Sizes(matching=int(found or 0), state=int(state or 0), by=by)


def counts(connection: Connection, column: str, scope: Scope, limit: int) -> list[tuple[str, int]]:
    """Return the files for each value of ``owner``, ``backend`` or ``family`` that has some, most first."""
    files = sa.func.sum(_tally.c.files)
    query = sa.select(_tally.c[column], files).where(*_within(scope)).group_by(_tally.c[column]).having(files > 0)
    rows = connection.execute(query.order_by(files.desc(), _tally.c[column]).limit(limit))
    return [(value, int(count)) for value, count in rows]


def _sum(column: sa.ColumnElement[int]) -> sa.Function[int]:
    return sa.func.sum(column)


def _within(scope: Scope) -> list[sa.ColumnElement[bool]]:
    chosen = [_tally.c[name].in_(values) for name, values in scope.parts.items() if values is not None]
    return [_tally.c.is_deleted == sa.literal(scope.is_deleted), *chosen]
