"""The archive file: making it, opening it, and what its errors mean in the words of Stowage."""

import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any
from urllib.parse import quote

from webapp.contracts import StorageBackendError, StorageFullError, StorageNotFoundError

PAGE_BYTES = 16384
_SECONDS_TO_WAIT = 30.0
"""For a writer in another thread or process; none of them writes more than one chunk at a time."""
_SIGNATURE = (0x53744172, 1)
"""Written into every archive: whose it is, and the version of the tables below."""
_TABLES = f"""
PRAGMA page_size = {PAGE_BYTES};
PRAGMA auto_vacuum = FULL;
PRAGMA application_id = {_SIGNATURE[0]};
PRAGMA user_version = {_SIGNATURE[1]};
PRAGMA journal_mode = WAL;
CREATE TABLE file (
    key TEXT PRIMARY KEY,
    size INTEGER,                  -- NULL as long as it is being written
    chunk_bytes INTEGER NOT NULL,  -- of this file, whatever the setting says by now
    mark TEXT                      -- of the process whose put it is; NULL once that is settled
);
CREATE INDEX file_mark ON file (mark) WHERE mark IS NOT NULL;
CREATE TABLE chunk (
    key TEXT NOT NULL REFERENCES file ON DELETE CASCADE,
    number INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (key, number)
);
"""


class Archive:
    """An open archive. Every statement is a transaction of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with translated():
            return self._connection.execute(statement, values).fetchall()

    def run(self, statement: str, *values: object) -> int:
        """Change something and return how many rows that were."""
        with translated():
            return self._connection.execute(statement, values).rowcount


@contextmanager
def opened(path: str) -> Iterator[Archive]:
    """Open an archive that is there.

    It is opened anew each time: that costs a fraction of a millisecond, and nobody goes
    on writing to a file that was moved away or put back from a backup.
    """
    with translated():
        try:
            os.stat(path)  # SQLite has but one error for all that may be wrong here
        except FileNotFoundError as exc:
            raise StorageNotFoundError("there is no archive", cause="no_container") from exc
        address = f"file:{quote(path)}?mode=rw"
        connection = sqlite3.connect(address, uri=True, timeout=_SECONDS_TO_WAIT, isolation_level=None)
    with closing(connection):
        archive = Archive(connection)
        if archive.rows("SELECT * FROM pragma_application_id, pragma_user_version") != [_SIGNATURE]:
            raise StorageBackendError("no archive, or one of another version", cause="protocol")
        archive.run("PRAGMA foreign_keys = ON")
        archive.run("PRAGMA synchronous = NORMAL")
        yield archive


def create(path: str) -> None:
    """Make an empty archive, unless there is one. It appears in one step: nobody ever opens half of it."""
    directory = os.path.dirname(path)
    with translated():
        if os.path.exists(path):
            return
        os.makedirs(directory, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=directory)
        try:
            with closing(sqlite3.connect(temporary)) as connection:
                connection.executescript(_TABLES)
            os.fsync(descriptor)
            with suppress(FileExistsError):  # another process was faster
                os.link(temporary, path)
        finally:
            os.close(descriptor)
            os.unlink(temporary)
        _sync(directory)


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_CAUSES = {
    sqlite3.SQLITE_BUSY: "timeout",
    sqlite3.SQLITE_CANTOPEN: "denied",
    sqlite3.SQLITE_CORRUPT: "corrupted",
    sqlite3.SQLITE_NOTADB: "protocol",
    sqlite3.SQLITE_PERM: "denied",
    sqlite3.SQLITE_READONLY: "read_only",
}
_CAUSES_OF_THE_SYSTEM = {
    errno.EACCES: "denied",
    errno.ENOENT: "no_container",
    errno.EPERM: "denied",
    errno.EROFS: "read_only",
}


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of SQLite and of the operating system into those of the contract."""
    try:
        yield
    except sqlite3.Error as exc:
        code = getattr(exc, "sqlite_errorcode", 0) & 0xFF  # the higher bits are details
        if code == sqlite3.SQLITE_FULL:
            raise StorageFullError("no space left in the archive or on its disk", cause="full") from exc
        raise StorageBackendError("SQLite failed", **_cause(_CAUSES.get(code))) from exc
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError("no space left on the disk", cause="full") from exc
        raise StorageBackendError("the disk failed", **_cause(_CAUSES_OF_THE_SYSTEM.get(exc.errno or 0))) from exc


def _cause(cause: str | None) -> dict[str, str]:
    """Better no cause than a wrong one: the connection test then says that the log knows more."""
    return {"cause": cause} if cause else {}
