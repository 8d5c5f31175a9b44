"""Fixtures around a running server and the people who use it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.browser import Browser
from tests.support.client import Client
from tests.support.server import USER_PASSWORD, Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of this process; tests put back what they change."""
    running = Server(tmp_path_factory.mktemp("server"), workers=3)
    try:
        running.start()
        running.add_user("uploader")
        running.add_user("stranger")
        yield running
    finally:
        running.close()


@pytest.fixture(scope="session")
def admin(server: Server) -> Client:
    return server.admin


@pytest.fixture(scope="session")
def uploader(server: Server) -> Client:
    """An ordinary user."""
    return server.client("uploader")


@pytest.fixture(scope="session")
def stranger(server: Server) -> Client:
    """Another ordinary user."""
    return server.client("stranger")


@pytest.fixture
def nobody(server: Server) -> Iterator[Client]:
    """Someone without credentials."""
    with Client(server.url) as client:
        yield client


@pytest.fixture
def browser(server: Server) -> Iterator[Browser]:
    """The uploader's browser, signed in."""
    person = Browser(server.url)
    try:
        yield person.sign_in("uploader", USER_PASSWORD)
    finally:
        person.close()


@pytest.fixture
def new_browser(server: Server) -> Iterator[Browser]:
    """A browser in which nobody is signed in."""
    with Browser(server.url) as person:
        yield person


@pytest.fixture
def fresh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Make servers that a test may break."""
    made: list[Server] = []

    def make(**options: Any) -> Server:
        made.append(Server(tmp_path_factory.mktemp("fresh"), **options))
        return made[-1].start()

    yield make
    for one in made:
        one.close()
