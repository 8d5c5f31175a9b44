"""Requests made to be expensive stay cheap."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.client import FILES, Client
from tests.support.corpora import noise
from tests.support.problems import problem, refused
from tests.support.raw import Answer, Header, Wire, exchange, field_part, file_part, form_headers, head, multipart
from tests.support.server import Server


@contextmanager
def cheap(seconds: float = 8) -> Iterator[None]:
    start = time.monotonic()
    yield
    took = time.monotonic() - start
    assert took < seconds, f"it kept the server busy for {took:.1f} s"


def send_form(server: Server, client: Client, body: bytes, headers: list[Header] | None = None) -> Answer:
    length = ("Content-Length", str(len(body)))
    request = head("POST", f"{FILES}/upload", [*client.auth, *(headers or form_headers()), length])
    with Wire(server.url) as wire:
        wire.try_send(request + body)
        return wire.answer()


def test_ten_thousand_fields_beside_the_file(server: Server, uploader: Client) -> None:
    body = multipart([*(field_part(f"f{n}", "x") for n in range(10_000)), file_part(b"data")])
    with cheap():
        answer = send_form(server, uploader, body)
    assert answer.status_code == 201 or refused(answer)


def test_ten_thousand_files_are_not_ten_thousand_rows(server: Server, uploader: Client) -> None:
    before = server.admin.total()
    with cheap():
        answer = send_form(server, uploader, multipart([file_part(b"data", f"{n}.txt") for n in range(10_000)]))
    if answer.status_code == 201:
        assert server.admin.total() == before + 1
    else:
        problem(answer, {"bad_request", "too_large", "validation_error"})
        assert server.admin.total() == before
    server.wait_until_clean()


def test_a_second_file_is_refused_or_left_out_but_never_mixed_in(server: Server, uploader: Client) -> None:
    answer = send_form(server, uploader, multipart([file_part(b"first", "a.txt"), file_part(b"second", "b.txt")]))
    if answer.status_code == 201:
        assert (answer.json()["filename"], uploader.content(answer.json())) in {
            ("a.txt", b"first"),
            ("b.txt", b"second"),
        }
    else:
        problem(answer, {"bad_request", "validation_error"})
    server.wait_until_clean()


def test_a_field_as_large_as_a_film(server: Server, uploader: Client) -> None:
    with server.unchanged(), cheap():
        body = multipart([field_part("comment", b"x" * 60_000_000), file_part(b"data")])
        problem(send_form(server, uploader, body), {"bad_request", "too_large"})


@pytest.mark.parametrize("size", [20_000, 2_000_000])
def test_part_headers_as_large_as_a_book(server: Server, uploader: Client, size: int) -> None:
    with server.unchanged(), cheap():
        part = file_part(b"data")
        for headers in ([("X-Long", "x" * size)], [(f"X-{n}", "y") for n in range(size // 8)]):
            body = multipart([([*part[0], *headers], part[1])])
            problem(send_form(server, uploader, body), {"bad_request", "too_large"})
        body = multipart([file_part(b"data", "x" * size)])
        answer = send_form(server, uploader, body)
        if answer.status_code == 201:  # a long name alone may be cut to its length
            assert len(answer.json()["filename"]) <= 255
            server.admin.purge(answer.json())
        else:
            problem(answer, {"bad_request", "too_large"})


@pytest.mark.parametrize(
    "body",
    {
        "nothing at all": b"",
        "no end": multipart([file_part(b"data")], end=b""),
        "an end without its dashes": multipart([file_part(b"data")], end=b"--b0undary\r\n"),
        "half an end": multipart([file_part(b"data")], end=b"--b0undary-"),
        "only the end": b"--b0undary--\r\n",
        "another boundary": multipart([file_part(b"data")], boundary=b"other"),
        "no headers": b"--b0undary\r\n\r\ndata\r\n--b0undary--\r\n",
        "no blank line": b'--b0undary\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n--b0undary--\r\n',
        "no file": multipart([field_part("comment", "x")]),
        "a field called file": multipart([field_part("file", "data")]),
        "another name": multipart([file_part(b"data", name="other")]),
        "no name": multipart([([("Content-Disposition", "form-data")], b"data")]),
        "garbage": noise(10_000),
        "line feeds only": multipart([file_part(b"data")]).replace(b"\r\n", b"\n"),
        "a nul in the headers": multipart(
            [([("Content-Disposition", b'form-data; name="file"; \0filename="a"')], b"x")]
        ),
        "base64": multipart([([("Content-Transfer-Encoding", "base64"), *file_part(b"")[0]], b"ZGF0YQ==")]),
    }.items(),
    ids=lambda item: item[0],
)
def test_a_broken_form_is_a_bad_request_and_stores_nothing(
    server: Server, uploader: Client, body: tuple[str, bytes]
) -> None:
    kind, data = body
    if kind in {"base64", "a nul in the headers", "line feeds only", "a field called file"}:  # lenient readings exist
        answer = send_form(server, uploader, data)
        assert answer.status_code == 201 or problem(answer, {"bad_request", "validation_error"})
        return
    with server.unchanged():
        problem(send_form(server, uploader, data), {"bad_request", "validation_error"})


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "b" * 5000,
        "multipart/form-data; boundary=\u00e4",
        "multipart/mixed; boundary=b0undary",
        "multipart/form-data boundary=b0undary",
        "application/x-www-form-urlencoded",
        "application/json",
        "text/plain",
        "",
    ],
)
def test_a_form_that_does_not_say_how_to_read_it_stores_nothing(
    server: Server, uploader: Client, content_type: str
) -> None:
    with server.unchanged():
        headers: list[Header] = [("Content-Type", content_type.encode("latin-1"))]
        answer = send_form(server, uploader, multipart([file_part(b"data")]), headers)
        problem(answer, {"bad_request", "bad_type", "validation_error"})


def test_two_boundaries_are_refused_or_one_of_them_counts(server: Server, uploader: Client) -> None:
    headers: list[Header] = [("Content-Type", "multipart/form-data; boundary=a; boundary=b0undary")]
    answer = send_form(server, uploader, multipart([file_part(b"data")]), headers)
    if answer.status_code == 201:
        assert uploader.content(answer.json()) == b"data"
    else:
        problem(answer, "bad_request")


def test_what_looks_like_a_boundary_inside_a_file_stays_in_it(server: Server, uploader: Client) -> None:
    data = b"--b0undary\r\n".join(
        [
            b"",
            b"x",
            b"\r\r\n--b0undar",
            b"\n--b0undary--\n",
            b"\r\n--b0undar-y--\r\n",
            b"\r\n--",
            b"\r\n-",
            b"\r",
            b"--b0undary--",
        ]
    )
    data = data.replace(b"\r\n--b0undary", b"\r\n--B0undary")
    answer = send_form(server, uploader, multipart([file_part(data)]))
    assert answer.status_code == 201, answer.text
    assert uploader.content(answer.json()) == data


def test_a_form_within_a_form_is_a_file(server: Server, uploader: Client) -> None:
    inner = multipart([file_part(b"inner", "inner.txt")], boundary=b"inner")
    answer = send_form(
        server, uploader, multipart([file_part(inner, "outer.txt", content_type="multipart/mixed; boundary=inner")])
    )
    assert answer.status_code == 201
    assert answer.json()["filename"] == "outer.txt"
    assert uploader.content(answer.json()) == inner


def test_a_preamble_and_an_epilogue_are_no_part_of_the_file(server: Server, uploader: Client) -> None:
    body = b"This is a preamble.\r\n" + multipart([file_part(b"data")]) + b"This is an epilogue."
    answer = send_form(server, uploader, body)
    if answer.status_code == 201:
        assert uploader.content(answer.json()) == b"data"
    else:
        problem(answer, "bad_request")


@pytest.mark.parametrize(
    "spans",
    [
        ",".join(["0-"] * 1000),
        ",".join(f"{n}-{n}" for n in range(1000)),
        ",".join(["-1"] * 1000),
        ",".join(f"0-{n}" for n in range(1000)),
        "," * 3000,
        "0-" + "9" * 4000,
        "9" * 4000 + "-",
        "-" + "9" * 4000,
    ],
)
def test_a_thousand_ranges_are_not_a_thousand_answers(uploader: Client, spans: str) -> None:
    data = noise(500_000)
    file = uploader.upload(data)
    with cheap(5):
        answer = uploader.download(file, Range=f"bytes={spans}")
    assert answer.status_code in {200, 206, 400, 416, 431}
    assert len(answer.content) <= len(data) + 100_000
    if answer.status_code == 200:
        assert answer.content == data


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Long", "x" * 100_000)],
        [(f"X-{n}", "y") for n in range(5000)],
        [("Cookie", "a=b; " * 10_000)],
        [("Cookie", "session=" + "x" * 60_000)],
        [("Accept-Language", "de," * 20_000)],
    ],
)
def test_huge_headers_are_refused_without_a_crash(server: Server, uploader: Client, headers: list[Header]) -> None:
    with cheap(), Wire(server.url) as wire:
        wire.try_send(head("GET", "/api/me", [*uploader.auth, *headers]))
        answer = wire.answer_or_end()
    assert answer is None or 400 <= answer.status_code < 500
    assert uploader.get("/api/me").status_code == 200


def test_a_huge_address_is_refused_without_a_crash(server: Server, uploader: Client) -> None:
    for target in ("/api/" + "a" * 100_000, f"{FILES}/files?q=" + "a" * 100_000, "/" * 50_000):
        with cheap(), Wire(server.url) as wire:
            wire.try_send(head("GET", target, uploader.auth))
            answer = wire.answer_or_end()
        assert answer is None or 400 <= answer.status_code < 500


def test_a_thousand_parameters_are_answered(uploader: Client) -> None:
    with cheap(3):
        answer = uploader.get(f"{FILES}/files?" + "&".join(["q=a"] * 600))
    assert answer.status_code in {200, 400, 422}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity", "x"])
def test_a_content_encoding_is_not_unpacked(server: Server, uploader: Client, encoding: str) -> None:
    """A zip bomb needs somebody who unpacks it."""
    bomb = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + noise(500)
    answer = uploader.put_file(bomb, "bomb.gz", Content_Encoding=encoding)
    if answer.status_code == 201:
        assert uploader.content(answer.json()) == bomb
    else:
        refused(answer)


def test_an_accepted_connection_pool_survives_many_bad_requests(server: Server, uploader: Client) -> None:
    for n in range(150):
        with Wire(server.url) as wire:
            wire.try_send(noise(200, n))
            wire.reset() if n % 2 else wire.finish()
    with cheap(5):
        assert exchange(server.url, head("GET", "/healthz")).status_code == 200
