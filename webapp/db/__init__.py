"""The database. ``transaction()`` is the one door for writing, ``read()`` the one for reading."""

from webapp.db.base import DATABASE_ERRORS, Base, BigId, EventRow, UtcDateTime, db, engine_options, table
from webapp.db.prepared import Prepared, insert
from webapp.db.transactions import Transaction, acknowledge_published, best_effort, read, transaction
from webapp.db.writers import CommitOutcomeUnknownError

__all__ = [
    "DATABASE_ERRORS",
    "Base",
    "BigId",
    "CommitOutcomeUnknownError",
    "EventRow",
    "Prepared",
    "Transaction",
    "UtcDateTime",
    "acknowledge_published",
    "best_effort",
    "db",
    "engine_options",
    "insert",
    "read",
    "table",
    "transaction",
]
