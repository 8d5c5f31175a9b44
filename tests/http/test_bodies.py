"""Multipart bodies: one file among any fields, and nothing of a broken one."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.app import FILES, Answer, Api, House
from tests.support.problems import problem
from webapp.models import StoredFile

Part = tuple[str, bytes]


def file(content: bytes = b"hello", name: str = "file", filename: str = "a.txt") -> Part:
    return f'form-data; name="{name}"; filename="{filename}"\r\nContent-Type: text/plain', content


def field(name: str, value: bytes = b"value") -> Part:
    return f'form-data; name="{name}"', value


def body(*parts: Part, end: bytes = b"--xyz--\r\n") -> bytes:
    made = b""
    for disposition, content in parts:
        made += b"--xyz\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + content + b"\r\n"
    return made + end


def post(house: House, data: bytes, content_type: str = "multipart/form-data; boundary=xyz", **options: Any) -> Answer:
    return house.api("uploader").post(f"{FILES}/upload", data=data, content_type=content_type, **options)


@pytest.fixture(autouse=True)
def _nothing_unfinished(served: House) -> Iterator[None]:
    yield
    served.assert_consistent()


def refused(house: House, code: str, answer: Answer) -> dict[str, Any]:
    assert house.count(StoredFile) == 0
    return problem(answer, code)


@pytest.mark.parametrize(
    "parts",
    [
        (file(),),
        (field("before"), file()),
        (file(), field("after")),
        (field("a"), field("b", b""), file(), field("c"), field("c")),
        (file(b"other", "thumbnail", "t.png"), file()),
        (file(), file(b"other", "thumbnail", "t.png")),
        (field("file"), file()),
    ],
)
def test_the_file_is_found_among_other_parts(served: House, parts: tuple[Part, ...]) -> None:
    answer = post(served, body(*parts))
    assert answer.status_code == 201
    document = answer.json()
    assert (document["filename"], document["size_bytes"], document["content_type"]) == ("a.txt", 5, "text/plain")


def test_a_preamble_and_an_epilogue_are_no_part_of_it(served: House) -> None:
    answer = post(served, b"This is a preamble.\r\n" + body(file()) + b"and an epilogue\r\n")
    assert (answer.status_code, answer.json()["size_bytes"]) == (201, 5)


@pytest.mark.parametrize("content", [b"", b"\r\n", b"\r\n--xy", b"--xyz", b"\r\n--\r\n", b"\x00" * 10_000, b"\r" * 3])
def test_any_content_is_kept_to_the_byte(served: House, content: bytes) -> None:
    out = post(served, body(file(content))).json()
    assert served.api("uploader").get(f"{FILES}/files/{out['id']}/download").content == content


def test_two_files_are_refused(served: House) -> None:
    refused(served, "bad_request", post(served, body(file(), file(b"second"))))


def test_no_file_is_a_wrong_field(served: House) -> None:
    for parts in ((), (field("a"),), (file(name="other"),), (field("file"),)):
        document = refused(served, "validation_error", post(served, body(*parts)))
        assert document["errors"][0]["field"] == "file"


def test_a_form_in_which_nobody_chose_a_file_is_a_wrong_field(served: House) -> None:
    """Browsers then send an empty file name and no bytes."""
    document = refused(served, "validation_error", post(served, body(file(b"", filename=""))))
    assert document["errors"][0]["field"] == "file"


def test_a_multipart_body_inside_is_a_file_like_any_other(served: House) -> None:
    inner = b"--inner\r\nContent-Disposition: file; filename=x\r\n\r\nx\r\n--inner--\r\n"
    part = 'form-data; name="file"; filename="m"\r\nContent-Type: multipart/mixed; boundary=inner'
    assert post(served, body((part, inner))).json()["size_bytes"] == len(inner)


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("ä.txt".encode(), "ä.txt"),
        ("漢字.txt".encode(), "漢字.txt"),
        ("ä.txt".encode("latin-1"), "\N{REPLACEMENT CHARACTER}.txt"),
        (b"\xff\xfe.txt", "\N{REPLACEMENT CHARACTER}" * 2 + ".txt"),
        (b"../../etc/passwd", "passwd"),
        (b"C:\\\\temp\\\\x.txt", "x.txt"),
        (b"a%22b.txt", 'a"b.txt'),
        (b'a\\"b.txt', 'a"b.txt'),
        (b"x" * 300 + b".txt", "x" * 251 + ".txt"),
    ],
)
def test_file_names_of_any_bytes(served: House, raw: bytes, kept: str) -> None:
    data = body(file(filename="NAME")).replace(b"NAME", raw)
    answer = post(served, data)
    assert (answer.status_code, answer.json()["filename"]) == (201, kept)


@pytest.mark.parametrize("cut", [1, 4, 5, 7, 9, 12, 30, 60, 80])
def test_a_body_without_its_end_is_broken(served: House, cut: int) -> None:
    whole = body(file(), end=b"--xyz--")
    refused(served, "bad_request", post(served, whole[:-cut]))


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "x" * 201,
        "multipart/form-data; boundary=other",
        "multipart/mixed; boundary=xyz",
        "application/x-www-form-urlencoded",
        "application/json",
        "text/plain",
        "",
    ],
)
def test_what_is_no_form_with_this_boundary_is_refused(served: House, content_type: str) -> None:
    refused(served, "bad_request", post(served, body(file()), content_type))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        body(("form-data", b"x")),
        body(("form-data; name=file; filename=x\r\nX: " + "y" * 9000, b"x")),
        body(("form-data; name=file; filename=x" + "\r\nX: y" * 20, b"x")),
        b"--xyz\r\nno header\r\n\r\nx\r\n--xyz--\r\n",
        body(field("a", b"x" * 70_000), file()),
        body(*[field("a", b"")] * 1001, file()),
    ],
    ids=["empty", "nonsense", "no name", "long header", "many headers", "no headers", "long field", "many parts"],
)
def test_a_malformed_body_is_a_bad_request(served: House, data: bytes) -> None:
    assert post(served, data).status_code in {400, 422}
    assert served.count(StoredFile) == 0


def test_the_digest_is_that_of_the_file_and_not_of_the_form(served: House) -> None:

    right = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
    for header in ("Content-Digest", "Repr-Digest"):
        answer = post(served, body(field("a"), file(), field("b")), headers={header: f"sha-256=:{right}:"})
        assert answer.status_code == 201
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    problem(post(served, body(file()), headers={"Content-Digest": f"sha-256=:{wrong}:"}), "checksum_mismatch")


@pytest.mark.parametrize("digest", ["sha-256=", "sha-256=::", "sha-256=:AAAA:", "sha-256=abc", "sha-256=:***:"])
def test_a_malformed_digest_is_a_bad_request(served: House, digest: str) -> None:
    refused(served, "bad_request", post(served, body(file()), headers={"Content-Digest": digest}))


@pytest.mark.parametrize("digest", ["md5=:AAAA:", "sha-512=:AAAA:", ""])
def test_other_algorithms_are_ignored(served: House, digest: str) -> None:
    assert post(served, body(file()), headers={"Content-Digest": digest}).status_code == 201


def test_a_form_is_not_read_for_somebody_without_credentials(served: House) -> None:
    answer = Api(served.app).post(
        f"{FILES}/upload", data=body(file()), content_type="multipart/form-data; boundary=xyz"
    )
    refused(served, "unauthenticated", answer)


def test_the_limit_counts_for_the_file_and_not_for_the_form(served: House) -> None:
    served.configure(max_file_size_bytes=1000)
    assert post(served, body(field("a", b"x" * 500), file(b"x" * 1000), field("b", b"x" * 500))).status_code == 201
    assert problem(post(served, body(file(b"x" * 1001))), "too_large")["max_bytes"] == 1000
