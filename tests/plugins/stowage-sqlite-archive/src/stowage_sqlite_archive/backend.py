"""Keeps files in a single SQLite file, in chunks: one archive for each department, easy to move and to back up."""

import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain, islice
from typing import ClassVar

from webapp.contracts import (
    Bytes,
    ConfigurationError,
    NotSupportedError,
    SettingField,
    StorageBackendError,
    StorageError,
    StorageNotFoundError,
)

from stowage_sqlite_archive import alive
from stowage_sqlite_archive.archive import PAGE_BYTES, Archive, create, opened

MIB = 1024 * 1024
CHUNKS_AT_ONCE = 32
KEYS_AT_ONCE = 1000


class SqliteArchive:
    """An archive file. It is for disks of one machine: SQLite needs memory that all its processes share."""

    backend_id: ClassVar[str] = "sqlite_archive"
    label: ClassVar[str] = "SQLite archive"
    help: ClassVar[str] = "All files in a single SQLite file of this machine: easy to move and to back up."
    supports_presigned_url: ClassVar[bool] = False
    supports_local_files: ClassVar[bool] = False
    supports_recovery: ClassVar[bool] = True
    supports_listing: ClassVar[bool] = True
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField(
            name="sqlite_archive_directory",
            label="Directory of the archive",
            help="On a disk of this machine, not a network share. A relative path starts at the data directory.",
            required=True,
            location=True,
            path=True,
        ),
        SettingField(
            name="sqlite_archive_name",
            label="Name of the archive",
            help="The archive is the file of this name, with .sqlite at its end. Several fit into one directory.",
            default="files",
            required=True,
            location=True,
            pattern="[a-z0-9][a-z0-9_-]{0,63}",
            pattern_help="Lower-case letters, digits, - and _; at most 64.",
        ),
        SettingField(
            name="sqlite_archive_most_bytes",
            label="Largest size of the archive",
            help="When it is reached, uploads are refused. Empty: as large as its disk allows.",
            type="integer",
            format="bytes",
            minimum=MIB,
        ),
        SettingField(
            name="sqlite_archive_chunk_bytes",
            label="Size of a chunk",
            help="What an upload or download has in memory at a time. It counts for new files.",
            type="integer",
            format="bytes",
            default=MIB,
            required=True,
            minimum=64 * 1024,
            maximum=16 * MIB,
        ),
        SettingField(
            name="sqlite_archive_durability",
            label="What uploads survive",
            help="full: whatever happens. normal: a crash of Stowage, but the last ones not a power cut. It is faster.",
            default="full",
            required=True,
            choices=("full", "normal"),
        ),
    )

    def __init__(self, options: Mapping[str, object]) -> None:
        """Note where the archive is. It is made when the first file comes."""
        directory, name = options.get("sqlite_archive_directory"), options.get("sqlite_archive_name")
        if not isinstance(directory, str) or not os.path.isabs(directory) or not isinstance(name, str):
            raise ConfigurationError("the directory of the archive is no absolute path, or its name is missing")
        self._path = os.path.join(directory, f"{name}.sqlite")
        self._chunk_bytes = _number(options, "sqlite_archive_chunk_bytes") or MIB
        self._most_bytes = _number(options, "sqlite_archive_most_bytes")
        self._synchronous = "NORMAL" if options.get("sqlite_archive_durability") == "normal" else "FULL"

    @classmethod
    def check(cls, options: Mapping[str, object]) -> Mapping[str, str]:
        """An archive has to have room for a few chunks."""
        most, chunk = (_number(options, f"sqlite_archive_{each}_bytes") for each in ("most", "chunk"))
        if most and chunk and most < 4 * chunk:
            return {"sqlite_archive_most_bytes": "The archive has to hold four chunks at least."}
        return {}

    def put(self, key: str, chunks: Iterable[Bytes], *, content_type: str, size: int | None = None) -> None:
        """Store the bytes chunk by chunk, and make them a file with the last step."""
        create(self._path)
        mark = alive.mark(self._path)
        with opened(self._path) as archive:
            if self._most_bytes:
                archive.run(f"PRAGMA max_page_count = {self._most_bytes // PAGE_BYTES}")
            # A key that is there already is refused here, before there is anything to clear away.
            archive.run("INSERT INTO file (key, chunk_bytes, mark) VALUES (?, ?, ?)", key, self._chunk_bytes, mark)
            try:
                self._write(archive, key, chunks)
            except BaseException:
                with suppress(StorageError):  # the first error is the one to tell; recover() does the rest
                    _remove(archive, key)
                raise

    def _write(self, archive: Archive, key: str, chunks: Iterable[Bytes]) -> None:
        """Write each chunk on its own: nobody has to wait until a slow client is done."""
        size = 0
        for number, chunk in enumerate(_regrouped(chunks, self._chunk_bytes)):
            archive.run("INSERT INTO chunk VALUES (?, ?, ?, ?)", key, number, chunk, zlib.crc32(chunk))
            size += len(chunk)
        # FULL syncs the journal, and with it all the chunks in there.
        archive.run(f"PRAGMA synchronous = {self._synchronous}")
        if not archive.run("UPDATE file SET size = ? WHERE key = ?", size, key):
            raise StorageBackendError("it was deleted while it was being written")

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Return the bytes chunk by chunk. Between two of them nothing is held: a client may take its time."""
        with opened(self._path) as archive:
            found = archive.rows("SELECT size, chunk_bytes FROM file WHERE key = ? AND size IS NOT NULL", key)
        if not found:
            raise StorageNotFoundError("no such key")
        size, chunk_bytes = found[0]
        stop = size if length is None else min(size, start + length)
        pieces = self._pieces(key, chunk_bytes, start, stop)
        return chain(list(islice(pieces, 1)), pieces)  # the first one is read now: an error is told at once

    def _pieces(self, key: str, chunk_bytes: int, start: int, stop: int) -> Iterator[bytes]:
        while start < stop:
            number, offset = divmod(start, chunk_bytes)
            piece = self._chunk(key, number)[offset : offset + stop - start]
            if not piece:
                raise StorageBackendError("a chunk is too short", cause="corrupted")
            yield piece
            start += len(piece)

    def _chunk(self, key: str, number: int) -> bytes:
        with opened(self._path) as archive:
            found = archive.rows("SELECT bytes, crc FROM chunk WHERE key = ? AND number = ?", key, number)
        if not found:
            raise StorageNotFoundError("it was deleted while it was being read")
        data, crc = found[0]
        if zlib.crc32(data) != crc:
            raise StorageBackendError("a chunk is not what it was", cause="corrupted")
        return bytes(data)

    def delete(self, key: str) -> None:
        """Remove the file; the archive shrinks."""
        with suppress(StorageNotFoundError), opened(self._path) as archive:
            _remove(archive, key)

    def exists(self, key: str) -> bool:
        """Tell whether there is such a file, as a whole."""
        with suppress(StorageNotFoundError), opened(self._path) as archive:
            return bool(archive.rows("SELECT 1 FROM file WHERE key = ? AND size IS NOT NULL", key))
        return False

    def presigned_get_url(self, key: str, *, filename: str, content_type: str, expires_in: int | None = None) -> str:
        """Not supported: a file has no URLs."""
        raise NotSupportedError("an archive has no URLs")

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys in order, some at a time: none of them is waited for while the archive is open."""
        last = ""
        while keys := self._keys_after(last, prefix):
            yield from keys
            last = keys[-1]

    def _keys_after(self, last: str, prefix: str) -> list[str]:
        query = "SELECT key FROM file WHERE size IS NOT NULL AND key > ? AND key >= ? AND key < ? ORDER BY key LIMIT ?"
        with suppress(StorageNotFoundError), opened(self._path) as archive:
            # Keys are hexadecimal digits: g comes after all of them.
            return [key for (key,) in archive.rows(query, last, prefix, f"{prefix}g", KEYS_AT_ONCE)]
        return []

    def settle(self, key: str) -> None:
        """The row that names the key is committed: the file stays, whatever happens to this process."""
        with opened(self._path) as archive:
            archive.run("UPDATE file SET mark = NULL WHERE key = ?", key)

    def recover(self, is_known: Callable[[str], bool]) -> int:
        """Look at what dead processes have not settled: what a row knows stays, the rest goes."""
        removed = 0
        with suppress(StorageNotFoundError), opened(self._path) as archive:
            unsettled = archive.rows("SELECT DISTINCT mark FROM file WHERE mark IS NOT NULL")
            for mark in {*alive.marks(self._path), *(each for (each,) in unsettled)}:
                with alive.taken_over(self._path, mark) as is_dead:
                    if is_dead:
                        removed += _finish(archive, mark, is_known)
        return removed


def _number(options: Mapping[str, object], name: str) -> int | None:
    value = options.get(name)
    return value if isinstance(value, int) else None


def _regrouped(chunks: Iterable[Bytes], size: int) -> Iterator[bytearray]:
    """The same bytes in pieces of exactly ``size``, but for the last one. They are copied: a chunk is only lent."""
    piece = bytearray()
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            taken = size - len(piece)
            piece += rest[:taken]
            rest = rest[taken:]
            if len(piece) == size:
                yield piece
                piece = bytearray()
    if piece:
        yield piece


def _remove(archive: Archive, key: str) -> None:
    """Remove a file and its chunks, some at a time: nobody has to wait until a large one is gone."""
    archive.run("UPDATE file SET size = NULL WHERE key = ?", key)  # from now on it is none
    some = "SELECT number FROM chunk WHERE key = ? LIMIT ?"
    while archive.run(f"DELETE FROM chunk WHERE key = ? AND number IN ({some})", key, key, CHUNKS_AT_ONCE):
        pass
    archive.run("DELETE FROM file WHERE key = ?", key)


def _finish(archive: Archive, mark: str, is_known: Callable[[str], bool]) -> int:
    removed = 0
    for (key,) in archive.rows("SELECT key FROM file WHERE mark = ?", mark):
        if is_known(key):
            archive.run("UPDATE file SET mark = NULL WHERE key = ?", key)
        else:
            _remove(archive, key)
            removed += 1
    return removed
