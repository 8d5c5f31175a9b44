"""One thing done to all files that match, a batch at a time: no transaction holds others up for long."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from webapp import db
from webapp.services import changes, listing
from webapp.services.access import Caller, Permission
from webapp.services.filters import Listing, Matching
from webapp.services.removals import RemovalService
from webapp.services.rows import files

BATCH = 1_000


class BulkService:
    """Acts on whatever a list shows, on all its pages.

    Each call does at most ``limit`` files in one transaction and returns how many;
    whoever wants all calls until that is 0. Only files that were uploaded (for
    the trash: deleted) up to ``upto`` count, so that none goes that came while
    somebody was looking at the list. Page, order and cursor of the list do not matter.
    """

    def __init__(self, removals: RemovalService) -> None:
        """Remove bytes through ``removals``."""
        self._removals = removals

    def count(self, caller: Caller, wanted: Listing, upto: datetime) -> tuple[int, bool]:
        """How many files match, and whether that is exact; if not, there are at least so many, or about."""
        caller.require(Permission.DELETE if wanted.trash else Permission.DOWNLOAD)
        with db.read() as connection:
            return listing.count(Matching(connection, caller, wanted, upto=upto))

    def trash(self, caller: Caller, wanted: Listing, upto: datetime, moment: datetime, limit: int = BATCH) -> int:
        """Move files to the trash; ``moment`` becomes their time of deletion, and names them to :meth:`restore_batch`.

        Raises:
            ForbiddenError: the caller may not delete files.
        """
        caller.require(Permission.DELETE)
        with db.transaction() as tx:
            which = _some(tx, caller, replace(wanted, trash=False), upto, limit)
            return len(changes.trash(tx, caller, which, moment))

    def restore(self, caller: Caller, wanted: Listing, upto: datetime, limit: int = BATCH) -> int:
        """Bring files back from the trash.

        Raises:
            ForbiddenError: the caller may not delete files.
        """
        caller.require(Permission.DELETE)
        with db.transaction() as tx:
            which = _some(tx, caller, replace(wanted, trash=True), upto, limit)
            return len(changes.restore(tx, caller, which))

    def restore_batch(self, caller: Caller, moment: datetime, limit: int = BATCH) -> int:
        """Bring back what the caller has moved to the trash at this very moment.

        Raises:
            ForbiddenError: the caller may not delete files.
        """
        caller.require(Permission.DELETE)
        batch = (files.c.is_deleted.is_(sa.true()), files.c.deleted_at == moment, files.c.deleted_by == caller.user_id)
        with db.transaction() as tx:
            seqs = tx.execute(sa.select(files.c.seq).where(*batch).limit(limit)).scalars().all()
            # Again with the moment: somebody may have restored and deleted one of them meanwhile.
            return len(changes.restore(tx, caller, sa.and_(files.c.seq.in_(seqs), *batch[1:]))) if seqs else 0

    def purge(self, caller: Caller, wanted: Listing, upto: datetime, limit: int = BATCH) -> int:
        """Delete trashed files for good.

        Raises:
            ForbiddenError: the caller may not manage files.
        """
        caller.require(Permission.MANAGE)
        with db.transaction() as tx:
            which = _some(tx, caller, replace(wanted, trash=True), upto, limit)
            return len(changes.purge(tx, caller, self._removals, which))


def _some(tx: db.Transaction, caller: Caller, wanted: Listing, upto: datetime, limit: int) -> sa.ColumnElement[bool]:
    """The condition for at most ``limit`` of those that match."""
    matching = Matching(tx.connection, caller, wanted, upto=upto)
    if matching.sizes.matching == 0:
        return sa.false()
    way, _ = listing.way_to_count(matching)
    seqs: Any = tx.execute(sa.select(files.c.seq).where(*matching.where(way)).limit(limit)).scalars().all()
    return files.c.seq.in_(seqs)
