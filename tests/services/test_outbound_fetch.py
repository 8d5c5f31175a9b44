"""What is fetched from an address: in time, within limits, and from nowhere else. Sockets and certificates are real."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.talking import Server, Talk, certificate, tls
from webapp.contracts.errors import CAUSES, StorageBackendError
from webapp.services.outbound import fetch

PUBLIC = "8.8.8.8"


@pytest.fixture
def serving() -> Iterator[Callable[..., Server]]:
    running: list[Server] = []

    def serve(talk: Talk | bytes, **options: Any) -> Server:
        running.append(Server(_says(talk) if isinstance(talk, bytes) else talk, **options))
        return running[-1]

    yield serve
    for server in running:
        server.close()


def _says(answer: bytes) -> Talk:
    def talk(caller: socket.socket) -> None:
        _request(caller)
        caller.sendall(answer)

    return talk


def _request(caller: socket.socket) -> bytes:
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        piece = caller.recv(4096)
        if not piece:
            break
        request += piece
    return request


def got(server: Server, path: str = "/", *, host: str = "127.0.0.1", scheme: str = "http", **options: Any) -> Any:
    options = {"allow_private": True, "timeout": 5.0, "most_bytes": 10_000, **options}
    return fetch(f"{scheme}://{host}:{server.port}{path}", **options)


def failure(*args: Any, **options: Any) -> str:
    with pytest.raises(StorageBackendError) as failed:
        got(*args, **options)
    cause = str(failed.value.data["cause"])
    assert cause in CAUSES
    assert "SIGNATURE" not in str(failed.value)
    return cause


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Some: thing\r\n\r\nhello"


def test_the_head_has_a_limit_and_a_body_has_its_own(serving: Callable[..., Server]) -> None:
    def talk(caller: socket.socket) -> None:
        _request(caller)
        while True:
            caller.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)

    assert failure(serving(talk), timeout=8) == "protocol"
    large = b"x" * 3_000_000
    server = serving(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + large)
    assert got(server, most_bytes=4_000_000).body == large


def test_an_answer_is_read(serving: Callable[..., Server]) -> None:
    heard: list[bytes] = []

    def talk(caller: socket.socket) -> None:
        heard.append(_request(caller))
        caller.sendall(OK)

    server = serving(talk)
    answer = got(server, "/bucket/key?X-Sig=a%2Fb&n=%C3%A4")
    assert (answer.status, answer.body, answer.headers["x-some"]) == (200, b"hello", "thing")
    lines = heard[0].decode().split("\r\n")
    assert lines[0] == "GET /bucket/key?X-Sig=a%2Fb&n=%C3%A4 HTTP/1.1"
    assert f"Host: 127.0.0.1:{server.port}" in lines
    assert not [line for line in lines if line.lower().startswith(("authorization", "cookie"))]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    ],
)
def test_all_forms_of_an_answer_are_read(serving: Callable[..., Server], answer: bytes) -> None:
    assert got(serving(answer)).body == b"hello"


def test_over_ipv6_too(serving: Callable[..., Server]) -> None:
    try:
        server = serving(OK, family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    assert got(server, host="[::1]").body == b"hello"
    assert failure(server, host="[::1]", allow_private=False) == "address"


def test_a_redirect_is_an_answer_and_not_followed(serving: Callable[..., Server]) -> None:
    other = serving(OK)
    moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other.port}/\r\nContent-Length: 0\r\n\r\n"
    answer = got(serving(moved.encode()))
    assert (answer.status, answer.body) == (302, b"")
    assert other.calls == 0


def test_a_proxy_of_the_environment_is_not_asked(
    serving: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, server = serving(b"HTTP/1.1 200 OK\r\n\r\nproxy"), serving(OK)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert got(server).body == b"hello"
    assert proxy.calls == 0


def test_a_huge_body_is_cut(serving: Callable[..., Server]) -> None:
    sent = [0]

    def talk(caller: socket.socket) -> None:
        _request(caller)
        caller.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sent[0] += caller.send(b"x" * 65536)

    server = serving(talk)
    assert got(server, most_bytes=1000).body == b"x" * 1000
    time.sleep(0.2)
    assert sent[0] < 50_000_000


def test_a_body_of_just_the_size_is_whole(serving: Callable[..., Server]) -> None:
    server = serving(OK)
    assert got(server, most_bytes=5).body == b"hello"
    assert got(server, most_bytes=4).body == b"hell"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhello",
        b"",
    ],
)
def test_a_connection_that_breaks_is_told(serving: Callable[..., Server], answer: bytes) -> None:
    assert failure(serving(answer)) == "unreachable"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x00\x01\x02\xff" * 100,
        b"HTTP/1.1 ??? what\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
    ],
)
def test_garbage_is_told(serving: Callable[..., Server], answer: bytes) -> None:
    assert failure(serving(answer)) in ("protocol", "unreachable")
    assert failure(serving(answer), "/?SIGNATURE=x") in ("protocol", "unreachable")


def _drips(head: bytes, piece: bytes) -> Talk:
    def talk(caller: socket.socket) -> None:
        _request(caller)
        caller.sendall(head)
        while True:
            time.sleep(0.05)
            caller.sendall(piece)

    return talk


@pytest.mark.parametrize(
    "talk",
    [
        lambda caller: time.sleep(3),
        _drips(b"", b"H"),
        _drips(b"HTTP/1.1 100 Continue\r\n", b"X: y\r\n"),
        _drips(b"HTTP/1.1 200 OK\r\n", b"X"),
        _drips(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"x"),
    ],
    ids=["silent", "status", "continue", "headers", "body"],
)
def test_a_slow_server_does_not_hold_anybody_longer_than_agreed(serving: Callable[..., Server], talk: Talk) -> None:
    begun = time.monotonic()
    assert failure(serving(talk), timeout=0.5) == "timeout"
    assert time.monotonic() - begun < 1.5


def test_nobody_listens(serving: Callable[..., Server]) -> None:
    server = serving(OK)
    server.close()
    assert failure(server) == "refused"


def test_an_unknown_name_is_told(names: dict[str, list[str]], serving: Callable[..., Server]) -> None:
    assert failure(serving(OK), host="nowhere.example") == "unresolved"


def test_a_slow_name_is_told(serving: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    server = serving(OK)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30) and [])
    begun = time.monotonic()
    assert failure(server, host="slow.example", timeout=0.3) == "timeout"
    assert time.monotonic() - begun < 1.5
    over.set()


def test_the_next_address_is_tried(names: dict[str, list[str]], serving: Callable[..., Server]) -> None:
    names["two.example"] = ["127.0.0.2", "127.0.0.1"]
    assert got(serving(OK), host="two.example").body == b"hello"


# The guard


def test_a_private_address_is_not_called(names: dict[str, list[str]], serving: Callable[..., Server]) -> None:
    names["rebound.example"] = ["127.0.0.1"]
    names["mixed.example"] = [PUBLIC, "127.0.0.1"]
    server = serving(OK)
    for host in ("127.0.0.1", "localhost", "rebound.example", "mixed.example", "[::ffff:127.0.0.1]"):
        names.setdefault("localhost", ["127.0.0.1"])
        assert failure(server, host=host, allow_private=False) == "address"
    assert server.calls == 0


def test_metadata_is_never_called(names: dict[str, list[str]], serving: Callable[..., Server]) -> None:
    names["rebound.example"] = ["127.0.0.1", "169.254.169.254"]
    names["metadata.google.internal"] = ["127.0.0.1"]
    server = serving(OK)
    for host in ("169.254.169.254", "rebound.example", "metadata.google.internal", "[::ffff:169.254.169.254]"):
        assert failure(server, host=host) == "address"
    assert server.calls == 0


def test_who_is_at_the_other_end_counts(
    names: dict[str, list[str]], serving: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the connection really leads: not a byte is sent when it is the wrong place."""
    heard: list[bytes] = []
    server = serving(lambda caller: heard.append(caller.recv(100)))
    names["public.example"] = [PUBLIC]
    real = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", lambda self, _: real(self, ("127.0.0.1", server.port)))
    assert failure(server, host="public.example", allow_private=False) == "address"
    monkeypatch.undo()
    deadline = time.monotonic() + 5
    while not heard and time.monotonic() < deadline:
        time.sleep(0.01)
    assert heard == [b""]


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "http://127.1", "http://u@x", "http://x/#a", "http://x/\r\nA: b", "http://x."]
)
def test_what_is_no_address_is_not_fetched(url: str) -> None:
    with pytest.raises(StorageBackendError) as failed:
        fetch(url, allow_private=True, timeout=1, most_bytes=1)
    assert failed.value.data["cause"] == "protocol"


# TLS


@pytest.mark.parametrize("host", ["s3.example", "127.0.0.1"])
def test_a_trusted_certificate_is_fine(
    names: dict[str, list[str]],
    serving: Callable[..., Server],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
) -> None:
    names["s3.example"] = ["127.0.0.1"]
    files = certificate(tmp_path, host)
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    assert got(serving(OK, context=tls(files)), scheme="https", host=host).body == b"hello"


@pytest.mark.parametrize("wrong", ["unknown", "name", "expired"])
def test_a_certificate_that_proves_nothing_is_told(
    names: dict[str, list[str]],
    serving: Callable[..., Server],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wrong: str,
) -> None:
    names["s3.example"] = ["127.0.0.1"]
    name, days = ("other.example" if wrong == "name" else "s3.example"), (-1 if wrong == "expired" else 1)
    files = certificate(tmp_path, name, days=days)
    if wrong != "unknown":
        monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    heard: list[bytes] = []
    server = serving(lambda caller: heard.append(_request(caller)), context=tls(files))
    assert failure(server, "/?SIGNATURE=x", scheme="https", host="s3.example") == "tls"
    assert not heard


def test_a_server_without_tls_is_told(serving: Callable[..., Server]) -> None:
    answer = b"HTTP/1.1 400 Bad Request\r\n\r\n"

    def talk(caller: socket.socket) -> None:
        caller.recv(100)
        caller.sendall(answer)

    assert failure(serving(talk), scheme="https") == "tls"


def test_a_handshake_that_never_ends_does(serving: Callable[..., Server]) -> None:
    begun = time.monotonic()
    assert failure(serving(lambda caller: time.sleep(3)), scheme="https", timeout=0.5) == "timeout"
    assert time.monotonic() - begun < 1.5
