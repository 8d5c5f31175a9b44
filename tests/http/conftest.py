"""Requests through the application, without a server in between."""

from collections.abc import Iterator

import pytest

from tests.backends.fakes import LinkBackend, MemoryBackend
from tests.support.app import House


@pytest.fixture
def served(sqlite_house: House) -> Iterator[House]:
    """How HTTP looks does not depend on the database."""
    MemoryBackend.forget()
    sqlite_house.registry.register(MemoryBackend)
    sqlite_house.registry.register(LinkBackend)
    yield sqlite_house
    MemoryBackend.forget()
