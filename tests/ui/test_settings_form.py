"""Saving settings: what differs is saved, what is wrong is told, values are typed as people write them."""

import re
from typing import Any

import pytest

from tests.support import cloud
from tests.support.app import House
from tests.ui.conftest import HTMX, Visitor, focused, page_of
from tests.ui.settings_forms import SETTINGS, alert, block, control, fields_of, page_at, saved, send, version
from webapp.contracts.events import Event, SettingsChanged
from webapp.contracts.settings import SettingField
from webapp.ui.settings_values import bytes_of, meant, size, written

GERMAN = {"Accept-Language": "de", "Accept": "text/html"}


@pytest.fixture
def cloudy(house: House) -> House:
    cloud.install(house)
    return house


# --- saving ----------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_what_was_changed_is_saved_and_told(house: House, admin: Visitor, headers: dict[str, str]) -> None:
    answer = send(admin, headers=headers, trash_retention_days="7", max_file_size_bytes="1.5 GiB")
    assert answer.status_code == (200 if headers else 303)
    page = page_at(admin, answer)
    assert "Saved. Live now on every worker." in page.text
    assert control(page, "max_file_size_bytes")["value"] == "1.5 GiB"
    assert (saved(house)["trash_retention_days"], saved(house)["max_file_size_bytes"]) == (7, 3 * 2**29)


def test_only_what_was_changed_is_saved(house: House, admin: Visitor, heard: list[Event]) -> None:
    page = admin.open(SETTINGS)
    house.configure(max_file_size_bytes=77)
    heard.clear()
    assert send(admin, page, trash_retention_days="7", form__version=str(version(house))).status_code == 303
    assert [event.names for event in heard if isinstance(event, SettingsChanged)] == [("trash_retention_days",)]
    assert saved(house)["max_file_size_bytes"] == 77


def test_a_form_that_nobody_touched_saves_nothing(cloudy: House, admin: Visitor, heard: list[Event]) -> None:
    cloudy.configure(cloud_token="s", cloud_key_id="AKIAZ5XN2QTL7HDP4WCE", cloud_labels=["a", "b"], cloud_verify=False)
    heard.clear()
    before = version(cloudy)
    page = page_at(admin, send(admin))
    assert "Nothing was changed." in page.text
    assert version(cloudy) == before
    assert not [event for event in heard if isinstance(event, SettingsChanged)]


@pytest.mark.parametrize("typed", ["100 MiB", "104857600", " 104,857,600 bytes ", "102400 KiB", "100MiB"])
def test_the_same_value_written_otherwise_is_no_change(house: House, admin: Visitor, typed: str) -> None:
    assert send(admin, max_file_size_bytes=typed).status_code == 303
    assert version(house) == 0


def test_a_value_that_is_the_default_is_not_kept(house: House, admin: Visitor) -> None:
    house.configure(trash_retention_days=7, allowed_content_types=["image/*"])
    assert send(admin, trash_retention_days="30", allowed_content_types="").status_code == 303
    with house.app.app_context():
        assert not [each for each in house.services.settings.view("file_storage").fields if each.stored]


def test_a_form_that_names_one_field_changes_that_field(house: House, admin: Visitor) -> None:
    house.configure(file_visibility="own")
    answer = admin.post(SETTINGS, {"csrf_token": admin.token(), "max_file_size_bytes": "2048"})
    assert answer.status_code == 303
    assert (saved(house)["max_file_size_bytes"], saved(house)["file_visibility"]) == (2048, "own")


def test_a_switch_is_switched_off_and_on(cloudy: House, admin: Visitor) -> None:
    page = admin.open(SETTINGS)
    assert fields_of(page).getlist("cloud_verify") == ["false", "true"]
    assert send(admin, page, cloud_verify="false").status_code == 303
    assert saved(cloudy)["cloud_verify"] is False
    page = admin.open(SETTINGS)
    assert fields_of(page).getlist("cloud_verify") == ["false"]
    assert send(admin, page, cloud_verify="true").status_code == 303
    assert saved(cloudy)["cloud_verify"] is True


def test_a_list_is_a_text_with_commas(cloudy: House, admin: Visitor) -> None:
    assert send(admin, cloud_labels=" one,two,, three ").status_code == 303
    assert saved(cloudy)["cloud_labels"] == ("one", "two", "three")
    assert control(admin.open(SETTINGS), "cloud_labels")["value"] == "one, two, three"


def test_switching_the_backend_tells_what_stays(cloudy: House, admin: Visitor) -> None:
    cloudy.upload()
    text = admin.get(SETTINGS).text
    assert "1 file stays in Filesystem. It stays readable from there." in text
    assert send(admin, backend="cloud", cloud_host="https://192.0.2.1").status_code in (303, 422)


# --- what is wrong -----------------------------------------------------------------------

WRONG = [
    ("trash_retention_days", "0", "Enter 1 day to 3,650 days."),
    ("trash_retention_days", "soon", "This is no whole number."),
    ("trash_retention_days", "", "This is no whole number."),
    ("max_file_size_bytes", "0", "Enter 1 byte or more."),
    ("max_file_size_bytes", "12 XB", "Enter a size such as 100 MB or 1.5 GiB, or a number of bytes."),
    ("max_file_size_bytes", "-5", "Enter 1 byte or more."),
    ("allowed_content_types", "image/png, nonsense", "nonsense is no media type"),
    ("backend", "nowhere", "There is no such backend."),
    ("file_visibility", "<b>", "This is none of the choices."),
    ("fs_root_path", "/etc", "belongs to the system"),
    ("cloud_patience", "0", "Enter 1 second or more."),
    ("cloud_host", "ftp://x", "https://"),
    ("cloud_verify", "perhaps", "neither true nor false"),
]


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
@pytest.mark.parametrize(("name", "typed", "sentence"), WRONG)
def test_what_is_wrong_is_told_beside_the_field_and_at_the_top(
    cloudy: House, admin: Visitor, headers: dict[str, str], name: str, typed: str, sentence: str
) -> None:
    values = {"trash_retention_days": "7", "cloud_labels": "kept", name: typed}
    answer = send(admin, headers=headers, **values)
    assert answer.status_code == 422
    assert version(cloudy) == 0
    assert "Nothing was saved. 1 field needs attention." in alert(answer)
    assert sentence in alert(answer)
    assert sentence in block(answer.text, name)
    page = page_of(answer)
    assert f"#f-{name}" in {v.get("href") for _, v in page.tags}
    assert control(page, name).get("aria-describedby", "").startswith(f"f-{name}-e")
    assert focused(answer)[0] == "errs"
    assert control(page, "cloud_labels")["value"] == "kept"
    assert answer.text.count("has errors") == 1


def test_what_was_typed_stays_and_can_be_mended(house: House, admin: Visitor) -> None:
    answer = send(admin, trash_retention_days="seven", max_file_size_bytes="5 MB")
    page = page_of(answer)
    assert control(page, "trash_retention_days")["value"] == "seven"
    assert "2 unsaved changes" not in page.text
    assert "1 field needs attention" in page.text
    assert send(admin, page, trash_retention_days="7").status_code == 303
    assert (saved(house)["trash_retention_days"], saved(house)["max_file_size_bytes"]) == (7, 5_000_000)


@pytest.mark.parametrize("typed", ['"><script>alert(1)</script>', "{{7*7}}", "\u202e", "x" * 5000, "a\x00b", "%s{0}"])
def test_what_is_typed_is_text(cloudy: House, admin: Visitor, typed: str) -> None:
    for name in ("cloud_host", "fs_root_path", "cloud_labels", "cloud_token", "cloud_key_id", "trash_retention_days"):
        answer = send(admin, **{name: typed})
        assert answer.status_code in (303, 422), name
        assert "<script>alert" not in answer.text


def test_names_that_are_no_fields_are_not_looked_at(house: House, admin: Visitor) -> None:
    answer = send(admin, nothing="7", default="nothing", replace="'", form__version="9" * 30)
    assert answer.status_code == 303
    assert version(house) == 0


# --- back to the default -------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_a_default_is_filled_in_and_not_saved_yet(house: House, admin: Visitor, headers: dict[str, str]) -> None:
    house.configure(trash_retention_days=7)
    before = version(house)
    answer = send(admin, headers=headers, max_file_size_bytes="5 MB", default="trash_retention_days")
    assert answer.status_code == 200
    page = page_of(answer)
    assert control(page, "trash_retention_days")["value"] == "30"
    assert control(page, "max_file_size_bytes")["value"] == "5 MB"
    assert "2 unsaved changes" in page.text
    assert focused(answer) == ["trash_retention_days"]
    assert version(house) == before
    assert send(admin, page).status_code == 303
    assert saved(house)["trash_retention_days"] == 30


def test_there_is_a_way_back_from_what_differs_only(house: House, admin: Visitor) -> None:
    assert not re.findall(r'name="default"', admin.get(SETTINGS).text)
    house.configure(trash_retention_days=7)
    assert re.findall(r'name="default" value="(\w+)"', admin.get(SETTINGS).text) == ["trash_retention_days"]
    assert "Reset to 30 days" in block(admin.get(SETTINGS).text, "trash_retention_days")


# --- sizes and numbers ---------------------------------------------------------------------


def field(**options: Any) -> SettingField:
    return SettingField(name="x", help="x", **options)


BYTES = field(type="integer", format="bytes")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"), (1, "1 byte"), (1000, "1 KB"), (1024, "1 KiB"), (1536, "1.5 KiB"), (104_857_600, "100 MiB"),
        (100_000_000, "100 MB"), (1_234_567, "1,234,567 bytes"), (2**63 - 1, "9,223,372,036,854,775,807 bytes"),
        (2**62, "4 EiB"), (10**18, "1 EB"), (1_500_000_000, "1.5 GB"), (1_048_577, "1,048,577 bytes"),
    ],
)  # fmt: skip
def test_a_size_is_shown_exactly(house: House, count: int, text: str) -> None:
    with house.app.test_request_context("/"):
        assert size(count) == text
        assert bytes_of(text) == count
    with house.app.test_request_context("/", headers=GERMAN):
        assert bytes_of(size(count)) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("100 MB", 100_000_000), ("100mb", 100_000_000), ("1.5 GiB", 3 * 2**29), ("1,5 GiB", 3 * 2**29),
        ("2048", 2048), ("2 048", 2048), ("1,500 MB", 1_500_000_000), ("1.3 GiB", 1_395_864_371), ("0.5 kb", 500),
        ("12 XB", None), ("", None), ("MB", None), ("1 2 MB x", None), ("-5", None), ("1e3", None), ("1..5 MB", None),
        ("1,5,5", None), ("٣ MB", None), ("9" * 65, None), ("nan", None), ("0x10", None),
    ],
)  # fmt: skip
def test_a_size_is_typed_as_people_write_it(house: House, text: str, count: int | None) -> None:
    with house.app.test_request_context("/"):
        assert bytes_of(text) == count


def test_numbers_are_typed_as_the_language_writes_them(house: House) -> None:
    days = field(type="integer", format="days")
    with house.app.test_request_context("/"):
        assert meant(days, "604,800") == 604_800
        assert meant(days, "1.5") == "1.5"
        assert meant(days, "7 ") == 7
    with house.app.test_request_context("/", headers=GERMAN):
        assert (bytes_of("1.500 MB"), bytes_of("1,5 GiB"), bytes_of("1.5 GiB")) == (1_500_000_000, 3 * 2**29, 3 * 2**29)
        assert written(BYTES, 1_234_567) == "1.234.567 Byte"
        assert bytes_of("1.234.567 Byte") == 1_234_567
        assert meant(days, "604.800") == 604_800
