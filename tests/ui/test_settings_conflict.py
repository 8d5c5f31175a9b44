"""Two people save settings: the second is told what the first did, and chooses."""

import pytest

from tests.support import cloud
from tests.support.app import House
from tests.ui.conftest import HTMX, Visitor, focused, page_of
from tests.ui.settings_forms import KEY_ID, SECRET, SETTINGS, alert, control, saved, send, version


def meanwhile(house: House, **values: object) -> None:
    with house.app.app_context():
        house.services.settings.update("file_storage", values, house.uploader.actor)


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_both_values_are_shown_and_one_is_chosen(house: House, admin: Visitor, headers: dict[str, str]) -> None:
    page = admin.open(SETTINGS)
    meanwhile(house, trash_retention_days=90, file_visibility="own")
    answer = send(admin, page, headers=headers, trash_retention_days="60", max_file_size_bytes="5 MB")
    assert answer.status_code == 409
    assert focused(answer)[0] == "errs"
    said = alert(answer)
    assert "Somebody else saved meanwhile." in said
    assert "Keep mine: 60 days" in said
    assert "Take theirs: 90 days" in said
    assert "by uploader" in said
    assert "Largest file" not in said
    assert saved(house)["trash_retention_days"] == 90
    page = page_of(answer)
    assert control(page, "trash_retention_days")["value"] == "60"
    assert next(v["value"] for _, v in page.tags if v.get("name") == "file_visibility" and "checked" in v) == "own"
    assert send(admin, page, headers=headers).status_code in (200, 303)
    found = saved(house)
    assert (found["trash_retention_days"], found["max_file_size_bytes"], found["file_visibility"]) == (
        60,
        5_000_000,
        "own",
    )


def test_theirs_is_taken(house: House, admin: Visitor) -> None:
    page = admin.open(SETTINGS)
    meanwhile(house, trash_retention_days=90)
    page = page_of(send(admin, page, trash_retention_days="60", max_file_size_bytes="5 MB"))
    assert send(admin, page, keep__trash_retention_days="theirs").status_code == 303
    assert (saved(house)["trash_retention_days"], saved(house)["max_file_size_bytes"]) == (90, 5_000_000)


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [({"trash_retention_days": 60}, "60"), ({"max_file_size_bytes": 7}, "60")],
    ids=["same", "apart"],
)
def test_what_does_not_collide_is_only_told(house: House, admin: Visitor, theirs: dict[str, object], mine: str) -> None:
    page = admin.open(SETTINGS)
    meanwhile(house, **theirs)
    answer = send(admin, page, trash_retention_days=mine)
    assert answer.status_code == 409
    assert "which do not touch theirs" in alert(answer)
    assert "Take theirs" not in answer.text
    assert send(admin, page_of(answer)).status_code == 303
    assert saved(house)["trash_retention_days"] == 60


def test_a_third_save_is_a_conflict_again(house: House, admin: Visitor) -> None:
    page = admin.open(SETTINGS)
    meanwhile(house, trash_retention_days=90)
    page = page_of(send(admin, page, trash_retention_days="60"))
    meanwhile(house, trash_retention_days=91)
    answer = send(admin, page)
    assert answer.status_code == 409
    assert "Take theirs: 91 days" in alert(answer)


def test_a_mistake_does_not_hide_that_somebody_else_saved(house: House, admin: Visitor) -> None:
    page = admin.open(SETTINGS)
    meanwhile(house, trash_retention_days=90)
    page = page_of(send(admin, page, trash_retention_days="60", max_file_size_bytes="x"))
    assert send(admin, page, max_file_size_bytes="5 MB").status_code == 409


@pytest.mark.parametrize(
    ("name", "first", "mine"), [("cloud_token", SECRET, "mine-1234"), ("cloud_key_id", KEY_ID, "MINE")]
)
def test_of_secrets_only_who_and_when_is_told(house: House, admin: Visitor, name: str, first: str, mine: str) -> None:
    cloud.install(house)
    page = admin.open(SETTINGS)
    meanwhile(house, **{name: first})
    answer = send(admin, page, **{name: mine})
    assert answer.status_code == 409
    assert "by uploader" in alert(answer)
    assert "What was entered is not shown." in alert(answer)
    assert first not in answer.text
    assert mine not in answer.text
    page = page_of(answer)
    assert send(admin, page, **{name: mine}).status_code == 303
    assert saved(house)[name] == mine


def test_the_version_of_a_page_is_that_of_its_values(house: House, admin: Visitor) -> None:
    meanwhile(house, trash_retention_days=90)
    page = admin.open(SETTINGS)
    assert next(v["value"] for _, v in page.tags if v.get("name") == "form.version") == str(version(house))
