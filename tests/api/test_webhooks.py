"""Webhooks over JSON."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.support.app import Api, House
from tests.support.hooks import Hook, allow_private, serving
from tests.support.problems import problem

WEBHOOKS = "/api/webhooks"
UPLOADED = "file_storage.file.uploaded"
FIELDS = {
    *("id", "url", "host", "description", "types", "state", "paused_reason", "paused_at"),
    *("failing_since", "failures", "created_at", "updated_at"),
}


@pytest.fixture
def hook(house: House) -> Iterator[Hook]:
    allow_private(house)
    with serving() as made:
        yield made


def made(admin: Api, hook: Hook, **values: Any) -> dict[str, Any]:
    answer = admin.post(WEBHOOKS, json={"url": hook.url, **values})
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def test_a_webhook_is_made_shown_changed_and_removed(admin: Api, hook: Hook) -> None:
    answer = admin.post(WEBHOOKS, json={"url": hook.url, "description": "Search", "types": ["FileUploaded"]})
    document = answer.json()
    path = f"{WEBHOOKS}/{document['id']}"
    assert (answer.status_code, answer.headers["Location"]) == (201, path)
    assert document.keys() == FIELDS | {"secret"}
    assert document["secret"].startswith("whsec_")
    assert (document["types"], document["state"], document["description"]) == ([UPLOADED], "active", "Search")
    shown = admin.get(path).json()
    assert shown.keys() == FIELDS
    assert admin.get(WEBHOOKS).json() == {"items": [shown]}
    changed = admin.patch(path, json={"description": "", "types": []}).json()
    assert (changed["description"], changed["types"], changed["url"]) == ("", [], hook.url)
    assert admin.delete(path).status_code == 204
    assert problem(admin.get(path), "not_found")
    assert problem(admin.delete(path), "not_found")
    assert admin.get(WEBHOOKS).json() == {"items": []}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": ""}, "url"), ({"url": "ftp://x"}, "url"), ({"url": "https://u:p@x"}, "url"), ({"url": 1}, "url"),
        ({"url": "http://169.254.169.254/"}, "url"), ({"url": "https://" + "a" * 3000}, "url"), ({"url": None}, "url"),
        ({"types": "FileUploaded"}, "types"), ({"types": ["Nothing"]}, "types"), ({"types": [1]}, "types"),
        ({"types": ["FileUploaded"] * 51}, "types"), ({"description": "x" * 201}, "description"),
        ({"description": "a\nb"}, "description"), ({"secret": "whsec_short"}, "secret"), ({"secret": 5}, "secret"),
        ({"active": False}, "active"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(admin: Api, hook: Hook, values: dict[str, Any], field: str) -> None:
    answer = admin.post(WEBHOOKS, json={"url": hook.url, **values})
    [error] = problem(answer, "validation_error")["errors"]
    assert error["field"] == field
    assert error["message"].endswith(".")
    assert admin.get(WEBHOOKS).json() == {"items": []}


def test_a_body_is_an_object(admin: Api, hook: Hook) -> None:
    assert problem(admin.post(WEBHOOKS, data=b"[]"), "bad_request")
    webhook = made(admin, hook)
    assert problem(admin.patch(f"{WEBHOOKS}/{webhook['id']}", json={"secret": "x"}), "validation_error")


def test_pausing_and_resuming(admin: Api, hook: Hook) -> None:
    path = f"{WEBHOOKS}/{made(admin, hook)['id']}"
    paused = admin.post(f"{path}/pause").json()
    assert (paused["state"], paused["paused_reason"]) == ("paused", "manual")
    assert admin.post(f"{path}/resume").json()["state"] == "active"


def test_the_secret_is_changed_and_shown_once(admin: Api, hook: Hook) -> None:
    webhook = made(admin, hook)
    path = f"{WEBHOOKS}/{webhook['id']}"
    anew = admin.post(f"{path}/secret", json={}).json()["secret"]
    assert anew != webhook["secret"]
    given = "whsec_" + "A" * 32
    assert admin.post(f"{path}/secret", json={"secret": given}).json() == {"secret": given}
    assert problem(admin.post(f"{path}/secret", json={"secret": "weak"}), "validation_error")
    admin.post(f"{path}/test")
    assert hook.messages[-1].is_signed_by(given)
    assert hook.messages[-1].is_signed_by(anew)
    assert not hook.messages[-1].is_signed_by(webhook["secret"])


def test_a_test_tells_how_it_went(admin: Api, hook: Hook) -> None:
    path = f"{WEBHOOKS}/{made(admin, hook)['id']}"
    result = admin.post(f"{path}/test").json()
    assert {**result, "ms": 0, "delivery_id": ""} == {
        "ok": True, "code": 204, "cause": None, "ms": 0, "delivery_id": "",
    }  # fmt: skip
    hook.answer = 500
    assert admin.post(f"{path}/test").json()["cause"] == "status"
    hook.close()
    gone = admin.post(f"{path}/test").json()
    assert (gone["ok"], gone["code"], gone["cause"]) == (False, None, "refused")


def test_deliveries_are_listed_shown_and_replayed(house: House, admin: Api, uploader: Api, hook: Hook) -> None:
    path = f"{WEBHOOKS}/{made(admin, hook, types=[UPLOADED])['id']}/deliveries"
    file_ids = [uploader.put(f"/api/file-storage/upload/{n}.txt", data=b"x").json()["id"] for n in range(3)]
    house.deliver()
    page = admin.get(path + "?limit=2").json()
    assert len(page["items"]) == 2
    rest = admin.get(f"{path}?limit=2&before={page['older']}").json()
    assert rest["older"] is None
    items = page["items"] + rest["items"]
    assert {item["subject_id"] for item in items} == set(file_ids)
    assert {(item["state"], item["name"], item["topic"], item["code"]) for item in items} == {
        ("delivered", "FileUploaded", UPLOADED, 204)
    }
    assert admin.get(path + "?state=parked").json() == {"items": [], "older": None}
    one = admin.get(f"{path}/{items[0]['id']}").json()
    assert one.keys() == items[0].keys() | {"tries"}
    assert [(each["number"], each["code"], each["cause"]) for each in one["tries"]] == [(1, 204, None)]
    answer = admin.post(f"{path}/{items[0]['id']}/replay")
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    house.deliver()
    assert len(admin.get(f"{path}/{items[0]['id']}").json()["tries"]) == 2
    assert len(hook.messages) == 4


@pytest.mark.parametrize("query", ["state=nothing", "limit=0", "limit=201", "before=x", "before=-1"])
def test_a_wrong_query_is_named(admin: Api, hook: Hook, query: str) -> None:
    path = f"{WEBHOOKS}/{made(admin, hook)['id']}/deliveries"
    assert problem(admin.get(f"{path}?{query}"), "validation_error")


def test_what_is_not_there(admin: Api, hook: Hook) -> None:
    webhook, nothing = made(admin, hook)["id"], uuid4()
    for method, path in (
        *(("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/pause"), ("POST", "/resume")),
        *(("POST", "/secret"), ("GET", "/deliveries"), ("GET", f"/deliveries/{nothing}")),
        ("POST", f"/deliveries/{nothing}/replay"),
    ):
        assert problem(admin.request(method, f"{WEBHOOKS}/{nothing}{path}", json={}), "not_found"), path
    assert problem(admin.get(f"{WEBHOOKS}/{webhook}/deliveries/{nothing}"), "not_found")
    assert problem(admin.post(f"{WEBHOOKS}/{webhook}/deliveries/{nothing}/replay"), "not_found")


def test_a_test_delivery_cannot_be_sent_again(admin: Api, hook: Hook) -> None:
    path = f"{WEBHOOKS}/{made(admin, hook)['id']}"
    delivery = admin.post(f"{path}/test").json()["delivery_id"]
    assert problem(admin.post(f"{path}/deliveries/{delivery}/replay"), "conflict")


def test_there_is_an_end_to_how_many_there_can_be(admin: Api, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.services.webhooks.service.MOST", 2)
    made(admin, hook)
    made(admin, hook)
    assert problem(admin.post(WEBHOOKS, json={"url": hook.url}), "validation_error")
