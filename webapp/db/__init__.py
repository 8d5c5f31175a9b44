"""The database. ``transaction()`` is the one door for writing, ``read()`` the one for reading."""

from webapp.db.base import Base, BigId, EventRow, UtcDateTime, db, engine_options, is_database_error, table
from webapp.db.prepared import Prepared, insert
from webapp.db.transactions import Transaction, best_effort, read, transaction
from webapp.db.writers import CommitOutcomeUnknownError

__all__ = [
    "Base",
    "BigId",
    "CommitOutcomeUnknownError",
    "EventRow",
    "Prepared",
    "Transaction",
    "UtcDateTime",
    "best_effort",
    "db",
    "engine_options",
    "insert",
    "is_database_error",
    "read",
    "table",
    "transaction",
]
