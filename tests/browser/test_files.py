"""The list of files, and what is done to one of them."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.looks import in_both_widths, on_desktop
from tests.browser.pages import FILES, TRASH, expect_names, names, row
from tests.browser.shelf import SAMPLES, Shelf
from tests.support.chromium import Look, screenshot

NEWEST_FIRST = list(reversed(SAMPLES))
HOSTILE = [
    "<svg onload=alert(1)>.txt",
    "\"><img src=x onerror='alert(1)'>.png",
    "{{ 7 * 7 }} {count} %s.txt",
    "\u202egnp.exe",
    "😀" * 60 + ".txt",
    "a'b&amp;c<b>.txt",
]


def test_the_list_shows_every_file_and_nothing_to_complain_about(page: Page, look: Look) -> None:
    page.goto(FILES)
    expect(page).to_have_title("Files · Stowage")
    assert names(page) == NEWEST_FIRST
    assert_accessible(page)
    screenshot(page, f"files-{look.name}")


def test_nothing_is_wider_than_the_window(page: Page, look: Look) -> None:
    page.goto(FILES)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= look.width


@in_both_widths
def test_an_empty_store_says_what_to_do(page: Page, shelf: Shelf, look: Look) -> None:
    shelf.clear()
    page.goto(FILES)
    expect(page.get_by_text("No files yet")).to_be_visible()
    assert_accessible(page)
    screenshot(page, f"files-empty-{look.name}")


def test_a_search_is_the_address_and_back_undoes_it(page: Page) -> None:
    page.goto(FILES)
    page.get_by_role("searchbox").fill("minu")
    page.get_by_role("searchbox").press("Enter")
    expect_names(page, "minutes.txt")
    assert "q=minu" in page.url
    page.reload()
    expect_names(page, "minutes.txt")
    page.go_back()
    expect_names(page, *NEWEST_FIRST)
    page.go_forward()
    expect_names(page, "minutes.txt")


@on_desktop
def test_a_heading_sorts(page: Page) -> None:
    page.goto(FILES)
    page.get_by_role("columnheader", name="Size").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Size")).to_have_attribute("aria-sort", "descending")
    by_size = sorted(SAMPLES, key=lambda name: len(SAMPLES[name][0]), reverse=True)
    expect_names(page, *by_size)


def test_a_file_comes_out_as_it_went_in(page: Page, shelf: Shelf, look: Look, tmp_path: Path) -> None:
    name = "holiday at the sea.png"
    page.goto(FILES)
    with page.expect_download() as download:
        page.get_by_role("link", name=f"Download {name}").first.click()
    download.value.save_as(tmp_path / "it")
    assert download.value.suggested_filename == name
    assert (tmp_path / "it").read_bytes() == SAMPLES[name][0]


def test_a_file_goes_to_the_trash_and_undo_brings_it_back(page: Page, shelf: Shelf) -> None:
    page.goto(FILES)
    page.get_by_role("button", name="Move minutes.txt to the trash").click()
    expect(page.get_by_text("1 file moved to the trash.")).to_be_visible()
    expect(row(page, shelf.id("minutes.txt"))).to_have_count(0)
    assert_accessible(page)
    page.get_by_role("button", name="Undo").click()
    expect(row(page, shelf.id("minutes.txt"))).to_be_visible()
    assert shelf.names() == set(SAMPLES)


@in_both_widths
def test_several_are_ticked_and_go_together(page: Page, shelf: Shelf, look: Look) -> None:
    page.goto(FILES)
    for name in ("minutes.txt", "prices.csv"):
        row(page, shelf.id(name)).get_by_role("checkbox").check()
    assert_accessible(page)
    screenshot(page, f"files-selected-{look.name}")
    page.get_by_role("region", name="Selected files").get_by_role("button", name="Move to trash").click()
    expect(page.get_by_text("2 files moved to the trash.")).to_be_visible()
    assert shelf.names("trash") == {"minutes.txt", "prices.csv"}


@in_both_widths
@pytest.mark.parametrize("where", [FILES, TRASH])
def test_whatever_a_file_is_called_is_text(page: Page, shelf: Shelf, look: Look, where: str) -> None:
    shelf.clear()
    for name in HOSTILE:
        shelf.put(name)
    if where == TRASH:
        shelf.trash(*HOSTILE)
    page.goto(where)
    assert sorted(names(page)) == sorted(HOSTILE)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= look.width
    assert_accessible(page)
    screenshot(page, f"names-{where.strip('/').replace('/', '-')}-{look.name}")
