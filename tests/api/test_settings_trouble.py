"""Settings over JSON: those that cannot be changed, those that are broken, those that are only tried; and who may."""

from typing import Any

import pytest
import sqlalchemy as sa

from tests.api.conftest import MakeHouse
from tests.api.test_cookies import _token as csrf_of
from tests.support.app import PASSWORD, Api, House
from tests.support.problems import problem
from tests.support.settings import HERE, MASKED, MODULES, SECRET, put, saved, wrong
from tests.support.vault import Vault
from webapp.db import table
from webapp.models import Setting
from webapp.services.access import Permission

# --- what cannot be changed, what is broken -------------------------------------


def test_what_the_environment_sets_is_told_and_read_only(another: MakeHouse) -> None:
    house = another(FILE_STORAGE_VAULT_SECONDS="7", FILE_STORAGE_VAULT_SECRET=SECRET)
    api = house.api("admin")
    document = api.get(HERE).json()
    assert document["pinned"] == {
        "vault_seconds": "FILE_STORAGE_VAULT_SECONDS",
        "vault_secret": "FILE_STORAGE_VAULT_SECRET",
    }
    assert document["values"]["vault_seconds"] == 7
    assert document["secrets"]["vault_secret"]["set"] is True
    assert document["schema"]["properties"]["vault_seconds"]["readOnly"] is True
    errors = wrong(put(api, {"vault_seconds": 8, "vault_secret": "x"}))
    assert errors == {name: f"{variable} sets this. Change it in the environment."
                      for name, variable in document["pinned"].items()}  # fmt: skip
    assert SECRET.encode() not in api.get(HERE).content


def test_broken_rows_are_told_and_mended(vaulted: House, api: Api) -> None:
    rows = table(Setting)
    put(api, {"max_file_size_bytes": 7, "trash_retention_days": 7})
    for name, text in (("max_file_size_bytes", "{{{"), ("trash_retention_days", "[7]")):
        vaulted.write(sa.update(rows).where(rows.c.name == name).values(value=text))
    document = api.get(HERE).json()
    assert document["problems"].keys() == {"max_file_size_bytes", "trash_retention_days"}
    assert all(text.endswith(".") for text in document["problems"].values())
    assert document["values"]["max_file_size_bytes"] == 104_857_600
    document = saved(put(api, {"max_file_size_bytes": 104_857_600, "trash_retention_days": None}))
    assert document["problems"] == {}
    assert document["values"]["trash_retention_days"] == 30


def test_a_backend_that_is_gone_is_told_and_another_one_chosen(vaulted: House, api: Api) -> None:
    put(api, {"backend": "filesystem", "max_file_size_bytes": 7})
    vaulted.write(
        sa.text(
            "INSERT INTO setting (module, name, value, updated_at)"
            " VALUES ('file_storage', 'backend', '\"gone\"', '2026-01-01 00:00:00')"
        )
    )
    document = api.get(HERE).json()
    assert (document["values"]["backend"], document["problems"].keys()) == ("gone", {"backend"})
    assert saved(put(api, {"backend": "filesystem"}))["problems"] == {}


# --- trying ---------------------------------------------------------------------


def tried(api: Api, values: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = api.post(f"{HERE}/test", json={"values": values, **more})
    assert answer.status_code == 200, answer.content
    document: dict[str, Any] = answer.json()
    assert document.keys() == {"ok", "backend", "steps"}
    for step in document["steps"]:
        assert step.keys() == {"name", "ok", "ms", "cause", "message"}
        assert (step["cause"] is None) == (step["message"] is None) == step["ok"]
        assert step["ms"] >= 0
    return document


def test_values_are_tried_before_they_are_saved(vaulted: House, api: Api, vault: Vault) -> None:
    document = tried(api, vault.settings(SECRET), backend="vault")
    assert (document["ok"], document["backend"]) == (True, "vault")
    assert {step["name"] for step in document["steps"]} >= {"write", "read", "delete"}
    assert vault.heard
    assert vault.kept == {}, "nothing stays"
    assert vaulted.count(Setting) == 0


def test_what_failed_is_told_as_a_word_and_a_sentence(api: Api, vault: Vault) -> None:
    document = tried(api, vault.settings("a wrong secret"), backend="vault")
    assert document["ok"] is False
    failed = next(step for step in document["steps"] if not step["ok"])
    assert failed["cause"] == "credentials"
    assert failed["message"].endswith(".")
    assert any(step["cause"] == "skipped" for step in document["steps"])


def test_what_is_saved_already_need_not_be_sent(api: Api, vault: Vault) -> None:
    put(api, vault.settings(SECRET, backend="vault"))
    for values in ({}, {"vault_secret": "", "vault_key_id": MASKED}):
        assert tried(api, values)["backend"] == "vault"
        assert tried(api, values)["ok"]
    assert tried(api, {}, backend="filesystem")["backend"] == "filesystem"
    assert not tried(api, {"vault_secret": "another"})["ok"]
    assert tried(api, {})["ok"], "what was tried was not saved"


def test_what_does_not_fit_is_not_tried(api: Api, vault: Vault) -> None:
    values = vault.settings(SECRET, vault_room="NO", vault_seconds=0, backend="vault")
    assert wrong(api.post(f"{HERE}/test", json={"values": values})).keys() == {"vault_room", "vault_seconds"}
    assert wrong(api.post(f"{HERE}/test", json={"values": {}, "backend": "vault"})).keys() >= {"vault_secret"}
    assert wrong(api.post(f"{HERE}/test", json={"values": {}, "backend": "tape"})).keys() == {"backend"}
    assert vault.heard == []


@pytest.mark.parametrize("body", [{}, {"values": []}, {"values": {}, "backend": 5}, {"values": {}, "version": 0}])
def test_a_test_of_another_shape_is_refused(api: Api, body: dict[str, Any]) -> None:
    wrong(api.post(f"{HERE}/test", json=body))


def test_trying_is_not_for_reading(api: Api) -> None:
    for method in ("GET", "HEAD", "PUT"):
        assert api.request(method, f"{HERE}/test").status_code == 405


# --- who ------------------------------------------------------------------------


def test_with_a_cookie_the_csrf_header_is_needed(vaulted: House) -> None:
    browser = vaulted.api()
    form = {"username": "admin", "password": PASSWORD}
    token = csrf_of(browser.get("/account/login").content.decode())
    assert browser.post("/account/login", data={**form, "csrf_token": token}).status_code == 303
    token = csrf_of(browser.get("/account/login").content.decode())
    body = {"json": {"values": {"trash_retention_days": 7}}}
    problem(browser.put(HERE, **body), "csrf_failed")
    problem(browser.post(f"{HERE}/test", **body), "csrf_failed")
    assert browser.get(HERE).json()["version"] == 0
    assert browser.put(HERE, headers={"X-CSRFToken": token}, **body).status_code == 200


def test_file_scopes_do_not_reach_settings(vaulted: House) -> None:
    scopes = [p.value for p in Permission if p is not Permission.SETTINGS]
    for caller in (vaulted.api("admin", *scopes), vaulted.api("uploader")):
        for method, path in (("GET", MODULES), ("GET", HERE), ("PUT", HERE), ("POST", f"{HERE}/test")):
            told = problem(caller.request(method, path, json={"values": {}}), "forbidden")
            assert told["permission"] == "admin.settings"
