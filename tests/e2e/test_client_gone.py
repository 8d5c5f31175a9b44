"""Clients that go away in mid-upload, and clients that lie about the length."""

import pytest

from tests.support.client import FILES, Client
from tests.support.corpora import noise
from tests.support.problems import problem
from tests.support.raw import Header, Wire, chunked, exchange, file_part, form_headers, head, multipart
from tests.support.server import Server

DATA = noise(200_000)
FORM = multipart([file_part(DATA)])
UPLOADS: dict[str, tuple[str, str, list[Header], bytes]] = {
    "raw": ("PUT", f"{FILES}/upload/cut.bin", [("Content-Length", str(len(DATA)))], DATA),
    "chunked": (
        "PUT",
        f"{FILES}/upload/cut.bin",
        [("Transfer-Encoding", "chunked")],
        chunked([DATA[:90_000], DATA[90_000:]]),
    ),
    "form": ("POST", f"{FILES}/upload", [*form_headers(), ("Content-Length", str(len(FORM)))], FORM),
    "chunked form": ("POST", f"{FILES}/upload", [*form_headers(), ("Transfer-Encoding", "chunked")], chunked([FORM])),
}


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.9999])
@pytest.mark.parametrize("way", ["reset", "close", "finish"])
@pytest.mark.parametrize("kind", UPLOADS)
def test_a_client_gone_in_mid_upload_leaves_nothing(
    uploader: Client, server: Server, kind: str, way: str, share: float
) -> None:
    method, target, headers, body = UPLOADS[kind]
    with server.unchanged(), Wire(server.url) as wire:
        wire.send(head(method, target, [*uploader.auth, *headers]) + body[: int(len(body) * share)])
        getattr(wire, way)()
        if way == "finish" and (answer := wire.answer_or_end()) is not None:
            problem(answer, "bad_request")


@pytest.mark.parametrize("missing", [1, 2, 100_000, 200_000])
def test_a_body_shorter_than_its_content_length_is_never_a_file(uploader: Client, server: Server, missing: int) -> None:
    with server.unchanged(), Wire(server.url) as wire:
        headers = [*uploader.auth, ("Content-Length", str(len(DATA)))]
        wire.send(head("PUT", f"{FILES}/upload/short.bin", headers) + DATA[: len(DATA) - missing])
        wire.finish()
        if (answer := wire.answer_or_end()) is not None:
            problem(answer, "bad_request")


def test_a_form_that_ends_before_its_content_length_is_never_a_file(uploader: Client, server: Server) -> None:
    with server.unchanged(), Wire(server.url) as wire:
        headers = [*uploader.auth, *form_headers(), ("Content-Length", str(len(FORM) + 10))]
        wire.send(head("POST", f"{FILES}/upload", headers) + FORM)
        wire.finish()
        if (answer := wire.answer_or_end()) is not None:
            problem(answer, "bad_request")


def test_a_body_longer_than_its_content_length_is_cut_there(uploader: Client, server: Server) -> None:
    with Wire(server.url) as wire:
        headers = [*uploader.auth, ("Content-Length", "5")]
        wire.send(head("PUT", f"{FILES}/upload/long.bin", headers) + b"helloGARBAGE\r\n\r\n")
        file = wire.answer()
        assert file.status_code == 201
        rest = wire.answers()
    assert all(answer.status_code >= 400 for answer in rest)
    assert uploader.content(file.json()) == b"hello"


@pytest.mark.parametrize("length", ["-1", "+5", "5 5", "5,5", "0x5", "5.0", "five", "", "\u0665", "1_0", "9" * 40])
def test_a_content_length_that_is_none_is_refused(uploader: Client, server: Server, length: str) -> None:
    with server.unchanged():
        request = head("PUT", f"{FILES}/upload/x.bin", [*uploader.auth, ("Content-Length", length)]) + b"hello"
        with Wire(server.url) as wire:
            wire.send(request)
            wire.finish()
            answer = wire.answer_or_end()
        assert answer is None or answer.status_code in {400, 413}


def test_two_content_lengths_that_differ_are_refused(uploader: Client, server: Server) -> None:
    with server.unchanged():
        headers = [*uploader.auth, ("Content-Length", "5"), ("Content-Length", "6")]
        answer = exchange(server.url, head("PUT", f"{FILES}/upload/x.bin", headers) + b"hello!")
        assert answer.status_code == 400


def test_an_upload_without_any_length_is_an_empty_body(uploader: Client, server: Server) -> None:
    """RFC 9112, 6.3: a request with neither Content-Length nor Transfer-Encoding has no body."""
    with Wire(server.url) as wire:
        wire.send(head("PUT", f"{FILES}/upload/none.bin", uploader.auth))
        answer = wire.answer()
    assert (answer.status_code, answer.json()["size_bytes"]) == (201, 0)


def test_a_client_gone_in_mid_download_disturbs_nobody(uploader: Client, server: Server) -> None:
    file = uploader.upload(noise(8_000_000))
    for _ in range(20):
        with Wire(server.url) as wire:
            wire.send(head("GET", f"{FILES}/files/{file['id']}/download", uploader.auth))
            wire.file.read(1000)
            wire.reset()
    assert uploader.content(file) == noise(8_000_000)
