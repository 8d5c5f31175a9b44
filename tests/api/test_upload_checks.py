"""What clients of the API see of checks of uploads."""

import io
from typing import Any

import jsonschema_rs
import pytest

from tests.support.app import FILES, Answer, Api, House
from tests.support.checks import INFECTED, Announced, Watching, saying
from tests.support.direct import taking_parts
from tests.support.problems import problem
from webapp.contracts.checks import UploadRefusedError
from webapp.models import StoredFile

DATA = b"hello" * 1000


def put(api: Api, **headers: str) -> Answer:
    return api.put(f"{FILES}/upload/a.bin", data=DATA, headers=headers)


def post(api: Api) -> Answer:
    return api.post(f"{FILES}/upload", data={"file": (io.BytesIO(DATA), "a.bin")})


def refused(answer: Answer) -> dict[str, Any]:
    document: dict[str, Any] = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert document["request_id"] == answer.headers["X-Request-ID"]
    return document


def schema(api: Api, path: str, method: str, status: str) -> dict[str, Any]:
    """The schema of an answer, with all that it refers to."""
    document = api.get("/api/openapi.json").json()
    answer = document["paths"][path][method]["responses"][status]
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    (content,) = answer["content"].values()
    return {**content["schema"], "components": document["components"]}


@pytest.mark.parametrize("send", [put, post])
def test_the_client_gets_the_code_and_the_sentence_of_the_plugin(house: House, uploader: Api, send: Any) -> None:
    house.services.checks.add("antivirus", Watching(finish=INFECTED))
    answer = send(uploader)
    document = refused(answer)
    assert document | {"request_id": ""} == {
        "type": "urn:stowage:problem:upload_refused",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "This file contains Eicar-Test-Signature.",
        "code": "infected",
        "plugin": "antivirus",
        "request_id": "",
    }
    validator = jsonschema_rs.validator_for(schema(uploader, f"{FILES}/upload", "post", "422"))
    assert validator.is_valid(document)
    assert not validator.is_valid(document | {"code": "In fected"})
    assert (house.count(StoredFile), house.on_disk()) == (0, set())


@pytest.mark.parametrize("code", ["too_large", "unauthenticated", "upload_refused"])
def test_a_plugin_does_not_speak_with_our_codes(house: House, uploader: Api, code: str) -> None:
    house.services.checks.add("quota", saying(UploadRefusedError(code, "There is <b>no</b> room.")))
    document = refused(put(uploader))
    assert (document["code"], document["detail"]) == (f"quota.{code}", "There is <b>no</b> room.")


def test_a_check_that_fails_tells_nothing_of_itself(house: House, uploader: Api) -> None:
    house.services.checks.add("antivirus", saying(OSError("/home/scanner: no such socket")))
    answer = put(uploader)
    problem(answer, "check_failed")
    assert b"antivirus" not in answer.content
    assert (house.count(StoredFile), house.on_disk()) == (0, set())


def test_annotations_are_shown_with_the_file(house: House, uploader: Api) -> None:
    house.services.checks.add("antivirus", saying({"clean": True, "signatures": 27_123, "took": 0.5, "engine": "x"}))
    file = put(uploader).json()
    assert file["annotations"] == {"antivirus": {"clean": True, "signatures": 27_123, "took": 0.5, "engine": "x"}}
    assert uploader.get(f"{FILES}/files/{file['id']}").json() == file
    assert uploader.get(f"{FILES}/files").json()["items"] == [file]
    validator = jsonschema_rs.validator_for(schema(uploader, f"{FILES}/files/{{file_id}}", "get", "200"))
    assert validator.is_valid(file)
    for wrong in ({"antivirus": {"a": None}}, {"antivirus": {"a": [1]}}, {"antivirus": 1}, None):
        assert not validator.is_valid(file | {"annotations": wrong})


def test_a_file_without_any_says_so(uploader: Api) -> None:
    assert put(uploader).json()["annotations"] == {}


def test_a_repeated_upload_has_them_too_and_what_was_refused_is_judged_anew(house: House, uploader: Api) -> None:
    check = Watching({"clean": True}, finish=INFECTED)
    house.services.checks.add("antivirus", check)
    headers = {"Idempotency-Key": "k"}
    refused(put(uploader, **headers))
    check.raising.clear()
    check.seen = b""
    first, again = put(uploader, **headers), put(uploader, **headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    assert len(check.ends) == 2


def test_uploads_to_the_store_are_not_offered_or_are_refused_the_same_way(house: House, uploader: Api) -> None:
    begin = {"filename": "a.bin", "size_bytes": 95}
    with taking_parts(house):
        house.services.checks.add("antivirus", Announced(announce=INFECTED))
        document = refused(uploader.post(f"{FILES}/direct-uploads", json=begin))
        assert (document["code"], document["plugin"]) == ("infected", "antivirus")
        house.services.checks.add("simple", saying(None))
        problem(uploader.post(f"{FILES}/direct-uploads", json=begin), "direct_upload_unsupported")
