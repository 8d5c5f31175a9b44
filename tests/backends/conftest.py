"""A filesystem backend on a directory of its own."""

from pathlib import Path

import pytest

from tests.backends.fakes import MemoryBackend
from webapp.backends.filesystem import FilesystemBackend


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "uploads"


@pytest.fixture
def backend(root: Path) -> FilesystemBackend:
    return FilesystemBackend({"fs_root_path": str(root)})


@pytest.fixture(autouse=True)
def empty_memory() -> None:
    MemoryBackend.forget()
