"""``PATCH /files/{id}`` gives a file another name."""

import pytest

from tests.support.app import FILES, Api, House
from tests.support.problems import problem
from webapp.contracts.files import StoredFileOut


@pytest.fixture
def stored(house: House) -> StoredFileOut:
    return house.upload(name="before.txt", data=b"hello")


def patch(api: Api, file: StoredFileOut, body: object) -> dict[str, object]:
    answer = api.patch(f"{FILES}/files/{file.id}", json=body)
    assert answer.status_code == 200, answer.content
    told: dict[str, object] = answer.json()
    return told


def test_the_answer_is_the_file_with_its_new_name(house: House, stored: StoredFileOut) -> None:
    api = house.api("uploader")
    before = api.get(f"{FILES}/files/{stored.id}").json()
    assert patch(api, stored, {"filename": "Grüße 🐙.txt"}) == {**before, "filename": "Grüße 🐙.txt"}
    assert api.get(f"{FILES}/files/{stored.id}").json()["filename"] == "Grüße 🐙.txt"


def test_downloads_carry_the_new_name_and_the_same_bytes(house: House, stored: StoredFileOut) -> None:
    api = house.api("uploader")
    patch(api, stored, {"filename": "after.txt"})
    answer = api.download(stored)
    assert answer.content == b"hello"
    assert "after.txt" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "filename"),
        ({"filename": ""}, "filename"),
        ({"filename": "   "}, "filename"),
        ({"filename": None}, "filename"),
        ({"filename": 7}, "filename"),
        ({"filename": "a\x00b"}, "filename"),
        ({"filename": "x" * 1025}, "filename"),
        ({"filename": "a.txt", "size_bytes": 1}, "size_bytes"),
    ],
)
def test_a_wrong_body_names_the_field(house: House, stored: StoredFileOut, body: object, field: str) -> None:
    answer = house.api("uploader").patch(f"{FILES}/files/{stored.id}", json=body)
    told = problem(answer, "validation_error")
    assert [error["field"] for error in told["errors"]] == [field]


def test_what_is_not_there_is_not_found(house: House, stored: StoredFileOut) -> None:
    api = house.api("uploader")
    api.delete(f"{FILES}/files/{stored.id}")
    problem(api.patch(f"{FILES}/files/{stored.id}", json={"filename": "a"}), "not_found")
