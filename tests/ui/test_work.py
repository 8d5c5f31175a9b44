"""Work on many files, step by step: by itself where scripts run, by a button where none do."""

import pytest
from werkzeug.test import TestResponse

from tests.support.app import House
from tests.support.browser import Form, Page
from tests.ui.conftest import BROWSE, HTMX, TRASH, Visitor, assert_ours, names_in, page_of
from webapp.ui import work

FILES = 27
DELETE, RESTORE, PURGE = "/file-storage/files/delete", "/file-storage/files/restore", "/file-storage/trash/purge"


@pytest.fixture(autouse=True)
def slow(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request does ten files, and there are more of them."""
    monkeypatch.setattr(work, "STEP", 10)
    monkeypatch.setattr(work, "SECONDS", -1)
    for n in range(FILES):
        house.upload(name=f"{n:02}.txt")


def begin(who: Visitor, list_: str, action: str, headers: dict[str, str] | None = None, **values: str) -> TestResponse:
    page = who.open(f"{list_}?select=all&per_page=25&sort=name")
    token = next(v["value"] for _, v in page.tags if v.get("name") == "all" and v.get("form") == "bulk")
    ids = [v["value"] for _, v in page.tags if v.get("name") == "id" and "checked" in v]
    return who.send_bulk(page, action, headers=headers, all=token, id=ids, **values)


def go_on(who: Visitor, form: Form, headers: dict[str, str] | None = None) -> TestResponse:
    path = form.action.partition("localhost")[2]
    return who.post(path, form.fields, headers={"Accept": "text/html", **(headers or {})})


def bars(page: Page) -> list[tuple[str, str]]:
    return [(v["value"], v["max"]) for tag, v in page.tags if tag == "progress" and v.get("max") != "100"]


def test_where_no_scripts_run_a_page_goes_on_by_a_button(house: House, uploader: Visitor) -> None:
    answer = begin(uploader, BROWSE, DELETE)
    for done in (10, 20):
        assert answer.status_code == 200
        page = page_of(answer)
        assert_ours(page)
        assert "Moving files to the trash" in page.text
        assert f"{done} of 27 done" in page.text
        assert bars(page) == [(str(done), "27")]
        assert len(names_in(uploader.open(f"{TRASH}?per_page=100"))) == done
        assert f"{BROWSE}?sort=name&per_page=25" in [v.get("href") for _, v in page.tags], "a way to stop"
        answer = go_on(uploader, page.form(action=DELETE))
    assert answer.headers["Location"] == f"{BROWSE}?sort=name&per_page=25"
    after = uploader.open(answer.headers["Location"])
    assert "27 files moved to the trash." in after.text
    house.assert_consistent()


def test_where_they_do_a_dialog_goes_on_by_itself(house: House, uploader: Visitor) -> None:
    answer = begin(uploader, BROWSE, DELETE, HTMX)
    for done in (10, 20):
        assert answer.headers["HX-Reswap"] == "none", "the list stays as it is meanwhile"
        page = page_of(answer)
        form = next(v for tag, v in page.tags if tag == "form")
        assert form["hx-trigger"].startswith("load")
        assert bars(page) == [(str(done), "27")]
        answer = go_on(uploader, page.form(action=DELETE), HTMX)
    assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == ("#list", "outerHTML")
    page = page_of(answer)
    assert "No files yet" in page.text
    assert "27 files moved to the trash." in page.text
    assert '<span class="count" id="count-trash" hx-swap-oob="true">27</span>' in answer.text


def finish(who: Visitor, answer: TestResponse) -> Page:
    steps = 0
    while answer.status_code == 200:
        form = next(form for form in page_of(answer).forms if "work" in form.fields)
        answer = go_on(who, form)
        steps += 1
        assert steps < 9
    return who.open(answer.headers["Location"])


def test_undo_takes_steps_too_and_brings_back_all_of_them(house: House, uploader: Visitor) -> None:
    after = finish(uploader, begin(uploader, BROWSE, DELETE))
    answer = uploader.send(after.form(action=RESTORE))
    assert "Restoring files" in answer.text
    assert "27 files restored." in finish(uploader, answer).text
    assert len(names_in(uploader.open(f"{BROWSE}?per_page=100"))) == FILES
    house.assert_consistent()


def test_restoring_and_deleting_for_good_take_steps(house: House, admin: Visitor) -> None:
    finish(admin, begin(admin, BROWSE, DELETE))
    assert "27 files restored." in finish(admin, begin(admin, TRASH, RESTORE)).text
    finish(admin, begin(admin, BROWSE, DELETE))
    answer = begin(admin, TRASH, PURGE, typed="27")
    assert "Deleting files for good" in answer.text
    assert len(house.on_disk()) == 17
    assert "27 files deleted for good." in finish(admin, answer).text
    assert not house.on_disk()
    house.assert_consistent()


def test_a_walk_that_is_stopped_leaves_what_was_done(house: House, uploader: Visitor) -> None:
    begin(uploader, BROWSE, DELETE)
    assert len(names_in(uploader.open(f"{BROWSE}?per_page=100"))) == 17
    house.assert_consistent()


def test_newcomers_are_spared_in_every_step(house: House, uploader: Visitor) -> None:
    answer = begin(uploader, BROWSE, DELETE)
    house.upload(name="newcomer.txt")
    assert "27 files moved" in finish(uploader, answer).text
    assert names_in(uploader.open()) == ["newcomer.txt"]


def test_work_of_another_account_is_refused(uploader: Visitor, admin: Visitor) -> None:
    form = page_of(begin(uploader, BROWSE, DELETE)).form(action=DELETE)
    page = admin.open()
    for action in (DELETE, RESTORE, PURGE):
        assert admin.send_bulk(page, action, work=form.fields["work"]).status_code == 422
    assert uploader.send_bulk(page, DELETE, work=f"{form.fields['work']}x").status_code in (403, 422)


def test_work_goes_on_only_where_it_was_begun(house: House, admin: Visitor, uploader: Visitor) -> None:
    """Whoever may delete, but not for good, cannot turn the one into the other, nor the other way round."""
    work_of = page_of(begin(uploader, BROWSE, DELETE)).form(action=DELETE).fields["work"]
    assert uploader.send_bulk(uploader.open(), PURGE, work=work_of).status_code == 403
    assert len(house.on_disk()) == FILES
