"""Names are resolved within a time, by few threads, whatever the name server does."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from webapp.contracts.resolving import Resolver


@pytest.fixture
def over(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A name server that says nothing until then."""
    event = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: event.wait(30) and [])
    yield event
    event.set()


def threads() -> int:
    return sum(each.name == "resolve" for each in threading.enumerate())


def test_a_name_that_is_one() -> None:
    found = Resolver(1).find("localhost", 80, 5)
    assert {str(address[0]) for _, address in found} <= {"127.0.0.1", "::1"}
    assert all(address[1] == 80 for _, address in found)


@pytest.mark.parametrize("name", ["nowhere.invalid", "a" * 300 + ".example", "x..y"])
def test_no_name(name: str) -> None:
    resolver = Resolver(1)
    for _ in range(2):
        with pytest.raises(OSError):  # noqa: PT011 (the kind is the point)
            resolver.find(name, 80, 5)


def test_there_is_a_time_and_a_number_of_threads(over: threading.Event) -> None:
    resolver = Resolver(2)
    before = threads()
    for _ in range(5):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            resolver.find("slow.example", 80, 0.1)
        assert time.monotonic() - began < 2
    assert threads() <= before + 2
    over.set()
    assert resolver.find("slow.example", 80, 5) == []


def test_an_address_needs_no_thread(over: threading.Event) -> None:
    resolver = Resolver(1)
    with pytest.raises(TimeoutError):
        resolver.find("slow.example", 80, 0.1)
    over.set()
    assert resolver.find("192.0.2.1", 80, 0.1) == []  # asked of the system, which has nothing to ask for


def test_a_name_whose_server_is_silent_leaves_room_for_others(
    over: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(host: str, *_: object, **__: object) -> list[object]:
        if host != "fast.example":
            over.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    resolver = Resolver(3, 2)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            resolver.find("slow.example", 80, 0.1)
    assert resolver.find("fast.example", 80, 5) == []
    over.set()
    assert resolver.find("slow.example", 80, 5) == []
    assert not resolver._asking
