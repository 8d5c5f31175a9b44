"""Services are called with an application context around them."""

from collections.abc import Iterator

import pytest

from tests.backends.fakes import LinkBackend, MemoryBackend
from tests.support.app import House


@pytest.fixture(autouse=True)
def empty_memory() -> Iterator[None]:
    MemoryBackend.forget()
    yield
    MemoryBackend.forget()


@pytest.fixture
def memory(inside: House) -> House:
    """A house whose new files go to a backend that can be told to fail."""
    inside.registry.register(MemoryBackend)
    inside.registry.register(LinkBackend)
    inside.configure(backend="memory")
    return inside
