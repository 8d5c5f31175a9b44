"""The palette: files, pages and commands for what is being typed."""

from urllib.parse import quote

import pytest

from tests.support.app import House
from tests.support.browser import Page
from tests.ui.conftest import BROWSE, HTMX, Visitor, assert_ours, page_of, read
from webapp.ui.palette import MOST_FILES

PALETTE = "/file-storage/palette"


def typed(who: Visitor, q: str) -> Page:
    answer = who.get(f"{PALETTE}?q={quote(q)}", headers=HTMX)
    assert answer.status_code == 200
    return page_of(answer)


def options(page: Page) -> list[dict[str, str]]:
    return [values for _, values in page.tags if values.get("role") == "option"]


def hrefs(page: Page) -> list[str]:
    return [values["href"] for values in options(page) if "href" in values]


def test_before_anything_is_typed_it_offers_pages_and_commands(admin: Visitor) -> None:
    page = typed(admin, "")
    assert hrefs(page)[:2] == [BROWSE, "/file-storage/trash"]
    assert {v.get("data-command") for v in options(page)} >= {"upload", "keys", "theme-dark", "theme-light"}
    assert [v["aria-selected"] for v in options(page)].count("true") == 1
    ids = [v["id"] for v in options(page)]
    assert len(set(ids)) == len(ids)


def test_files_are_found_by_any_part_of_their_name(house: House, admin: Visitor) -> None:
    file = house.upload(name="Annual Report.pdf")
    house.upload(name="other.bin")
    page = typed(admin, "rEPor")
    assert hrefs(page) == [f"{BROWSE}?file={file.id}"]
    assert "Annual Report.pdf" in page.text
    assert admin.get(hrefs(page)[0]).status_code == 200


def test_it_shows_a_few_files_at_most(house: House, admin: Visitor) -> None:
    for n in range(MOST_FILES + 3):
        house.upload(name=f"report {n}.txt")
    assert len(hrefs(typed(admin, "report"))) == MOST_FILES


def test_pages_and_commands_are_found_by_their_words(admin: Visitor) -> None:
    assert hrefs(typed(admin, "TRAS")) == ["/file-storage/trash"]
    assert [v.get("data-command") for v in options(typed(admin, "dark"))] == ["theme-dark"]


@pytest.mark.parametrize(
    "q", ["<img src=x onerror=alert(1)>", '"><b>', "{{7*7}}", "\0", "\u202e", "x" * 5000, "%", "_"]
)
def test_what_is_typed_is_text(house: House, admin: Visitor, q: str) -> None:
    house.upload(name="a.txt")
    page = typed(admin, q)
    assert_ours(page)
    assert "img" not in {tag for tag, _ in page.tags}
    assert "a.txt" not in page.text


def test_nothing_found_is_said(admin: Visitor) -> None:
    page = typed(admin, "<i>nothing")
    assert "Nothing found for <i>nothing" in " ".join(page.text.split())
    assert options(page)[0]["aria-disabled"] == "true"


def test_a_name_is_text(house: House, admin: Visitor) -> None:
    house.upload(name="<script>x\u202e\"'.txt")
    page = typed(admin, "script")
    assert_ours(page)
    assert "<script>x\u202e\"'.txt" in page.text


def test_of_other_peoples_files_there_is_no_trace(house: House, uploader: Visitor) -> None:
    house.configure(file_visibility="own")
    house.upload(house.stranger, name="secret.txt")
    assert not hrefs(typed(uploader, "secret"))


def test_it_offers_what_one_may(house: House, uploader: Visitor) -> None:
    assert not [href for href in hrefs(typed(uploader, "")) if href.startswith("/admin")]
    token = house.token("uploader", "file_storage.delete")
    headers = {"Authorization": f"Bearer {token}", **HTMX}
    page = read(PALETTE, house.api().get(PALETTE, headers=headers).content.decode())
    assert "upload" not in {v.get("data-command") for v in options(page)}
    house.upload(name="keys.txt")
    page = read(PALETTE, house.api().get(f"{PALETTE}?q=key", headers=headers).content.decode())
    assert "keys.txt" not in page.text


def test_nobody_signed_in_finds_nothing(visitor: Visitor) -> None:
    answer = visitor.get(f"{PALETTE}?q=a", headers=HTMX)
    assert (answer.status_code, answer.text) == (401, "")
