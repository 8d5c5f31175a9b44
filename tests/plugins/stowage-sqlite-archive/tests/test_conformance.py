"""The tests that Stowage has for every backend, with either answer to the question of durability."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
from webapp.contracts import StorageBackend
from webapp.contracts.conformance import BackendConformance

from stowage_sqlite_archive import SqliteArchive


class TestSqliteArchive(BackendConformance):
    more: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path) -> None:
        self.directory = tmp_path / "archives"

    def make_backend(self) -> StorageBackend:
        options = {"sqlite_archive_directory": str(self.directory), "sqlite_archive_name": "files"}
        return SqliteArchive({**options, **self.more})


class TestSqliteArchiveInSmallChunks(TestSqliteArchive):
    large = 3_000_007
    most_memory = 8 * 1024 * 1024
    more: ClassVar[dict[str, Any]] = {
        "sqlite_archive_chunk_bytes": 64 * 1024,
        "sqlite_archive_durability": "normal",
    }
