"""Stowage's files in a single SQLite file."""

from stowage_sqlite_archive.backend import SqliteArchive

__all__ = ["SqliteArchive"]
