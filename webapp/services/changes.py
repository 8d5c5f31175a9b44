"""Files go to the trash, come back, or go for good: what every way of asking for it has in common."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from webapp import db
from webapp.contracts.events import FileDeleted, FilePurged, FileRestored
from webapp.services import tallies
from webapp.services.access import Caller
from webapp.services.removals import RemovalService
from webapp.services.rows import as_out, event_fields, files, select_stored, visible_to

Condition = sa.ColumnElement[bool]


def trash(tx: db.Transaction, caller: Caller, which: Condition, moment: datetime) -> Sequence[Any]:
    """Move live files that the caller sees to the trash; returns them as they are now."""
    values = {"is_deleted": True, "deleted_at": moment, "deleted_by": caller.user_id, "updated_at": moment}
    rows = _change(tx, caller, which, trash=False, values=values)
    tallies.move(tx, rows, to_trash=True)
    for row in rows:
        tx.emit(FileDeleted(**event_fields(as_out(row)), **caller.actor))
    return rows


def restore(tx: db.Transaction, caller: Caller, which: Condition) -> Sequence[Any]:
    """Bring trashed files that the caller sees back; returns them as they are now."""
    values = {"is_deleted": False, "deleted_at": None, "deleted_by": None, "updated_at": datetime.now(UTC)}
    rows = _change(tx, caller, which, trash=True, values=values)
    tallies.move(tx, rows, to_trash=False)
    for row in rows:
        tx.emit(FileRestored(**event_fields(as_out(row)), **caller.actor))
    return rows


def purge(tx: db.Transaction, caller: Caller, removals: RemovalService, which: Condition) -> list[Any]:
    """Delete trashed files for good, rows now and bytes after the commit; returns them as they were."""
    found = tx.execute(select_stored.where(which, files.c.is_deleted.is_(sa.true()))).all()
    # Somebody may have purged or restored some of them meanwhile.
    still = sa.delete(files).where(files.c.seq.in_([row.seq for row in found]), files.c.is_deleted.is_(sa.true()))
    gone = set(tx.execute(still.returning(files.c.seq)).scalars()) if found else set()
    rows = [row for row in found if row.seq in gone]
    tallies.remove(tx, rows, is_deleted=True)
    removals.plan_files(tx, rows, caller.settings)
    for row in rows:
        tx.emit(FilePurged(**event_fields(as_out(row)), **caller.actor))
    return rows


def _change(
    tx: db.Transaction, caller: Caller, which: Condition, *, trash: bool, values: dict[str, Any]
) -> Sequence[Any]:
    """Update the rows that are in the expected state and return them as they are now."""
    conditions = [which, files.c.is_deleted == sa.literal(trash)]
    visible = visible_to(caller)
    if visible is not None:
        conditions.append(visible)
    update = sa.update(files).where(*conditions).values({**values, "updated_by": caller.user_id})
    changed = tx.execute(update.returning(files.c.seq)).scalars().all()
    return tx.execute(select_stored.where(files.c.seq.in_(changed))).all() if changed else []
