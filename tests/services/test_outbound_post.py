"""What is sent to an address: by the rules of fetching, in one request, and without waiting for more than the head."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.talking import Server, Talk, certificate, tls
from webapp.contracts.errors import CAUSES, StorageBackendError
from webapp.services import outbound
from webapp.services.outbound import Posted, post

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.fixture
def serving() -> Iterator[Callable[..., Server]]:
    running: list[Server] = []

    def serve(talk: Talk, **options: Any) -> Server:
        running.append(Server(talk, **options))
        return running[-1]

    yield serve
    for server in running:
        server.close()


def heard(caller: socket.socket, length: int) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request or len(request.partition(b"\r\n\r\n")[2]) < length:
        piece = caller.recv(65536)
        if not piece:
            break
        request += piece
    return request


def sent(server: Server, path: str = "/", *, host: str = "127.0.0.1", scheme: str = "http", **options: Any) -> Posted:
    options = {"allow_private": True, "timeout": 5.0, **options}
    body = options.pop("body", b"{}")
    return post(f"{scheme}://{host}:{server.port}{path}", body, {"X-Mine": "1"}, **options)


def failure(*args: Any, **options: Any) -> str:
    with pytest.raises(StorageBackendError) as failed:
        sent(*args, **options)
    assert "SIGNATURE" not in str(failed.value)
    assert failed.value.data["cause"] in CAUSES
    return str(failed.value.data["cause"])


def test_body_headers_and_query_arrive(serving: Callable[..., Server]) -> None:
    requests: list[bytes] = []

    def talk(caller: socket.socket) -> None:
        requests.append(heard(caller, 300_000))
        caller.sendall(b"HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno")

    server = serving(talk)
    assert sent(server, "/hook?token=a%20b", body=b"x" * 300_000) == Posted(429, "7")
    head, _, body = requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hook?token=a%20b HTTP/1.1"
    assert body == b"x" * 300_000
    assert {"Content-Length: 300000", "X-Mine: 1", "User-Agent: stowage", f"Host: 127.0.0.1:{server.port}"} <= {*lines}


def test_who_accepts_it_and_then_goes_on_talking_has_accepted_it(serving: Callable[..., Server]) -> None:
    def talk(caller: socket.socket) -> None:
        heard(caller, 2)
        caller.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        time.sleep(3)

    started = time.monotonic()
    assert sent(serving(talk)).status == 200
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "talk",
    [
        lambda caller: time.sleep(3),
        lambda caller: [caller.send(b"H") and time.sleep(0.2) for _ in range(30)],
        lambda caller: [caller.send(b"HTTP/1.1 100 Continue\r\n\r\n") and time.sleep(0.2) for _ in range(30)],
        lambda caller: (
            [caller.send(b"HTTP/1.1 200 OK\r\n")] + [caller.send(b"x") and time.sleep(0.2) for _ in range(30)]
        ),
    ],
    ids=["silent", "drop by drop", "always a little later", "a head without end"],
)
def test_all_of_it_has_one_deadline(serving: Callable[..., Server], talk: Talk) -> None:
    started = time.monotonic()
    assert failure(serving(talk), timeout=0.7) == "timeout"
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "piece", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 60_000 + b"\r\n"]
)
def test_a_head_without_end_is_not_read_for_ever(serving: Callable[..., Server], piece: bytes) -> None:
    taken = 0

    def talk(caller: socket.socket) -> None:
        nonlocal taken
        heard(caller, 2)
        while taken < 100_000_000:
            taken += caller.send(piece)

    started = time.monotonic()
    assert failure(serving(talk), timeout=8) == "protocol"
    assert time.monotonic() - started < 4
    assert taken < 20_000_000  # what the kernel keeps in between counts too


def test_some_answers_before_the_answer_are_fine(serving: Callable[..., Server]) -> None:
    def talk(caller: socket.socket) -> None:
        heard(caller, 2)
        caller.sendall(b"HTTP/1.1 100 Continue\r\nX-Some: thing\r\n\r\n" * 20 + OK)

    assert sent(serving(talk)).status == 204


def test_a_receiver_that_reads_nothing_is_not_waited_for(serving: Callable[..., Server]) -> None:
    server = serving(lambda _caller: time.sleep(3))
    assert failure(server, body=b"x" * 50_000_000, timeout=0.7) == "timeout"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_answers(serving: Callable[..., Server], status: int) -> None:
    other = serving(lambda caller: caller.sendall(OK))
    moved = f"HTTP/1.1 {status} Elsewhere\r\nLocation: http://127.0.0.1:{other.port}/\r\n\r\n".encode()
    assert sent(serving(lambda caller: (heard(caller, 2), caller.sendall(moved)))).status == status
    assert other.calls == 0


def test_the_address_counts_and_not_the_name(serving: Callable[..., Server], names: dict[str, list[str]]) -> None:
    server = serving(lambda caller: caller.sendall(OK))
    names["hooks.example"] = ["127.0.0.1"]
    assert failure(server, host="hooks.example", allow_private=False) == "address"
    names["mixed.example"] = ["8.8.8.8", "127.0.0.1"]
    assert failure(server, host="mixed.example", allow_private=False) == "address"
    names["metadata.google.internal"] = ["8.8.8.8"]
    assert failure(server, host="metadata.google.internal") == "address"
    names["link.example"] = ["169.254.169.254"]
    assert failure(server, host="link.example") == "address"
    assert server.calls == 0


def test_certificates_are_checked(
    serving: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = certificate(tmp_path, "127.0.0.1")
    server = serving(lambda caller: (heard(caller, 2), caller.sendall(OK)), context=tls(files))
    assert failure(server, scheme="https") == "tls"
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    assert sent(server, scheme="https").status == 204
    assert failure(server, scheme="https", host="localhost") == "tls"


def test_certificates_are_not_read_for_each_message(monkeypatch: pytest.MonkeyPatch) -> None:
    outbound._trust.cache_clear()
    paths = outbound.ssl.get_default_verify_paths()
    assert outbound._trust(paths, 1) is outbound._trust(paths, 1)
    assert outbound._trust(paths, 1) is not outbound._trust(paths, 2)
    monkeypatch.setenv("SSL_CERT_FILE", "/somewhere/else")
    assert outbound.ssl.get_default_verify_paths() != paths


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://hooks.example/a?b=c", "hooks.example"),
        ("https://hooks.example:443/", "hooks.example"),
        ("http://hooks.example:8080", "hooks.example:8080"),
        ("https://HOOKS.example:80", "hooks.example:80"),
        ("http://[::1]:9000/x", "[::1]:9000"),
        ("http://[2606:4700::1111]", "[2606:4700::1111]"),
        ("https://bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_of_an_address_the_host_may_be_said(url: str, host: str) -> None:
    assert outbound.host(url) == host


@pytest.mark.parametrize("url", ["https://x?a=b", "https://x/y?a=b&c=%20", "https://hooks.example/services/T0/B0/xyz"])
def test_a_query_is_fine_where_it_is_asked_for(names: dict[str, list[str]], url: str) -> None:
    assert outbound.problem(url, allow_private=False, query=True) is None


@pytest.mark.parametrize(
    "url", ["https://u@x/?a", "https://u:p@x/?a", "https://x/?a#b", "https://x/#b", "https://x/?a b", "https://x/?a\r\nb",
            "https://x/?ä", 'https://x/?"', "https://x/../?a", "https://x/?a%\x00"],
)  # fmt: skip
def test_what_else_an_address_could_carry_is_not(names: dict[str, list[str]], url: str) -> None:
    assert outbound.problem(url, allow_private=False, query=True) == "url_malformed"
