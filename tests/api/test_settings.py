"""Settings over JSON: shown and saved, all or none; secrets go in and never come out."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import jsonschema_rs
import pytest

from tests.support.app import Answer, Api, House
from tests.support.problems import problem
from tests.support.settings import HERE, MASKED, MODULES, SECRET, put, saved, wrong
from tests.support.vault import KEY_ID, Vault
from webapp.contracts import SettingField, SettingsModule
from webapp.contracts.events import Event, SettingsChanged
from webapp.models import Setting

GREETING = SettingsModule(
    name="greeting",
    title="Greeting",
    fields=(
        SettingField(name="text", help="What is said.", default="Hello"),
        SettingField(name="times", help="How often.", type="integer", minimum=1, default=1),
    ),
    check=lambda values: {"text": "Too long to be said so often."} if values["times"] > 3 else {},
)


# --- looking --------------------------------------------------------------------


def test_the_modules_are_listed_the_core_s_first(vaulted: House, api: Api) -> None:
    vaulted.services.settings.add(GREETING)
    assert api.get(MODULES).json() == {
        "items": [
            {"name": "file_storage", "title": "File storage"},
            {"name": "activity", "title": "Activity and events"},
            {"name": "greeting", "title": "Greeting"},
        ]
    }


def test_a_fresh_house_has_its_defaults(api: Api) -> None:
    answer = api.get(HERE)
    document = answer.json()
    assert answer.headers["Cache-Control"] == "no-store"
    assert (document["name"], document["title"], document["version"]) == ("file_storage", "File storage", 0)
    assert (
        document["values"].items()
        >= {
            "backend": "filesystem",
            "fs_root_path": "./uploads",
            "max_file_size_bytes": 104_857_600,
            "allowed_content_types": None,
            "file_visibility": "all",
            "trash_retention_days": 30,
            "vault_seconds": 300,
            "vault_url": None,
            "vault_cold": False,
        }.items()
    )
    assert document["secrets"]["vault_secret"] == {"set": False, "updated_at": None, "updated_by": None}
    assert not document["values"].keys() & document["secrets"].keys()
    assert document["pinned"] == document["changed"] == document["problems"] == {}


def test_the_schema_is_one_and_knows_every_field(api: Api) -> None:
    document = api.get(HERE).json()
    schema = document["schema"]
    jsonschema_rs.meta.validate(schema)
    assert schema["properties"].keys() == document["values"].keys() | document["secrets"].keys()
    assert schema["properties"]["vault_secret"]["writeOnly"] is True
    assert jsonschema_rs.is_valid(schema, document["values"])
    assert not jsonschema_rs.is_valid(schema, {"max_file_size_bytes": 0})
    assert not jsonschema_rs.is_valid(schema, {"colour": "red"})


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_an_unknown_module_is_not_found(api: Api, method: str) -> None:
    for name in ("other", "File_Storage", "file_storage%00", "x" * 300):
        body = {"json": {"values": {}}} if method == "PUT" else {}
        problem(api.request(method, f"{MODULES}/{name}", **body), "not_found")
        problem(api.post(f"{MODULES}/{name}/test", json={"values": {}}), "not_found")


# --- saving ---------------------------------------------------------------------


def test_a_save_answers_with_what_counts_from_now_on(api: Api, heard: list[Event]) -> None:
    document = saved(put(api, {"trash_retention_days": 7, "allowed_content_types": ["image/*"]}))
    assert document == api.get(HERE).json()
    assert document["version"] == 1
    assert document["values"]["trash_retention_days"] == 7
    assert document["values"]["allowed_content_types"] == ["image/*"]
    assert document["changed"].keys() == {"trash_retention_days", "allowed_content_types"}
    assert document["changed"]["trash_retention_days"]["by"] == "admin"
    [event] = heard
    assert isinstance(event, SettingsChanged)
    assert (event.actor_name, event.names) == ("admin", ("allowed_content_types", "trash_retention_days"))


def test_nothing_resets(api: Api) -> None:
    put(api, {"trash_retention_days": 7, "max_file_size_bytes": 5})
    document = saved(put(api, {"trash_retention_days": None}))
    assert (document["values"]["trash_retention_days"], document["version"]) == (30, 2)
    assert document["changed"].keys() == {"max_file_size_bytes"}


def test_saving_what_is_the_case_already_is_no_save(api: Api, heard: list[Event]) -> None:
    put(api, {"trash_retention_days": 7})
    assert saved(put(api, {"trash_retention_days": 7}))["version"] == 1
    assert saved(put(api, {}))["version"] == 1
    assert len(heard) == 1


def test_one_wrong_value_saves_none(vaulted: House, api: Api, heard: list[Event]) -> None:
    errors = wrong(
        put(
            api,
            {
                "trash_retention_days": 7,
                "max_file_size_bytes": 0,
                "file_visibility": "some",
                "backend": "tape",
                "colour": "red",
                "vault_secret": [SECRET],
            },
        )
    )
    assert errors.keys() == {"max_file_size_bytes", "file_visibility", "backend", "colour", "vault_secret"}
    assert errors["max_file_size_bytes"] == "Enter a number from 1 to 9223372036854775807."
    assert vaulted.count(Setting) == 0
    assert heard == []
    assert api.get(HERE).json()["version"] == 0


@pytest.mark.parametrize("url", ["http\u017f://example.com/", "https://example.com/\u212a"])
def test_an_address_in_letters_that_only_look_alike_is_wrong(api: Api, url: str) -> None:
    assert wrong(put(api, {"s3_endpoint_url": url})).keys() == {"s3_endpoint_url"}


def test_a_backend_is_not_chosen_without_what_it_needs(api: Api) -> None:
    assert wrong(put(api, {"backend": "vault"})).keys() == {"vault_url", "vault_room", "vault_key_id", "vault_secret"}


def test_what_a_backend_says_is_said(api: Api, vault: Vault) -> None:
    assert wrong(put(api, vault.settings(vault_room="full", backend="vault"))) == {
        "vault_room": "This room is always full."
    }


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"values"}),
        ({"values": None}, {"values"}),
        ({"values": []}, {"values"}),
        ({"values": "trash_retention_days=7"}, {"values"}),
        ({"values": {}, "version": "1.5"}, {"version"}),
        ({"values": {}, "version": -1}, {"version"}),
        ({"values": {}, "version": True}, {"version"}),
        ({"values": {}, "confirm_in_use": "yes"}, {"confirm_in_use"}),
        ({"values": {}, "more": 1}, {"more"}),
        ({"trash_retention_days": 7}, {"trash_retention_days"}),
    ],
)
def test_a_body_of_another_shape_is_refused(api: Api, body: dict[str, Any], fields: set[str]) -> None:
    assert wrong(api.put(HERE, json=body)).keys() == fields


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"values": {"vault_secret": "\xff"}}'])
def test_what_is_no_json_object_is_a_bad_request(api: Api, body: bytes) -> None:
    problem(api.put(HERE, data=body), "bad_request")
    problem(api.post(f"{HERE}/test", data=body), "bad_request")


def test_another_module_is_saved_in_the_same_way(vaulted: House, api: Api) -> None:
    vaulted.services.settings.add(GREETING)
    there = f"{MODULES}/greeting"
    assert wrong(api.put(there, json={"values": {"times": 4}})) == {"text": "Too long to be said so often."}
    document = saved(api.put(there, json={"values": {"times": 2}}))
    assert (document["values"], document["version"]) == ({"text": "Hello", "times": 2}, 1)
    assert api.get(HERE).json()["version"] == 0
    problem(api.post(f"{there}/test", json={"values": {}}), "not_found")


# --- secrets --------------------------------------------------------------------


def test_a_secret_goes_in_and_only_that_it_is_there_comes_out(api: Api, vault: Vault) -> None:
    document = saved(put(api, vault.settings(SECRET)))
    told = document["secrets"]["vault_secret"]
    assert (told["set"], told["updated_by"]) == (True, "admin")
    assert told["updated_at"] == document["changed"]["vault_secret"]["at"]
    assert document["values"]["vault_key_id"] == MASKED


@pytest.mark.parametrize("kept", [{}, {"vault_secret": "", "vault_key_id": ""}, {"vault_key_id": MASKED}])
def test_what_was_not_entered_again_stays(vaulted: House, api: Api, vault: Vault, kept: dict[str, str]) -> None:
    put(api, vault.settings(SECRET))
    document = saved(put(api, {"vault_note": "x", **kept}))
    assert document["changed"].keys() >= {"vault_note"}
    assert document["secrets"]["vault_secret"]["set"] is True
    with vaulted.app.app_context():
        values = vaulted.services.settings.values("file_storage")
    assert (values["vault_key_id"], values["vault_secret"]) == (KEY_ID, SECRET)


def test_a_secret_is_replaced_and_cleared(vaulted: House, api: Api, vault: Vault) -> None:
    put(api, vault.settings(SECRET))
    saved(put(api, {"vault_secret": "another one"}))
    with vaulted.app.app_context():
        assert vaulted.services.settings.values("file_storage")["vault_secret"] == "another one"
    document = saved(put(api, {"vault_secret": None}))
    assert document["secrets"]["vault_secret"] == {"set": False, "updated_at": None, "updated_by": None}


def test_another_host_needs_the_secret_again(api: Api, vault: Vault) -> None:
    put(api, vault.settings(SECRET))
    moved = {"vault_url": "http://127.0.0.1:9"}
    assert wrong(put(api, moved)).keys() == {"vault_secret"}
    assert wrong(api.post(f"{HERE}/test", json={"values": moved, "backend": "vault"})).keys() == {"vault_secret"}
    assert saved(put(api, {**moved, "vault_secret": SECRET}))["values"]["vault_url"] == moved["vault_url"]


def test_credentials_of_files_are_not_taken_away_in_passing(vaulted: House, api: Api, vault: Vault) -> None:
    put(api, vault.settings(SECRET, backend="vault"))
    vaulted.upload()
    put(api, {"backend": "filesystem"})
    assert wrong(put(api, {"vault_secret": None})).keys() == {"vault_secret"}
    assert saved(put(api, {"vault_secret": None}, confirm_in_use=True))["secrets"]["vault_secret"]["set"] is False


# --- two at once ----------------------------------------------------------------


def test_whoever_looked_at_an_older_version_is_told_what_counts_now(api: Api, vault: Vault) -> None:
    put(api, vault.settings(SECRET, trash_retention_days=7))
    mine = {"trash_retention_days": 9, "vault_secret": "another", "vault_key_id": "VKIDanotherkey", "vault_note": "x"}
    document = problem(put(api, mine, version=0), "conflict")
    assert document["version"] == 1
    assert document["current"] == {"trash_retention_days": 7, "vault_key_id": MASKED, "vault_note": None}
    assert api.get(HERE).json()["values"]["trash_retention_days"] == 7
    assert saved(put(api, mine, version=1))["version"] == 2


@pytest.mark.parametrize("version", [0, 2, 2**62])
def test_another_version_is_a_conflict_even_where_the_values_are_the_same(api: Api, version: int) -> None:
    put(api, {"trash_retention_days": 7})
    assert problem(put(api, {"trash_retention_days": 7}, version=version), "conflict")["version"] == 1


def test_without_a_version_the_last_one_wins(api: Api) -> None:
    put(api, {"trash_retention_days": 7})
    assert saved(put(api, {"trash_retention_days": 9}))["values"]["trash_retention_days"] == 9


@pytest.mark.parametrize("same", [False, True], ids=["other values", "the same value"])
def test_of_saves_at_once_one_wins_and_the_others_are_told(vaulted: House, *, same: bool) -> None:
    admins = [vaulted.api("admin") for _ in range(8)]
    for version in range(3):
        barrier = Barrier(len(admins))

        def save(number: int, version: int = version, barrier: Barrier = barrier) -> Answer:
            barrier.wait(30)
            days = 100 * (version + 1) + (0 if same else number)
            return put(admins[number], {"trash_retention_days": days}, version=version)

        with ThreadPoolExecutor(len(admins)) as pool:
            found = list(pool.map(save, range(len(admins))))
        [won] = [answer for answer in found if answer.status_code == 200]
        document = won.json()
        assert document["version"] == version + 1
        for answer in found:
            if answer is not won:
                told = problem(answer, "conflict")
                assert told["version"] == version + 1
                assert told["current"]["trash_retention_days"] == document["values"]["trash_retention_days"]
