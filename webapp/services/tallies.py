"""Counters of files and bytes, kept in the transaction of every change."""

import threading
from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from webapp.db import Prepared, Transaction, table
from webapp.models import Tally

_tally = table(Tally)
_SLOTS = 8

_add = Prepared(
    sa.text(
        "INSERT INTO file_storage_tally (owner, backend, is_deleted, slot, files, bytes)"
        " VALUES (:owner, :backend, :is_deleted, :slot, :files, :bytes)"
        " ON CONFLICT (owner, backend, is_deleted, slot) DO UPDATE SET"
        " files = file_storage_tally.files + excluded.files, bytes = file_storage_tally.bytes + excluded.bytes"
    ).bindparams(sa.bindparam("is_deleted", type_=sa.Boolean))
)


def add(tx: Transaction, owner: UUID | None, backend: str, *, is_deleted: bool, files: int, size_bytes: int) -> None:
    """Count ``files`` more (or, negative, fewer) files of this owner, backend and state."""
    slot = threading.get_ident() // 4096 % _SLOTS if tx.connection.dialect.name == "postgresql" else 0
    row = {"owner": str(owner or ""), "backend": backend, "is_deleted": is_deleted, "slot": slot}
    _add.run(tx.connection, **row, files=files, bytes=size_bytes)


def move(tx: Transaction, rows: Iterable[sa.Row[tuple[object, ...]]], *, to_trash: bool) -> None:
    """Count files from the live ones to the trash or back. In a fixed order, so that two moves cannot deadlock."""
    moved: dict[tuple[str, str], tuple[UUID | None, int, int]] = {}
    for row in rows:
        key = (str(row.created_by), row.backend)
        _, files, size = moved.get(key, (None, 0, 0))
        moved[key] = (row.created_by, files + 1, size + row.size_bytes)
    for (_, backend), (owner, files, size) in sorted(moved.items()):
        add(
            tx,
            owner,
            backend,
            is_deleted=False,
            files=-files if to_trash else files,
            size_bytes=-size if to_trash else size,
        )
        add(
            tx,
            owner,
            backend,
            is_deleted=True,
            files=files if to_trash else -files,
            size_bytes=size if to_trash else -size,
        )


def total(
    connection: Connection, *, is_deleted: bool, owner: UUID | None = None, backend: str | None = None
) -> tuple[int, int]:
    """Return how many files and bytes there are, of one owner or backend or of all."""
    query = sa.select(
        sa.func.coalesce(sa.func.sum(_tally.c.files), 0), sa.func.coalesce(sa.func.sum(_tally.c.bytes), 0)
    ).where(_tally.c.is_deleted == is_deleted)
    if owner is not None:
        query = query.where(_tally.c.owner == str(owner))
    if backend is not None:
        query = query.where(_tally.c.backend == backend)
    files, size = connection.execute(query).one()
    return int(files), int(size)
