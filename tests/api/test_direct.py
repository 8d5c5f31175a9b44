"""Uploads straight to the store, over JSON."""

import hashlib
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.backends.fakes import DirectBackend
from tests.support.app import FILES, Answer, Api, House
from tests.support.direct import store, taking_parts
from tests.support.problems import problem
from webapp.contracts.errors import StorageBackendError

HERE = f"{FILES}/direct-uploads"
DATA = bytes(range(35))
LONG = bytes(range(95))


@pytest.fixture
def direct(house: House) -> Iterator[House]:
    with taking_parts(house):
        yield house


@pytest.fixture
def api(direct: House) -> Api:
    return direct.api("uploader")


def begin(api: Api, data: bytes = DATA, **about: object) -> dict[str, Any]:
    answer = api.post(HERE, json={"filename": "a.bin", "size_bytes": len(data), **about})
    assert answer.status_code == 201, answer.content
    document: dict[str, Any] = answer.json()
    assert answer.headers["Location"].endswith(f"{HERE}/{document['id']}")
    return document


def send(api: Api, upload: dict[str, Any], data: bytes = DATA) -> None:
    answer = api.post(f"{HERE}/{upload['id']}/urls", json={"numbers": list(range(1, upload["parts"] + 1))})
    assert answer.status_code == 200, answer.content
    for each in answer.json()["urls"]:
        start = (each["number"] - 1) * upload["part_size"]
        assert DirectBackend.receive(each["url"], data[start : start + each["size"]])


def complete(api: Api, upload: dict[str, Any]) -> Answer:
    return api.post(f"{HERE}/{upload['id']}/complete")


def test_an_upload_from_beginning_to_end(api: Api) -> None:
    upload = begin(api, content_type="application/x-thing")
    expected = {
        "filename": "a.bin",
        "content_type": "application/x-thing",
        "size_bytes": 35,
        "part_size": 10,
        "parts": 4,
        "received": [],
        "file_id": None,
    }
    assert {name: upload[name] for name in expected} == expected
    send(api, upload)
    assert api.get(f"{HERE}/{upload['id']}").json() == upload | {"received": [1, 2, 3, 4]}
    answer = complete(api, upload)
    file = answer.json()
    assert (answer.status_code, file["checksum_sha256"]) == (201, hashlib.sha256(DATA).hexdigest())
    assert answer.headers["Location"].endswith(f"{FILES}/files/{file['id']}")
    assert api.get(f"{FILES}/files/{file['id']}").json() == file
    assert api.get(f"{FILES}/files/{file['id']}/download").content == DATA
    assert api.get(f"{HERE}/{upload['id']}").json()["file_id"] == file["id"]


def test_asking_again_gives_the_same_answer(api: Api) -> None:
    upload = begin(api)
    send(api, upload)
    first, second = complete(api, upload), complete(api, upload)
    assert (second.status_code, second.json()) == (first.status_code, first.json()) == (201, first.json())
    assert api.get(f"{FILES}/files").json()["total"] == 1


def test_the_checksum_of_a_large_file_comes_later(direct: House, api: Api) -> None:
    upload = begin(api, LONG)
    send(api, upload, LONG)
    file = complete(api, upload).json()
    assert file["checksum_sha256"] == ""
    with direct.app.app_context():
        direct.services.checksums.find_out()
    assert api.get(f"{FILES}/files/{file['id']}").json()["checksum_sha256"] == hashlib.sha256(LONG).hexdigest()
    assert complete(api, upload).json()["checksum_sha256"] == hashlib.sha256(LONG).hexdigest()


def test_parts_that_are_missing_are_named(api: Api) -> None:
    answer = complete(api, begin(api))
    assert problem(answer, "conflict")["missing"] == [1, 2, 3, 4]


def test_an_upload_is_thrown_away(api: Api) -> None:
    upload = begin(api)
    send(api, upload)
    answer = api.delete(f"{HERE}/{upload['id']}")
    assert (answer.status_code, answer.content, DirectBackend.begun) == (204, b"", {})
    for again in (complete(api, upload), api.get(f"{HERE}/{upload['id']}"), api.delete(f"{HERE}/{upload['id']}")):
        problem(again, "not_found")


def test_an_upload_of_somebody_else_does_not_exist(direct: House, api: Api) -> None:
    upload = begin(api)
    for other in (direct.api("stranger"), direct.api("admin")):
        problem(other.get(f"{HERE}/{upload['id']}"), "not_found")
        problem(other.post(f"{HERE}/{upload['id']}/urls", json={"numbers": [1]}), "not_found")
        problem(complete(other, upload), "not_found")
        problem(other.delete(f"{HERE}/{upload['id']}"), "not_found")
    problem(api.get(f"{HERE}/{uuid4()}"), "not_found")


def test_where_the_store_takes_none(direct: House, api: Api) -> None:
    direct.configure(backend="filesystem")
    problem(api.post(HERE, json={"filename": "a", "size_bytes": 1}), "direct_upload_unsupported")


def test_what_is_refused_at_the_beginning(direct: House, api: Api) -> None:
    direct.configure(max_file_size_bytes=100, allowed_content_types=["image/*"])
    large = api.post(HERE, json={"filename": "a", "size_bytes": 101})
    assert problem(large, "too_large")["max_bytes"] == 100
    problem(api.post(HERE, json={"filename": "a", "size_bytes": 9, "content_type": "text/html"}), "bad_type")
    assert DirectBackend.begun == {}


def test_first_bytes_that_are_refused(direct: House, api: Api) -> None:
    direct.configure(allowed_content_types=["image/*"])
    upload = begin(api, content_type="image/png")
    send(api, upload, b"<html><body>" + b" " * 23)
    problem(complete(api, upload), "bad_type")
    assert store() == {}


def test_other_bytes_than_were_announced(api: Api) -> None:
    upload = begin(api, checksum_sha256="AB" * 32)
    send(api, upload)
    problem(complete(api, upload), "checksum_mismatch")
    assert store() == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"filename": ""},
        {"filename": "a" * 4097},
        {"filename": None},
        {"size_bytes": 0},
        {"size_bytes": -1},
        {"size_bytes": 2**53 + 1},
        {"size_bytes": "many"},
        {"size_bytes": 1.5},
        {"checksum_sha256": "abc"},
        {"checksum_sha256": "g" * 64},
        {"content_type": "x" * 1025},
        {"surprise": 1},
    ],
)
def test_announcements_that_make_no_sense(api: Api, wrong: dict[str, object]) -> None:
    answer = api.post(HERE, json={"filename": "a", "size_bytes": 1, **wrong})
    assert [each["field"] for each in problem(answer, "validation_error")["errors"]] == [next(iter(wrong))]
    assert DirectBackend.begun == {}


@pytest.mark.parametrize("numbers", [[], [0], [5], [-1], ["one"], "1", None, list(range(1, 1002)), [1, 5]])
def test_parts_that_there_are_not(api: Api, numbers: object) -> None:
    upload = begin(api)
    answer = api.post(f"{HERE}/{upload['id']}/urls", json={"numbers": numbers})
    errors = problem(answer, "validation_error")["errors"]
    assert all(each["field"].startswith("numbers") and each["message"] for each in errors)


def test_a_store_that_fails_is_told_without_its_words(api: Api) -> None:
    upload = begin(api)
    send(api, upload)
    for method in ("complete_parts", "completed"):
        DirectBackend.failing[method] = StorageBackendError("the secret name of the bucket")
        answer = complete(api, upload)
        problem(answer, "backend_error")
        assert b"bucket" not in answer.content
        DirectBackend.failing.clear()
    assert complete(api, upload).status_code == 201


def test_a_token_for_downloads_may_do_nothing_here(direct: House, api: Api) -> None:
    upload = begin(api)
    reader = direct.api("uploader", "file_storage.download")
    problem(reader.post(HERE, json={"filename": "a", "size_bytes": 1}), "forbidden")
    problem(complete(reader, upload), "forbidden")
    problem(reader.delete(f"{HERE}/{upload['id']}"), "forbidden")


def test_a_token_for_uploads_alone_is_enough(direct: House) -> None:
    api = direct.api("uploader", "file_storage.upload")
    upload = begin(api)
    send(api, upload)
    assert complete(api, upload).json() == complete(api, upload).json()
