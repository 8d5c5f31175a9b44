"""Pages go out compressed, with lengths that tell nothing; everything else as it is."""

import gzip
import zlib

import pytest

from tests.support.app import FILES, Api, House
from webapp.http.auth import public
from webapp.http.compression import LEAST, MOST_PADDING, packed

GZIP = {"Accept-Encoding": "gzip, deflate, br"}
PAGE = "/api/docs"


@pytest.fixture
def nobody(served: House) -> Api:
    return served.api()


def test_a_page_is_compressed(nobody: Api) -> None:
    plain, compressed = nobody.get(PAGE), nobody.get(PAGE, headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert compressed.headers["Content-Length"] == str(len(compressed.content))
    assert gzip.decompress(compressed.content) == plain.content
    assert len(compressed.content) < len(plain.content)


@pytest.mark.parametrize("sent", ["", "br", "identity", "gzip;q=0", "*;q=0", "*, gzip;q=0", "gzipped", "\xff"])
def test_a_page_goes_as_it_is_to_those_who_do_not_take_gzip(nobody: Api, sent: str) -> None:
    answer = nobody.get(PAGE, headers={"Accept-Encoding": sent})
    assert "Content-Encoding" not in answer.headers
    assert answer.content.startswith(b"<!doctype html>")


@pytest.mark.parametrize("sent", ["gzip", "GZIP", "br;q=1, gzip;q=0.1", "*", "deflate,gzip"])
def test_a_page_is_compressed_for_those_who_do(nobody: Api, sent: str) -> None:
    assert nobody.get(PAGE, headers={"Accept-Encoding": sent}).headers["Content-Encoding"] == "gzip"


def test_both_forms_say_that_there_are_two(nobody: Api) -> None:
    for headers in ({}, GZIP):
        vary = nobody.get(PAGE, headers=headers).headers["Vary"].lower().split(", ")
        assert {"accept-encoding", "hx-request", "accept-language", "cookie"} == set(vary)
        assert len(vary) == 4


def test_the_length_of_the_same_page_differs(nobody: Api) -> None:
    assert len({len(nobody.get(PAGE, headers=GZIP).content) for _ in range(40)}) > 10


def test_every_length_can_be_read(served: House) -> None:
    page = b"<p>what is read</p>" * 200
    found = [packed(page) for _ in range(500)]
    shortest = min(map(len, found))
    assert max(map(len, found)) - shortest < MOST_PADDING
    for each in found:
        assert gzip.decompress(each) == page
        assert zlib.decompress(each, wbits=31) == page


def test_an_error_page_is_a_page(served: House) -> None:
    _answers(served, b"<p>no</p>" * 200, 404)
    answer = Api(served.app).get("/page", headers=GZIP)
    assert (answer.status_code, answer.headers["Content-Encoding"]) == (404, "gzip")


@pytest.mark.parametrize(("length", "compressed"), [(LEAST - 1, False), (LEAST, True)])
def test_a_short_fragment_is_left_alone(served: House, length: int, *, compressed: bool) -> None:
    _answers(served, b"a" * length, 200)
    answer = Api(served.app).get("/page", headers=GZIP)
    assert ("Content-Encoding" in answer.headers) == compressed
    assert "Accept-Encoding" in answer.headers["Vary"]


def test_head_has_no_body_to_compress(nobody: Api) -> None:
    answer = nobody.head(PAGE, headers=GZIP)
    assert answer.content == b""
    assert "Content-Encoding" not in answer.headers


def test_a_stored_page_is_a_file(served: House) -> None:
    page = b"<!doctype html><p>mine</p>" * 100
    out = served.upload(data=page, name="page.html", content_type="text/html")
    for backend_answer in (
        served.api("uploader").download(out, **GZIP),
        served.api("uploader").download(out, **GZIP, Range="bytes=0-1999"),
        served.api("uploader").head(f"{FILES}/files/{out.id}/download", headers=GZIP),
    ):
        assert "Content-Encoding" not in backend_answer.headers
        assert "Vary" not in backend_answer.headers
    assert served.api("uploader").download(out, **GZIP).content == page


def test_data_goes_as_it_is(nobody: Api) -> None:
    answer = nobody.get("/api/openapi.json", headers=GZIP)
    assert len(answer.content) > 10 * LEAST
    assert "Content-Encoding" not in answer.headers


def _answers(house: House, body: bytes, status: int) -> None:
    house.app._got_first_request = False
    house.app.add_url_rule(
        "/page", "page", public(lambda: (body, status, {"Content-Type": "text/html; charset=utf-8"}))
    )
