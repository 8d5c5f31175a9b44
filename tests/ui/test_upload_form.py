"""The upload form: several files in one body, read as it comes."""

import pytest
import sqlalchemy as sa

from tests.support.app import House
from tests.support.raw import field_part, file_part, multipart
from tests.ui.conftest import BROWSE, Visitor, assert_ours, names_in
from webapp.models import StoredFile


def test_several_files_are_stored_and_counted(house: House, uploader: Visitor) -> None:
    page = uploader.upload(("a.txt", b"aaa"), ("b.txt", b"b" * 3_000_000), ("c.txt", b""))
    assert "3 files stored." in page.text
    assert sorted(names_in(page)) == ["a.txt", "b.txt", "c.txt"]
    assert "3 files stored." not in uploader.open().text, "told once"
    house.assert_consistent()
    for name, size in (("a.txt", 3), ("b.txt", 3_000_000), ("c.txt", 0)):
        (href,) = [v["href"] for _, v in page.tags if v.get("aria-label") == f"Download {name}"]
        assert len(uploader.get(href).data) == size


def test_one_file_is_one_file(uploader: Visitor) -> None:
    assert "1 file stored." in uploader.upload(("a.txt", b"a")).text


def test_an_input_left_empty_is_no_file(house: House, uploader: Visitor) -> None:
    assert "No file was chosen." in uploader.upload(("", b"")).text
    assert "1 file stored." in uploader.upload(("", b""), ("a.txt", b""), ("", b"")).text
    assert len(house.on_disk()) == 1


def test_each_file_is_measured_by_itself(house: House, uploader: Visitor) -> None:
    house.configure(max_file_size_bytes=100)
    page = uploader.upload(*((f"{n}.txt", b"x" * 100) for n in range(5)), ("big.txt", b"x" * 101), ("z.txt", b"z"))
    assert "6 of 7 files stored." in page.text
    assert "big.txt: over the limit of 100 bytes for one file." in page.text
    assert "big.txt" not in names_in(page)
    house.assert_consistent()
    page = uploader.upload(("big.txt", b"x" * 3_000_000))
    assert "The file was not stored." in page.text
    house.assert_consistent()


def test_a_refused_type_is_told_with_the_type(house: House, uploader: Visitor) -> None:
    house.configure(allowed_content_types="image/*,text/plain")
    page = uploader.upload(("a.txt", b"text"), ("page.html", b"<!doctype html><p>"), ("b.txt", b"more"))
    assert "2 of 3 files stored." in page.text
    assert "page.html: this file type is not allowed here (text/html)." in page.text
    house.assert_consistent()


def test_many_refused_names_are_told_shortly_and_fit_into_the_cookie(house: House, uploader: Visitor) -> None:
    house.configure(max_file_size_bytes=1)
    names = ["".join(chr(0x1F300 + (n * 37 + k * 11) % 700) for k in range(250)) + ".txt" for n in range(40)]
    page = uploader.upload(*((name, b"xx") for name in names))
    assert "None of the 40 files was stored." in page.text
    assert "And 35 more." in page.text
    assert page.text.count("over the limit") == 5
    assert uploader.is_in(), "the cookie was not dropped"


def test_a_refused_name_is_text(house: House, uploader: Visitor) -> None:
    house.configure(max_file_size_bytes=1)
    page = uploader.upload(("<img src=x onerror=alert(1)>", b"xx"), ("\u202egnp.exe", b"xx"), ("a%0Ab", b"xx"))
    assert "<img src=x onerror=alert(1)>: over the limit" in page.text
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert_ours(page)


def test_the_list_one_came_from_is_shown_again(uploader: Visitor) -> None:
    page = uploader.open(f"{BROWSE}?q=zzz&sort=name&per_page=25")
    after = uploader.upload(("a.txt", b"a"), page=page)
    assert after.url.endswith("?q=zzz&sort=name&per_page=25")


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"])
def test_the_way_back_is_ours(uploader: Visitor, back: str) -> None:
    parts = [field_part("csrf_token", uploader.token()), field_part("back", back), file_part(b"x", "a.txt")]
    assert uploader.upload_parts(parts).headers["Location"] == BROWSE


@pytest.mark.parametrize("kind", ["none", "empty", "wrong", "after the file", "as a file", "in the query", "only it"])
def test_without_the_token_before_the_file_nothing_is_stored(house: House, uploader: Visitor, kind: str) -> None:
    right, file = uploader.token(), file_part(b"data", "a.txt")
    parts = {
        "none": [file],
        "empty": [field_part("csrf_token", ""), file],
        "wrong": [field_part("csrf_token", right[:-1]), file],
        "after the file": [file, field_part("csrf_token", right)],
        "as a file": [file_part(right.encode(), "t", "csrf_token"), file],
        "in the query": [field_part("back", f"/?csrf_token={right}"), file],
        "only it": [field_part("back", BROWSE)],
    }[kind]
    answer = uploader.upload_parts(parts)
    assert answer.status_code == 403
    assert not house.on_disk()


def test_the_token_may_come_in_the_header_instead(house: House, uploader: Visitor) -> None:
    headers = {"X-CSRFToken": uploader.token(), "Accept": "text/html"}
    answer = uploader.http.post(
        "/file-storage/upload",
        data=multipart([file_part(b"x", "a.txt")]),
        content_type="multipart/form-data; boundary=b0undary",
        headers=headers,
    )
    assert answer.status_code == 303
    assert len(house.on_disk()) == 1


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", "", "multipart/mixed"])
def test_another_kind_of_body_is_no_upload(house: House, uploader: Visitor, content_type: str) -> None:
    answer = uploader.post("/file-storage/upload", b"file=x", content_type=content_type)
    assert answer.status_code == 403
    assert not house.on_disk()


def test_a_form_cut_anywhere_leaves_no_cut_file(house: House, uploader: Visitor) -> None:
    token = uploader.token()
    body = multipart([field_part("csrf_token", token), file_part(b"first", "1.txt"), file_part(b"second", "2.txt")])
    for cut in range(len(body)):
        answer = uploader.post(
            "/file-storage/upload",
            body[:cut],
            content_type="multipart/form-data; boundary=b0undary",
            environ_overrides={"CONTENT_LENGTH": str(len(body))},
        )
        assert answer.status_code in (400, 403, 303), cut
    stored = house.query(sa.select(StoredFile.filename, StoredFile.size_bytes))
    assert {tuple(row) for row in stored} == {("1.txt", 5)}, "the second one never came whole"
    house.assert_consistent()


def test_the_limit_is_told_before(house: House, uploader: Visitor) -> None:
    house.configure(max_file_size_bytes=5_000_000, allowed_content_types="image/png,text/*")
    page = uploader.open()
    assert "up to 5 MB each" in page.text
    assert next(v for _, v in page.tags if v.get("name") == "file")["accept"] == "image/png,text/*"
    told = next(v for _, v in page.tags if v.get("id") == "upload-config")
    assert told["data-max-bytes"] == "5000000"
    assert told["data-types"] == "image/png,text/*"
