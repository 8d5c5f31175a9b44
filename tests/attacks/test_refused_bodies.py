"""Who may not upload is told so at once, and can read it; the body goes nowhere."""

import http.client
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from requests.structures import CaseInsensitiveDict

from tests.support.client import FILES, Client
from tests.support.corpora import MEGABYTE, noise
from tests.support.problems import problem
from tests.support.raw import Answer, Header, Wire, chunked, file_part, form_headers, head, multipart
from tests.support.server import Server

GIGABYTE = 1024 * MEGABYTE
LATER_THAN = 5


@contextmanager
def soon(seconds: float = LATER_THAN) -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds, "the refusal takes its time"


def send_while_listening(wire: Wire, start: bytes, total: int) -> int:
    """Send as curl does: go on until the server says something; return how much went out."""
    sent, piece = 0, bytes(256 * 1024)
    wire.send(start)
    while sent < total:
        readable, writable, _ = select.select([wire.socket], [wire.socket], [], 10)
        if readable:
            break
        if writable:
            try:
                sent += wire.socket.send(piece)
            except (BrokenPipeError, ConnectionResetError):
                break
    return sent


@pytest.mark.parametrize("headers", [[], [("Authorization", "Bearer wrong")]])
@pytest.mark.parametrize("kind", ["raw", "form"])
def test_a_stranger_with_a_gigabyte_is_refused_at_once(server: Server, kind: str, headers: list[Header]) -> None:
    method, path, more = (
        ("PUT", f"{FILES}/upload/x", []) if kind == "raw" else ("POST", f"{FILES}/upload", form_headers())
    )
    with server.unchanged(), soon(), Wire(server.url) as wire:
        start = head(method, path, [*headers, *more, ("Content-Length", str(GIGABYTE))])
        sent = send_while_listening(wire, start, GIGABYTE)
        problem(wire.answer(), "unauthenticated")
    assert sent < 200 * MEGABYTE


def test_the_refusal_comes_before_the_body(server: Server, stranger: Client) -> None:
    """Not a byte of the body is sent; whoever waits for it waits in vain."""
    no_upload = server.client("stranger", "file_storage.download")
    requests: list[tuple[str, list[Header]]] = [
        ("unauthenticated", [("Content-Length", str(GIGABYTE))]),
        ("unauthenticated", [("Transfer-Encoding", "chunked")]),
        ("forbidden", [*no_upload.auth, ("Content-Length", str(GIGABYTE))]),
        ("too_large", [*stranger.auth, ("Content-Length", str(10**14))]),
    ]
    with server.unchanged():
        for code, headers in requests:
            with soon(3), Wire(server.url, timeout=5) as wire:
                wire.send(head("PUT", f"{FILES}/upload/x", headers))
                problem(wire.answer(), code)


def test_who_asks_first_whether_to_send_is_told_no(server: Server) -> None:
    with server.unchanged(), soon(), Wire(server.url) as wire:
        wire.send(head("PUT", f"{FILES}/upload/x", [("Content-Length", str(GIGABYTE)), ("Expect", "100-continue")]))
        problem(wire.answer(), "unauthenticated")


def test_who_asks_first_whether_to_send_may(server: Server, uploader: Client) -> None:
    with soon(), Wire(server.url) as wire:
        wire.send(
            head("PUT", f"{FILES}/upload/x", [*uploader.auth, ("Content-Length", "5"), ("Expect", "100-continue")])
        )
        time.sleep(0.1)
        wire.send(b"hello")
        assert wire.answer().status_code == 201


@pytest.mark.parametrize("size", [100_000, 2 * MEGABYTE, 20 * MEGABYTE])
@pytest.mark.parametrize("token", [None, "wrong"])
def test_a_client_that_sends_everything_first_can_read_the_refusal(
    server: Server, token: str | None, size: int
) -> None:
    address = urlsplit(server.url)
    assert address.hostname
    headers = {"Content-Type": "application/octet-stream", **({"Authorization": f"Bearer {token}"} if token else {})}
    with server.unchanged(), soon():
        for _ in range(3):
            connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
            try:
                connection.request("PUT", f"{FILES}/upload/x", body=noise(size), headers=headers)
                answer = connection.getresponse()
                reply = Answer(answer.status, CaseInsensitiveDict(answer.getheaders()), answer.read(), [])
            finally:
                connection.close()
            problem(reply, "unauthenticated")


def test_a_form_of_20_mb_of_a_stranger_can_read_the_refusal(server: Server, nobody: Client) -> None:
    with server.unchanged(), soon():
        for _ in range(3):
            problem(nobody.post_file(noise(20 * MEGABYTE)), "unauthenticated")


def test_a_stream_of_20_mb_of_a_stranger_can_read_the_refusal(server: Server, nobody: Client) -> None:
    with server.unchanged(), soon():
        problem(nobody.put_file(iter([noise(MEGABYTE)] * 20)), "unauthenticated")


def test_a_token_without_the_scope_can_read_the_refusal(server: Server) -> None:
    client = server.client("stranger", "file_storage.download")
    with server.unchanged(), soon():
        problem(client.put_file(noise(20 * MEGABYTE)), "forbidden")
        problem(client.post_file(noise(20 * MEGABYTE)), "forbidden")


@pytest.mark.parametrize("path", ["/api/nowhere", f"{FILES}/files", "/api/me", "/healthz", "/nowhere"])
def test_a_large_body_where_none_belongs_can_read_the_refusal(server: Server, uploader: Client, path: str) -> None:
    with server.unchanged(), soon():
        answer = uploader.put(path, data=noise(20 * MEGABYTE))
        assert answer.status_code in {404, 405, 413}


def test_a_stranger_who_never_sends_what_was_announced_holds_nothing_up(server: Server) -> None:
    wires = [Wire(server.url, timeout=5) for _ in range(40)]
    try:
        with soon():
            for wire in wires:
                wire.send(head("PUT", f"{FILES}/upload/x", [("Content-Length", str(GIGABYTE))]))
            for wire in wires:
                problem(wire.answer(), "unauthenticated")
    finally:
        for wire in wires:
            wire.close()


def test_after_a_small_refused_body_the_connection_is_usable_or_closed(server: Server, uploader: Client) -> None:
    refusal = head("PUT", f"{FILES}/upload/x", [("Content-Length", "5")]) + b"hello"
    for body in (refusal, head("PUT", f"{FILES}/upload/x", [("Transfer-Encoding", "chunked")]) + chunked([b"hello"])):
        with Wire(server.url) as wire:
            wire.send(body)
            problem(wire.answer(), "unauthenticated")
            wire.try_send(head("GET", "/api/me", uploader.auth))
            answer = wire.answer_or_end()
            assert answer is None or answer.status_code == 200


def test_a_refused_form_is_not_parsed(server: Server) -> None:
    """A form that would be a bad request is none for somebody who may not send any."""
    with server.unchanged():
        for body in (b"garbage", multipart([file_part(b"x")], end=b"")):
            with Wire(server.url) as wire:
                wire.send(head("POST", f"{FILES}/upload", [*form_headers(), ("Content-Length", str(len(body)))]) + body)
                problem(wire.answer(), "unauthenticated")
