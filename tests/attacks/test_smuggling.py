"""No request hides inside another one."""

import pytest

from tests.support.client import FILES, NO_SUCH_ID, Client
from tests.support.raw import Answer, Header, Wire, chunked, head
from tests.support.server import Server

INNER_PATH = f"{FILES}/upload/smuggled.txt"


def inner(client: Client) -> bytes:
    """What the attacker wants to have understood as a request of its own."""
    return head("PUT", INNER_PATH, [*client.auth, ("Content-Length", "5")]) + b"stole"


def send(server: Server, request: bytes, *, finish: bool = True) -> list[Answer]:
    with Wire(server.url) as wire:
        wire.try_send(request)
        if finish:
            wire.finish()
        return wire.answers()


def assert_refused(answers: list[Answer]) -> None:
    """One refusal, then the end: nothing after the doubtful message is read as a request."""
    assert len(answers) <= 1, [answer.status_code for answer in answers]
    if answers:
        assert answers[0].status_code in {400, 411, 413, 414, 417, 431, 501, 505}, answers[0].text
        # A proxy in front must not use the connection again either.
        assert answers[0].headers.get("Connection", "close").lower() == "close", answers[0].text


AMBIGUOUS: dict[str, list[Header]] = {
    "both lengths": [("Content-Length", "5"), ("Transfer-Encoding", "chunked")],
    "both lengths, other order": [("Transfer-Encoding", "chunked"), ("Content-Length", "5")],
    "two transfer encodings": [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "identity")],
    "chunked twice": [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")],
    "chunked, chunked": [("Transfer-Encoding", "chunked, chunked")],
    "chunked is not the last": [("Transfer-Encoding", "chunked, gzip")],
    "unknown encoding": [("Transfer-Encoding", "xchunked")],
    "vertical tab": [("Transfer-Encoding", b"\x0bchunked")],
    "quoted": [("Transfer-Encoding", '"chunked"')],
    "trailing junk": [("Transfer-Encoding", b"chunked\x00")],
    "comma": [("Transfer-Encoding", "chunked,")],
    "space before the colon": [("Transfer-Encoding ", "chunked")],
    "tab before the colon": [("Transfer-Encoding\t", "chunked")],
    "folded": [("Transfer-Encoding", b"\r\n chunked")],
    "lengths differ": [("Content-Length", "5"), ("Content-Length", "0")],
    "lengths in one": [("Content-Length", "5, 0")],
    "negative": [("Content-Length", "-5")],
    "plus": [("Content-Length", "+5")],
    "hexadecimal": [("Content-Length", "0x5")],
    "digits of another script": [("Content-Length", "\u0665")],
    "underscore": [("Content_Length", "5"), ("Transfer_Encoding", "chunked"), ("Content-Length", "x")],
}


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_an_ambiguous_length_is_refused_and_the_connection_ends(server: Server, uploader: Client, kind: str) -> None:
    with server.unchanged():
        request = head("PUT", f"{FILES}/upload/outer.txt", [*uploader.auth, *AMBIGUOUS[kind]])
        for body in (b"hello" + inner(uploader), chunked([b"hello"]) + inner(uploader)):
            assert_refused(send(server, request + body))


BAD_CHUNKS = {
    "no number": b"zz\r\nhello\r\n0\r\n\r\n",
    "negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "with prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "leading space": b" 5\r\nhello\r\n0\r\n\r\n",
    "empty": b"\r\nhello\r\n0\r\n\r\n",
    "enormous": b"F" * 40 + b"\r\nhello\r\n0\r\n\r\n",
    "wraps 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "longer than said": b"3\r\nhello\r\n0\r\n\r\n",
    "no line end after the data": b"5\r\nhello0\r\n\r\n",
    "bare line feeds": b"5\nhello\n0\n\n",
    "carriage return only": b"5\rhello\r0\r\r",
    "no end": b"5\r\nhello\r\n",
    "cut in the data": b"9\r\nhello",
    "cut in the size": b"5",
    "nothing": b"",
    "endless size line": b"0" * 100_000 + b"5\r\nhello\r\n0\r\n\r\n",
    "endless extension": b"5;" + b"x" * 200_000 + b"\r\nhello\r\n0\r\n\r\n",
    "line feed in the extension": b"5;x\nhello\r\n0\r\n\r\n",
    "endless trailers": b"5\r\nhello\r\n0\r\n" + b"X: y\r\n" * 50_000,
}


@pytest.mark.parametrize("kind", BAD_CHUNKS)
def test_a_bad_chunk_is_no_file_and_ends_the_connection(server: Server, uploader: Client, kind: str) -> None:
    request = head("PUT", f"{FILES}/upload/chunks.txt", [*uploader.auth, ("Transfer-Encoding", "chunked")])
    with server.unchanged():
        assert_refused(send(server, request + BAD_CHUNKS[kind]))
        assert_refused(send(server, request + BAD_CHUNKS[kind] + inner(uploader)))


def test_good_chunks_are_understood(server: Server, uploader: Client) -> None:
    request = head("PUT", f"{FILES}/upload/chunks.txt", [*uploader.auth, ("Transfer-Encoding", "chunked")])
    for body in (
        b"5\r\nhello\r\n0\r\n\r\n",
        b"005\r\nhello\r\n000\r\n\r\n",
        b"3;name=value\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX-Trailer: yes\r\n\r\n",
    ):
        answers = send(server, request + body)
        assert [answer.status_code for answer in answers] == [201], body
        assert uploader.content(answers[0].json()) == b"hello"


def test_a_chunked_body_of_http_1_0_is_refused(server: Server, uploader: Client) -> None:
    request = head("PUT", f"{FILES}/upload/old.txt", [*uploader.auth, ("Transfer-Encoding", "chunked")])
    with server.unchanged():
        assert_refused(send(server, request.replace(b"HTTP/1.1", b"HTTP/1.0") + chunked([b"hello"])))


def test_a_request_inside_a_refused_body_is_not_carried_out(server: Server, uploader: Client) -> None:
    """The body of a refusal is thrown away, not read as the next request."""
    hidden = inner(uploader)
    with server.unchanged():
        for headers in ([], [("Authorization", "Bearer wrong")]):
            for tail in ([("Content-Length", str(len(hidden)))], [("Content-Length", str(len(hidden) + 1000))]):
                answers = send(server, head("PUT", f"{FILES}/upload/outer.txt", [*headers, *tail]) + hidden)
                assert [answer.status_code for answer in answers] in ([401], [401, 400]), [a.text for a in answers]
            answers = send(
                server,
                head("PUT", f"{FILES}/upload/outer.txt", [*headers, ("Transfer-Encoding", "chunked")])
                + chunked([hidden]),
            )
            assert [answer.status_code for answer in answers] == [401]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{FILES}/upload"),  # not multipart: refused without reading
        ("POST", "/api/nowhere"),
        ("POST", "/healthz"),
        ("DELETE", f"{FILES}/files/{NO_SUCH_ID}"),
        ("GET", "/api/me"),
        ("POST", f"{FILES}/files/{NO_SUCH_ID}/restore"),
        ("POST", "/account/login"),
        ("GET", f"{FILES}/files"),
    ],
)
def test_an_unread_body_is_never_the_next_request(server: Server, uploader: Client, method: str, path: str) -> None:
    hidden = inner(uploader)
    with server.unchanged():
        answers = send(server, head(method, path, [*uploader.auth, ("Content-Length", str(len(hidden)))]) + hidden)
        assert len(answers) == 1, [answer.status_code for answer in answers]
        chunks = head(method, path, [*uploader.auth, ("Transfer-Encoding", "chunked")]) + chunked([hidden])
        assert len(send(server, chunks)) == 1


def test_an_honest_pipeline_is_answered_in_order(server: Server, uploader: Client) -> None:
    first = head("PUT", f"{FILES}/upload/one.txt", [*uploader.auth, ("Content-Length", "3")]) + b"one"
    second = head("PUT", f"{FILES}/upload/two.txt", [*uploader.auth, ("Transfer-Encoding", "chunked")]) + chunked(
        [b"two"]
    )
    third = head("GET", "/api/me", [*uploader.auth, ("Connection", "close")])
    answers = send(server, first + second + third, finish=False)
    names = [answer.json().get("filename") for answer in answers]
    assert names in (["one.txt", "two.txt", None], ["one.txt"]), "pipelined answers are mixed up"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /api/me HTTP/1.1\nHost: x\n\n",
        b"GET /api/me HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"GET /api/me HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
        b"GET /api/me HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET /api/me HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        b"GET /api/me HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET  /api/me HTTP/1.1\r\nHost: x\r\n\r\n",
        b"G\x00T /api/me HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/me\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 300,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_a_malformed_request_is_refused(server: Server, request_bytes: bytes) -> None:
    answers = send(server, request_bytes)
    assert len(answers) <= 1
    assert all(answer.status_code in {400, 401, 404, 405, 501, 505} for answer in answers)


def test_a_method_cannot_be_overridden(server: Server, uploader: Client) -> None:
    file = uploader.upload(b"data")
    for headers in ({"X-HTTP-Method-Override": "DELETE"}, {"X-Method-Override": "DELETE"}):
        assert uploader.post(f"{FILES}/files/{file['id']}", headers=headers).status_code == 405
    assert uploader.content(file) == b"data"
