"""Counters of files and bytes, kept in the transaction of every change."""

import threading
from collections.abc import Iterable, Sequence
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


def total(
    connection: Connection,
    *,
    is_deleted: bool,
    owner: UUID | None = None,
    backends: Sequence[str] = (),
    families: Sequence[str] = (),
    owners: Sequence[UUID] = (),
) -> tuple[int, int]:
    """Return how many files and bytes there are; of one owner, and of any of these, where they are given."""
    query = sa.select(
        sa.func.coalesce(sa.func.sum(_tally.c.files), 0), sa.func.coalesce(sa.func.sum(_tally.c.bytes), 0)
    ).where(*_within(is_deleted=is_deleted, owner=owner, backends=backends, families=families, owners=owners))
    files, size = connection.execute(query).one()
    return int(files), int(size)


def _within(
    *,
    is_deleted: bool,
    owner: UUID | None,
    backends: Sequence[str],
    families: Sequence[str],
    owners: Sequence[UUID],
) -> list[sa.ColumnElement[bool]]:
    found = [_tally.c.is_deleted == is_deleted]
    if owner is not None:
        found.append(_tally.c.owner == str(owner))
    for column, values in ((_tally.c.backend, backends), (_tally.c.family, families)):
        if values:
            found.append(column.in_(values))
    if owners:
        found.append(_tally.c.owner.in_([str(each) for each in owners]))
    return found
