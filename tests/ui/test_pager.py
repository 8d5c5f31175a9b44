# ruff: noqa: RUF001
"""From page to page: short lists by number, long ones by cursor; whoever walks sees everything once."""

from collections.abc import Iterator

import pytest

from tests.support.app import House
from tests.support.browser import Page
from tests.ui.conftest import BROWSE, HTMX, TRASH, Visitor, names_in, page_of
from webapp.ui import lists

ROWS = 60


@pytest.fixture(autouse=True)
def files(house: House) -> list[str]:
    """Sixty files, in the order of their names."""
    return [house.upload(data=b"x" * (n % 7), name=f"{n:02}.txt").filename for n in range(ROWS)]


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists from ten rows on are too long for numbers."""
    monkeypatch.setattr(lists, "NUMBERED_BELOW", 10)


def step(page: Page, name: str) -> str:
    """Where a step of the pager leads; empty if nowhere."""
    return next((v.get("href", "") for _, v in page.tags if v.get("id") == f"page-{name}"), "")


def walk(who: Visitor, address: str, name: str) -> Iterator[Page]:
    while address:
        page = who.open(address)
        yield page
        address = step(page, name)


@pytest.mark.usefixtures("long")
def test_there_and_back_everything_is_seen_once(admin: Visitor, files: list[str]) -> None:
    for sort in ("name", "-name", "created_at", "-size"):
        _there_and_back(admin, files, sort)


def _there_and_back(admin: Visitor, files: list[str], sort: str) -> None:
    there = list(walk(admin, f"{BROWSE}?per_page=25&sort={sort}", "next"))
    assert [len(names_in(page)) for page in there] == [25, 25, 10]
    seen = [name for page in there for name in names_in(page)]
    assert sorted(seen) == files
    last = step(there[0], "last")
    back = list(walk(admin, last, "previous"))
    assert [len(names_in(page)) for page in back] == [25, 25, 10], "from the end, full pages first"
    assert [name for page in reversed(back) for name in names_in(page)] == seen
    assert names_in(admin.open(step(back[0], "first"))) == seen[:25]


@pytest.mark.usefixtures("long")
def test_a_long_list_is_not_numbered_and_says_how_long_it_is(admin: Visitor) -> None:
    first = admin.open(f"{BROWSE}?per_page=25&sort=name")
    assert "1–25 of 60" in first.text
    assert not step(first, "2")
    assert not step(first, "first")
    assert not step(first, "previous")
    second = admin.open(step(first, "next"))
    assert "25 of 60" in second.text
    assert "cursor=" in step(second, "previous")
    assert step(second, "first") == f"{BROWSE}?sort=name&per_page=25"
    assert not [v for _, v in second.tags if v.get("aria-current") == "page" and "page-" in v.get("id", "")]


@pytest.mark.usefixtures("long")
def test_filters_and_sorting_begin_at_the_start(admin: Visitor) -> None:
    second = admin.open(step(admin.open(f"{BROWSE}?per_page=25&sort=name&q=t"), "next"))
    for name in ("sort-size", "rows-50"):
        (href,) = [v["href"] for _, v in second.tags if v.get("id") == name]
        assert "cursor" not in href
        assert "q=t" in href
    cursor = step(admin.open(f"{BROWSE}?per_page=25&sort=name"), "next").partition("cursor=")[2]
    assert "1–25 of 60" in admin.open(f"{BROWSE}?per_page=25&sort=size&cursor={cursor}").text, "of another order"


@pytest.mark.usefixtures("long")
def test_a_page_that_was_emptied_leads_to_the_start(admin: Visitor) -> None:
    last = step(admin.open(f"{BROWSE}?per_page=25&sort=name"), "next")
    last = step(admin.open(last), "next")
    page = admin.open(last)
    ids = [v["value"] for _, v in page.tags if v.get("name") == "id"]
    answer = admin.press(page, "/file-storage/files/delete", id=ids)
    assert names_in(admin.open(answer.headers["Location"]))[0] == "00.txt"
    part = admin.get(last, headers=HTMX)
    assert part.headers["HX-Push-Url"] == f"{BROWSE}?sort=name&per_page=25"
    assert names_in(page_of(part))[0] == "00.txt"


def test_short_lists_are_numbered(admin: Visitor, files: list[str]) -> None:
    pages = list(walk(admin, f"{BROWSE}?per_page=25&sort=name", "next"))
    assert [name for page in pages for name in names_in(page)] == files
    assert step(pages[0], "3") == f"{BROWSE}?sort=name&per_page=25&page=3"
    assert not step(pages[0], "last")
    back = list(walk(admin, step(pages[0], "3"), "previous"))
    assert [name for page in reversed(back) for name in names_in(page)] == files


@pytest.mark.usefixtures("long")
def test_the_trash_is_walked_too(admin: Visitor, files: list[str]) -> None:
    page = admin.open(f"{BROWSE}?per_page=100")
    admin.send_bulk(page, "/file-storage/files/delete", id=[v["value"] for _, v in page.tags if v.get("name") == "id"])
    pages = list(walk(admin, f"{TRASH}?per_page=25", "next"))
    assert sorted(name for page in pages for name in names_in(page)) == files
