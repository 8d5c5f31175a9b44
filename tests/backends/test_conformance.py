"""The backends pass the tests that authors of backends get."""

from pathlib import Path

import pytest

from tests.backends.fakes import DirectBackend, LinkBackend, MemoryBackend, smallest
from webapp.backends.filesystem import FilesystemBackend
from webapp.contracts.backends import StorageBackend
from webapp.contracts.conformance import BackendConformance


class TestFilesystemBackend(BackendConformance):
    @pytest.fixture(autouse=True)
    def _root(self, tmp_path: Path) -> None:
        self.root = tmp_path / "uploads"

    def make_backend(self) -> StorageBackend:
        return FilesystemBackend({"fs_root_path": str(self.root)})


class TestMemoryBackend(BackendConformance):
    most_memory = None  # its store is memory

    def make_backend(self) -> StorageBackend:
        return MemoryBackend({"memory_room": "one"})


class TestSmallestBackend(BackendConformance):
    most_memory = None

    @pytest.fixture(autouse=True)
    def _class(self) -> None:
        self.made = smallest()

    def make_backend(self) -> StorageBackend:
        made: StorageBackend = self.made({})
        return made


class TestLinkBackend(BackendConformance):
    most_memory = None

    def make_backend(self) -> StorageBackend:
        return LinkBackend({"memory_room": "one"})


class TestDirectBackend(BackendConformance):
    most_memory = None

    def make_backend(self) -> StorageBackend:
        return DirectBackend({"direct_room": "one"})

    @staticmethod
    def send_part(url: str, data: bytes) -> bool:
        return DirectBackend.receive(url, data)


class TestDirectBackendWithoutClients(TestDirectBackend):
    def make_backend(self) -> StorageBackend:
        return DirectBackend({"direct_room": "one", "direct_open": False})
