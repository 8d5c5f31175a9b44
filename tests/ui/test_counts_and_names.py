"""What the pages say about files without being asked: how many there are, and which names are not what they seem."""

import re

import pytest

from tests.support.app import House
from tests.support.browser import Page
from tests.ui.conftest import BROWSE, HTMX, TRASH, Visitor, page_of


def counts(text: str) -> dict[str, str]:
    return dict(re.findall(r'<span class="count" id="count-(\w+)"[^>]*>([^<]*)</span>', text))


def badges(page: Page) -> int:
    return len([values for _, values in page.tags if "badge-warn" in values.get("class", "").split()])


def test_the_navigation_counts_files_and_trash(house: House, admin: Visitor) -> None:
    ids = [str(house.upload(name=f"{n}.txt").id) for n in range(3)]
    assert counts(admin.get(BROWSE).text) == {"files": "3", "trash": "0"}
    page = admin.open(f"{BROWSE}?q=nothing")
    answer = admin.send_bulk(page, "/file-storage/files/delete", headers=HTMX, id=ids[:2])
    assert counts(answer.text) == {"files": "1", "trash": "2"}, "whatever the filter"
    for path in (TRASH, "/account/", "/account/tokens"):
        assert counts(admin.get(path).text) == {"files": "1", "trash": "2"}, path


def test_large_numbers_are_grouped(house: House, admin: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.services.usage.tallies.total", lambda *_, **__: (1_234_567, 5_000_000_000))
    assert counts(admin.get("/account/").text) == {"files": "1,234,567", "trash": "1,234,567"}


def test_everyone_counts_what_they_see(house: House, uploader: Visitor, admin: Visitor) -> None:
    house.upload(house.stranger)
    house.configure(file_visibility="own")
    assert counts(uploader.get(f"{TRASH}").text) == {"trash": "0"}, "files are no entry of theirs"
    assert counts(uploader.get(BROWSE, headers=HTMX).text) == {"trash": "0"}, "htmx finds a place for each"
    assert counts(admin.get(BROWSE).text)["files"] == "1"
    house.upload(house.uploader)
    page = uploader.open()
    ids = [v["value"] for _, v in page.tags if v.get("name") == "id"]
    answer = uploader.send_bulk(page, "/file-storage/files/delete", headers=HTMX, id=ids)
    assert counts(answer.text) == {"trash": "1"}


DISGUISED = {"invoice\u202efdp.exe": ".exe", "a\u2066b.js": ".js", "\u200fjpg.\u200fexe": ".exe", "\u202etxt": ""}
PLAIN = ("invoice.exe", "مستند.pdf", "😀.txt", "e\u0301.txt", "a-b.c")


@pytest.mark.parametrize("name", DISGUISED)
def test_a_name_that_turns_its_letters_round_shows_its_true_ending(house: House, admin: Visitor, name: str) -> None:
    file = house.upload(name=name)
    assert file.filename == name, "kept as it was sent"
    page = admin.open(f"{BROWSE}?file={file.id}")
    assert badges(page) == 2, "in the row and in the details"
    assert f"Its true ending is{DISGUISED[name]}" in page.text
    admin.press(page, f"/file-storage/files/{file.id}/delete")
    page = admin.open(TRASH)
    assert badges(page) == 1
    assert page_of(admin.press(page, f"/file-storage/trash/{file.id}/ask")).text.count(name) == 1


def test_other_names_have_no_such_badge(house: House, admin: Visitor) -> None:
    for name in PLAIN:
        house.upload(name=name)
    assert badges(admin.open()) == 0
