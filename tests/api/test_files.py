"""Files over JSON."""

import hashlib
from typing import Any
from uuid import uuid4

import pytest

from tests.support.app import FILES, Api, House
from tests.support.problems import problem

FIELDS = {
    "id",
    "key",
    "filename",
    "content_type",
    "size_bytes",
    "backend",
    "checksum_sha256",
    "uploaded_by",
    "created_at",
}


def put(api: Api, name: str = "a.txt", data: bytes = b"hello", **headers: str) -> dict[str, Any]:
    answer = api.put(f"{FILES}/upload/{name}", data=data, headers={k.replace("_", "-"): v for k, v in headers.items()})
    assert answer.status_code == 201, answer.content
    document: dict[str, Any] = answer.json()
    return document


def test_an_upload_by_raw_body(uploader: Api) -> None:
    answer = uploader.put(f"{FILES}/upload/notes.txt", data=b"hello", headers={"Content-Type": "text/plain"})
    document = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"].endswith(f"{FILES}/files/{document['id']}")
    assert document.keys() >= FIELDS
    assert document["checksum_sha256"] == hashlib.sha256(b"hello").hexdigest()
    assert document["created_at"].endswith("Z")
    assert uploader.get(answer.headers["Location"]).json() == document


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("a%20b.txt", "a b.txt"),
        ("folder/a.txt", "a.txt"),
        ("a//b.txt", "b.txt"),
        ("%E6%BC%A2.txt", "漢.txt"),
        ("a%0Ab.txt", "a_b.txt"),
        ("..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("%FF.txt", "\N{REPLACEMENT CHARACTER}.txt"),
    ],
)
def test_the_name_is_in_the_path(uploader: Api, path: str, kept: str) -> None:
    assert put(uploader, path)["filename"] == kept


def test_a_name_is_needed(uploader: Api) -> None:
    assert uploader.put(f"{FILES}/upload/", data=b"x").status_code in {404, 405}


def test_a_form_upload(uploader: Api) -> None:
    data = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'
    answer = uploader.post(f"{FILES}/upload", data=data, content_type="multipart/form-data; boundary=x")
    assert (answer.status_code, answer.json()["filename"], answer.json()["size_bytes"]) == (201, "a.txt", 5)


def test_a_repeated_upload_says_so(uploader: Api) -> None:
    first = uploader.put(f"{FILES}/upload/a", data=b"x", headers={"Idempotency-Key": "k"})
    second = uploader.put(f"{FILES}/upload/a", data=b"x", headers={"Idempotency-Key": "k"})
    assert first.json() == second.json()
    assert (first.status_code, second.status_code) == (201, 201)
    assert (first.headers.get("Idempotent-Replayed"), second.headers["Idempotent-Replayed"]) == (None, "true")
    problem(uploader.put(f"{FILES}/upload/a", data=b"y", headers={"Idempotency-Key": "k"}), "validation_error")


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb"])
def test_an_odd_idempotency_key_is_refused(uploader: Api, key: str) -> None:
    answer = uploader.put(f"{FILES}/upload/a", data=b"x", headers={"Idempotency-Key": key})
    assert problem(answer, "validation_error")["errors"][0]["field"] == "Idempotency-Key"


def test_a_list(uploader: Api, house: House) -> None:
    made = [put(uploader, f"{n}.txt") for n in range(3)]
    document = uploader.get(f"{FILES}/files?per_page=2").json()
    assert document.keys() >= {"items", "total", "page", "per_page", "next_cursor"}
    assert (document["total"], document["page"], document["per_page"]) == (3, 1, 2)
    assert document["items"] == made[:0:-1]
    rest = uploader.get(f"{FILES}/files?per_page=2&cursor={document['next_cursor']}").json()
    assert rest["items"] == made[:1]
    assert rest["next_cursor"] is None
    assert uploader.get(f"{FILES}/files?q=1.T&sort=name").json()["items"] == [made[1]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=x", "page"),
        ("page=1.5", "page"),
        ("page=", "page"),
        ("page=99999999999999999999", "page"),
        ("per_page=0", "per_page"),
        ("per_page=201", "per_page"),
        ("sort=colour", "sort"),
        ("sort=deleted_at", "sort"),
        ("cursor=nonsense", "cursor"),
        ("created_after=yesterday", "created_after"),
        ("created_before=2026-13-01", "created_before"),
        ("created_after=0001-01-01T00:00:00%2B14:00", "created_after"),
        ("min_size=-1", "min_size"),
        ("max_size=x", "max_size"),
        ("q=%00", "q"),
        ("uploaded_by=%00", "uploaded_by"),
    ],
)
def test_a_wrong_parameter_is_named(uploader: Api, query: str, field: str) -> None:
    document = problem(uploader.get(f"{FILES}/files?{query}"), "validation_error")
    assert [error["field"] for error in document["errors"]] == [field]


@pytest.mark.parametrize(
    "query",
    [
        "page=999999999999999999&per_page=200",
        "page=46116860184273880&per_page=200",
        "min_size=999999999999999999",
        "per_page=200",
        "per_page=1",
        "created_after=2026-01-01",
        "created_after=2026-01-01T00:00:00Z",
        "created_after=2026-01-01T00:00:00+02:00",
        "created_after=0001-01-01",
        "created_before=9999-12-31T23:59:59.999999Z",
        "unknown=1",
        "q=%25_%5C%27%22",
        "content_type=%25",
        "uploaded_by=%27%20OR%201=1",
    ],
)
def test_an_extreme_parameter_is_answered(uploader: Api, query: str) -> None:
    answer = uploader.get(f"{FILES}/files?{query}")
    if answer.status_code != 200:
        problem(answer, "validation_error")


def test_a_file_goes_to_the_trash_and_comes_back(uploader: Api) -> None:
    file = put(uploader)
    where = f"{FILES}/files/{file['id']}"
    answer = uploader.delete(where)
    assert (answer.status_code, answer.content) == (204, b"")
    problem(uploader.get(where), "not_found")
    problem(uploader.get(f"{where}/download"), "not_found")
    problem(uploader.delete(where), "not_found")
    [trashed] = uploader.get(f"{FILES}/trash").json()["items"]
    assert trashed["id"] == file["id"]
    assert trashed["deleted_at"].endswith("Z")
    assert uploader.post(f"{where}/restore").json() == file
    problem(uploader.post(f"{where}/restore"), "conflict")
    assert uploader.get(f"{FILES}/trash").json()["total"] == 0


@pytest.mark.parametrize("trashed", [False, True])
def test_a_file_goes_for_good(admin: Api, house: House, trashed: bool) -> None:
    where = f"{FILES}/files/{put(admin)['id']}"
    if trashed:
        admin.delete(where)
    assert admin.delete(f"{where}?permanent=true").status_code == 204
    problem(admin.delete(f"{where}?permanent=true"), "not_found")
    problem(admin.post(f"{where}/restore"), "not_found")
    house.assert_consistent()


def test_permanent_has_to_be_true_or_false(admin: Api) -> None:
    where = f"{FILES}/files/{put(admin)['id']}"
    problem(admin.delete(f"{where}?permanent=yes"), "validation_error")
    assert admin.delete(f"{where}?permanent=false").status_code == 204
    assert admin.get(f"{FILES}/trash").json()["total"] == 1


def test_many_at_once(uploader: Api) -> None:
    ids = [put(uploader)["id"] for _ in range(3)]
    body = {"ids": [ids[2], str(uuid4()), ids[0]]}
    assert uploader.post(f"{FILES}/files/bulk-delete", json=body).json() == {"ids": [ids[2], ids[0]]}
    assert uploader.post(f"{FILES}/files/bulk-delete", json=body).json() == {"ids": []}
    assert uploader.post(f"{FILES}/files/bulk-restore", json=body).json() == {"ids": [ids[2], ids[0]]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_request"),
        (b"nonsense", "bad_request"),
        (b"[]", "bad_request"),
        (b"null", "bad_request"),
        (b"{}", "validation_error"),
        (b'{"ids": "x"}', "validation_error"),
        (b'{"ids": ["x"]}', "validation_error"),
        (b'{"ids": [5]}', "validation_error"),
        (b'{"ids": [null]}', "validation_error"),
        (b'{"ids": null}', "validation_error"),
        (b'{"ids": [], "more": 1}', "validation_error"),
        (b'{"ids": [' + b",".join(b'"%032x"' % n for n in range(201)) + b"]}", "validation_error"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else value,
)
def test_wrong_ids_are_refused(uploader: Api, body: bytes, code: str) -> None:
    answer = uploader.post(f"{FILES}/files/bulk-delete", data=body, content_type="application/json")
    problem(answer, code)


def test_two_hundred_ids_are_fine(uploader: Api) -> None:
    answer = uploader.post(f"{FILES}/files/bulk-delete", json={"ids": [str(uuid4()) for _ in range(200)]})
    assert answer.json() == {"ids": []}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_file_is_not_found(uploader: Api, method: str) -> None:
    problem(uploader.request(method, f"{FILES}/files/{uuid4()}"), "not_found")


def test_other_peoples_files_do_not_exist_where_the_setting_says_so(
    house: House, uploader: Api, stranger: Api, admin: Api
) -> None:
    file = put(uploader)
    where = f"{FILES}/files/{file['id']}"
    assert stranger.get(where).status_code == 200
    house.configure(file_visibility="own")
    for method, path in (("GET", where), ("GET", f"{where}/download"), ("DELETE", where), ("POST", f"{where}/restore")):
        problem(stranger.request(method, path), "not_found")
    assert stranger.get(f"{FILES}/files").json()["total"] == 0
    assert admin.get(where).status_code == uploader.get(where).status_code == 200


def test_the_limit_and_the_allow_list_count_here_too(house: House, uploader: Api) -> None:
    house.configure(max_file_size_bytes=5, allowed_content_types=["text/*"])
    put(uploader, data=b"12345")
    assert problem(uploader.put(f"{FILES}/upload/a.txt", data=b"123456"), "too_large")["max_bytes"] == 5
    problem(uploader.put(f"{FILES}/upload/a.png", data=b"x", headers={"Content-Type": "image/png"}), "bad_type")
    house.assert_consistent()
