"""The page of settings: for whom it is, and that it is drawn from what the fields say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support import cloud
from tests.support.app import House, make_house
from tests.ui.conftest import HTMX, Visitor, assert_ours, page_of
from tests.ui.settings_forms import SETTINGS, block, control, ids, send
from webapp.contracts.settings import SettingField, SettingsModule
from webapp.db import table
from webapp.models import Setting, Tally


def spoil(house: House, name: str, text: str) -> None:
    """Put something into the table that no service would."""
    with house.app.app_context():
        house.services.settings.update("file_storage", {"trash_retention_days": 31})
    row = table(Setting)
    house.write(sa.update(row).where(row.c.name == "trash_retention_days").values(name=name, value=text))


def add_module(house: House, **options: Any) -> None:
    fields = (
        SettingField(name="colour", help="Of the bell.", choices=("red", "green"), default="red", required=True),
        SettingField(name="volume", help="How loud.", type="integer", default=3, minimum=1, maximum=11),
        SettingField(name="backend", help="Not that one.", default="none"),
    )
    house.services.settings.add(SettingsModule(name="bells", title="Bells", fields=fields, **options))


@pytest.mark.parametrize("path", ["/settings", SETTINGS])
def test_it_is_for_those_who_may_change_settings(
    visitor: Visitor, uploader: Visitor, admin: Visitor, path: str
) -> None:
    assert visitor.get(path).headers["Location"].startswith("/account/login")
    assert uploader.get(path).status_code == 403
    assert admin.get(path, follow_redirects=True).request.path == SETTINGS


@pytest.mark.parametrize("path", ["", "/test"])
def test_nobody_else_sends_it(house: House, uploader: Visitor, path: str) -> None:
    data = {"csrf_token": uploader.token(), "trash_retention_days": "7", "probe": "filesystem"}
    assert uploader.post(f"{SETTINGS}{path}", data).status_code == 403


def test_a_form_of_another_site_is_refused(house: House, admin: Visitor) -> None:
    assert admin.post(SETTINGS, {"trash_retention_days": "7"}).status_code == 403
    assert admin.post(f"{SETTINGS}/test", {"probe": "filesystem"}).status_code == 403


@pytest.mark.parametrize("path", ["/settings/modules/nothing", "/settings/modules/nothing/test"])
def test_a_module_that_is_not_there_is_not_found(admin: Visitor, path: str) -> None:
    assert admin.post(path, {"csrf_token": admin.token()}).status_code == 404
    assert admin.get(path).status_code in (404, 405)


def test_a_test_is_never_a_link(admin: Visitor) -> None:
    assert admin.get(f"{SETTINGS}/test?probe=filesystem").status_code == 405


def test_every_field_has_a_control_in_its_section(house: House, admin: Visitor) -> None:
    cloud.install(house)
    page = admin.open(SETTINGS)
    with house.app.app_context():
        names = {each.field.name for each in house.services.settings.view("file_storage").fields}
    assert ids(page) >= {f"f-{name}" for name in names}
    sections = [values["id"] for _, values in page.tags if values.get("id", "").startswith("section-")]
    sections = [each for each in sections if not each.endswith("-h")]
    expected = {
        "section-backend",
        "section-backend-filesystem",
        "section-backend-cloud",
        "section-uploads",
        "section-trash",
        "section-access",
    }
    assert expected <= set(sections)
    links = [values["href"][1:] for _, values in page.tags if values.get("href", "").startswith("#section-")]
    assert links == sections
    assert_ours(page)


def test_what_kind_of_control_follows_from_the_field(house: House, admin: Visitor) -> None:
    cloud.install(house)
    page = admin.open(SETTINGS)
    assert control(page, "cloud_token")["type"] == "password"
    assert control(page, "cloud_token")["autocomplete"] == "new-password"
    assert control(page, "cloud_key_id")["type"] == "text"
    assert control(page, "cloud_host")["inputmode"] == "url"
    assert control(page, "cloud_verify")["role"] == "switch"
    assert "checked" in control(page, "cloud_verify")
    assert "data-tags" in control(page, "cloud_labels")
    assert control(page, "cloud_patience")["inputmode"] == "numeric"
    text = admin.get(SETTINGS).text
    assert "seconds" in block(text, "cloud_patience")
    assert [tier in block(text, "cloud_tier") for tier in ("hot", "warm", "cold")] == [True] * 3
    assert "Cloud host" in block(text, "cloud_host")
    assert "Where it answers." in block(text, "cloud_host")


def test_backends_are_cards_those_of_third_parties_too(house: House, admin: Visitor) -> None:
    cloud.install(house)
    house.upload()
    text = block(admin.get(SETTINGS).text, "backend")
    assert "Cloud drive" in text
    assert "A drive somewhere else." in text
    assert text.count("Active") == 1
    assert "1 file<" in text
    assert "0 files<" in text


def test_files_in_a_backend_that_is_not_installed_are_told_of(house: House, admin: Visitor) -> None:
    file = house.upload()
    house.age(file, backend="gone")
    house.write(sa.update(table(Tally)).values(backend="gone"))
    page = admin.open(SETTINGS)
    assert "1 file is in “gone”, which is not installed." in " ".join(page.text.split())
    assert "gone" not in {values.get("value") for _, values in page.tags if values.get("type") == "radio"}


def test_another_module_has_a_page_of_its_own(house: House, admin: Visitor) -> None:
    add_module(house, help="For the tower.")
    page = admin.open("/settings/modules/bells")
    assert "For the tower." in page.text
    assert ids(page) >= {"f-colour", "f-volume", "section-general"}
    assert control(page, "backend")["type"] == "text"
    assert "Not that one." in page.text
    assert [v["href"] for _, v in page.tags if v.get("aria-current") == "page"] == [SETTINGS, "/settings/modules/bells"]
    assert "Bells" in admin.open(SETTINGS).text
    assert_ours(page)


def test_it_says_who_changed_what_and_when(house: House, admin: Visitor) -> None:
    with house.app.app_context():
        house.services.settings.update("file_storage", {"trash_retention_days": 7}, house.admin.actor)
    text = block(admin.get(SETTINGS).text, "trash_retention_days")
    assert "<bdi>admin</bdi>" in text
    assert "<time datetime=" in text
    house.configure(max_file_size_bytes=5)
    assert "<bdi>admin" not in block(admin.get(SETTINGS).text, "max_file_size_bytes")
    page = admin.open(SETTINGS)
    assert "/admin/activity?kind=SettingsChanged" in {values.get("href") for _, values in page.tags}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("trash_retention_days", "-7"), ("trash_retention_days", "no json"), ("max_file_size_bytes", '"<b>"'),
        ("backend", '"gone"'), ("backend", "7"), ("allowed_content_types", '["x"]'), ("cloud_token", '"in clear"'),
        ("cloud_token", '{"sealed": "garbage"}'), ("cloud_verify", "9"), ("cloud_key_id", "[]"), ("cloud_tier", '"x"'),
    ],
)  # fmt: skip
def test_what_is_broken_is_told_and_mended(house: House, admin: Visitor, name: str, text: str) -> None:
    cloud.install(house)
    spoil(house, name, text)
    answer = admin.get(SETTINGS)
    assert answer.status_code == 200
    assert "1 setting cannot be used as it is stored." in answer.text
    page = page_of(answer)
    aim = next(
        v["href"] for tag, v in page.tags if tag == "a" and v.get("href", "")[1:] in (f"f-{name}", f"replace-{name}")
    )
    assert aim[1:] in ids(page)
    assert "garbage" not in answer.text
    assert send(admin, **{f"clear__{name}": "1"}).status_code == 303
    assert "cannot be used as" not in admin.get(SETTINGS).text
    with house.app.app_context():
        view = house.services.settings.view("file_storage")
    assert [each.field.name for each in view.fields if each.problem or each.stored] == []


def test_what_is_broken_is_mended_by_choosing_the_default(house: House, admin: Visitor) -> None:
    spoil(house, "backend", '"gone"')
    page = admin.open(SETTINGS)
    assert not [v for _, v in page.tags if v.get("name") == "backend" and "checked" in v]
    assert send(admin, page, backend="filesystem").status_code == 303
    assert "cannot be used" not in admin.get(SETTINGS).text


def test_what_the_environment_sets_is_shown_and_not_changed(
    tmp_path: Path, sqlite_template: Path, sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = make_house(
        sqlite_house.config.data_dir, FILE_STORAGE_TRASH_RETENTION_DAYS="12", FILE_STORAGE_BACKEND="filesystem",
        FILE_STORAGE_CLOUD_TOKEN="very secret", FILE_STORAGE_CLOUD_KEY_ID="AKIAZ5XN2QTL7HDP4WCE",
        FILE_STORAGE_CLOUD_VERIFY="false",
    )  # fmt: skip
    cloud.install(pinned)
    admin = Visitor(pinned)
    admin.sign_in("admin")
    answer = admin.get(SETTINGS)
    page = page_of(answer)
    field = control(page, "trash_retention_days")
    assert (field["value"], "readonly" in field, "name" in field) == ("12", True, False)
    assert "Set by <code>FILE_STORAGE_TRASH_RETENTION_DAYS</code>." in answer.text
    assert "very secret" not in answer.text
    assert "AKIAZ5XN2QTL7HDP4WCE" not in answer.text
    assert "AKIA••••••••4WCE" in answer.text
    assert "replace-cloud_token" not in ids(page)
    assert "disabled" in control(page, "cloud_verify")
    radios = [v for _, v in page.tags if v.get("name") == "backend"]
    assert radios
    assert all("disabled" in v for v in radios)
    for names in (
        {"trash_retention_days": "5"},
        {"backend": "cloud"},
        {"cloud_token": "x"},
        {"clear__cloud_token": "1"},
    ):
        assert send(admin, page, **names).status_code == 303
    with pinned.app.app_context():
        assert pinned.services.settings.view("file_storage").version == 0
    pinned.close()


def test_htmx_gets_the_form_alone(admin: Visitor) -> None:
    answer = admin.get(SETTINGS, headers=HTMX)
    assert answer.text.lstrip().startswith('<div class="settings" id="settings"')
    assert "<html" not in answer.text


def test_it_is_in_the_menu_and_the_palette(admin: Visitor, person: Callable[[str], Visitor]) -> None:
    assert SETTINGS in {values.get("href") for _, values in admin.open().tags}
    assert SETTINGS in admin.get("/file-storage/palette?q=settin", headers=HTMX).text
    assert SETTINGS not in person("uploader").get("/account/").text
