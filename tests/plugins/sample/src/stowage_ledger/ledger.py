"""The ledger itself: one line per event, in a SQLite file of this plugin's own."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from webapp.contracts import FileDeleted, FileUploaded

_TABLE = """
CREATE TABLE IF NOT EXISTS line (
    event_id TEXT PRIMARY KEY, at TEXT NOT NULL, what TEXT NOT NULL,
    filename TEXT NOT NULL, size_bytes INTEGER NOT NULL, who TEXT
)
"""


@dataclass(frozen=True)
class Line:
    """Something that came or went."""

    at: str
    what: str
    filename: str
    size_bytes: int
    who: str | None


class Ledger:
    """Receivers write it, pages and commands read it: each in a process of its own."""

    def __init__(self, directory: Callable[[], Path]) -> None:
        """Use the directory that this gives, when it is needed."""
        self._directory = directory

    def enter(self, event: FileUploaded | FileDeleted) -> None:
        """Write an event down. It may come twice: then it is there already."""
        what = "out" if isinstance(event, FileDeleted) else "in"
        line = (str(event.event_id), event.occurred_at.isoformat(), what)
        with self._open() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO line VALUES (?, ?, ?, ?, ?, ?)",
                (*line, event.filename, event.size_bytes, event.actor_name),
            )

    def lines(self, most: int = 100) -> list[Line]:
        """The newest lines."""
        query = "SELECT at, what, filename, size_bytes, who FROM line ORDER BY at DESC, rowid DESC LIMIT ?"
        with self._open() as connection:
            return [Line(*row) for row in connection.execute(query, (most,))]

    def clear(self) -> int:
        """Begin anew; returns how many lines that were."""
        with self._open() as connection:
            return connection.execute("DELETE FROM line").rowcount

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        # A connection per use: it must not be taken along when Stowage forks its workers.
        with closing(sqlite3.connect(self._directory() / "ledger.sqlite", timeout=10)) as connection, connection:
            connection.execute(_TABLE)
            yield connection
