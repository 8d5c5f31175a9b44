"""Services are called with an application context around them."""

import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from tests.backends.fakes import LinkBackend, MemoryBackend
from tests.services.odd import OddBackend
from tests.support.app import House
from tests.support.hooks import Hook, allow_private, serving
from tests.support.talking import Server
from webapp.services.probe import ProbeService


@pytest.fixture(autouse=True)
def empty_memory() -> Iterator[None]:
    MemoryBackend.forget()
    yield
    MemoryBackend.forget()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a call that hangs waits for."""
    opened = threading.Event()
    yield opened
    opened.set()


@pytest.fixture
def memory(inside: House) -> House:
    """A house whose new files go to a backend that can be told to fail."""
    inside.registry.register(MemoryBackend)
    inside.registry.register(LinkBackend)
    inside.configure(backend="memory")
    return inside


@pytest.fixture
def odd_house(sqlite_house: House) -> Iterator[House]:
    """A house that has a backend which does what a test says."""
    sqlite_house.registry.register(OddBackend)
    OddBackend.instead.clear()
    with sqlite_house.app.app_context():
        yield sqlite_house


@pytest.fixture
def probe(odd_house: House) -> ProbeService:
    return ProbeService(odd_house.services.settings, odd_house.config)


@pytest.fixture
def links(odd_house: House) -> Iterator[Server]:
    """What presigned addresses of the odd backend lead to: its dictionary."""

    def talk(caller: socket.socket) -> None:
        key = caller.recv(4096).split(b" ")[1].decode().removeprefix("/")
        data = MemoryBackend.rooms["odd"].get(key)
        head = b"HTTP/1.1 404 Not Found\r\n\r\n" if data is None else b"HTTP/1.1 200 OK\r\n\r\n"
        caller.sendall(head + (data or b""))

    server = Server(talk)
    OddBackend.instead["presign"] = lambda _, key: f"http://127.0.0.1:{server.port}/{key}"
    object.__setattr__(odd_house.config, "allow_private_endpoints", True)
    yield server
    server.close()


@pytest.fixture
def names() -> Iterator[dict[str, list[str]]]:
    """What names resolve to, in that order; others are unknown."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host in known:
            return [found for each in known[host] for found in real(each, port, *args, **kwargs)]
        if _is_address(host):
            return real(host, port, *args, **kwargs)
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        yield known


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A server that webhooks can be sent to."""
    with serving() as made:
        yield made


@pytest.fixture
def hooks(inside: House) -> House:
    """A house that may send to the loopback."""
    allow_private(inside)
    return inside
