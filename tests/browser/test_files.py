"""The list of files: what it shows, and what is done to one of them."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.looks import in_both_widths, on_desktop, on_phone
from tests.browser.pages import FILES, button, link, names, panel, row, scrolls_sideways, toasts
from tests.browser.shelf import SAMPLES, Shelf
from tests.support.chromium import Look, screenshot

NEWEST_FIRST = list(reversed(SAMPLES))


def test_the_list_shows_every_file_and_nothing_to_complain_about(page: Page, look: Look) -> None:
    page.goto(FILES)
    expect(page).to_have_title("Files · Stowage")
    assert names(page) == NEWEST_FIRST
    assert_accessible(page)
    screenshot(page, f"files-{look.name}")


@in_both_widths
def test_an_empty_store_says_what_to_do(page: Page, shelf: Shelf, look: Look) -> None:
    shelf.clear()
    page.goto(FILES)
    expect(page.get_by_text("No files yet")).to_be_visible()
    assert_accessible(page)
    screenshot(page, f"files-empty-{look.name}")


@on_desktop
def test_pictures_have_thumbnails_and_others_the_icon_of_their_kind(page: Page, shelf: Shelf) -> None:
    shelf.put("broken.png", b"\x89PNG\r\n\x1a\n" + b"no picture" * 9, "image/png")
    page.goto(FILES)
    picture = row(page, shelf.id("holiday at the sea.png")).locator(".tile img")
    page.wait_for_function("(image) => image.complete && image.naturalWidth > 0", arg=picture.element_handle())
    expect(row(page, shelf.id("minutes.txt")).locator(".tile img")).to_have_count(0)
    broken = row(page, shelf.id("broken.png"))
    page.wait_for_load_state("networkidle")
    assert broken.locator(".tile img").evaluate_all("(all) => all.every((image) => image.naturalWidth === 0)")
    expect(broken.locator(".tile svg")).to_be_visible()


@on_desktop
def test_a_file_comes_out_as_it_went_in(page: Page, tmp_path: Path) -> None:
    name = "holiday at the sea.png"
    page.goto(FILES)
    with page.expect_download() as download:
        link(page, f"Download {name}").click()
    download.value.save_as(tmp_path / "it")
    assert download.value.suggested_filename == name
    assert (tmp_path / "it").read_bytes() == SAMPLES[name][0]


@on_phone
def test_on_a_phone_it_comes_out_of_the_details(page: Page, shelf: Shelf, tmp_path: Path) -> None:
    page.goto(FILES)
    link(page, "minutes.txt").click()
    with page.expect_download() as download:
        link(panel(page), "Download").click()
    download.value.save_as(tmp_path / "it")
    assert (tmp_path / "it").read_bytes() == SAMPLES["minutes.txt"][0]


def test_a_file_goes_to_the_trash_and_undo_brings_it_back(page: Page, shelf: Shelf, look: Look) -> None:
    page.goto(FILES)
    button(page, "Move minutes.txt to the trash").click()
    expect(toasts(page)).to_contain_text("1 file moved to the trash.")
    expect(row(page, shelf.id("minutes.txt"))).to_have_count(0)
    # The row below it has taken its place, and the focus.
    expect(row(page, shelf.id("contract 2026.pdf")).locator("a.mid")).to_be_focused()
    expect(page.locator("#count-trash")).to_have_text("1")
    assert_accessible(page)
    screenshot(page, f"files-undo-{look.name}")
    button(toasts(page), "Undo").click()
    expect(row(page, shelf.id("minutes.txt"))).to_be_visible()
    expect(toasts(page)).to_have_text("1 file restored.")
    assert shelf.names() == set(SAMPLES)


@on_desktop
def test_what_is_gone_already_is_told(page: Page, shelf: Shelf) -> None:
    page.goto(FILES)
    shelf.trash("minutes.txt")
    button(page, "Move minutes.txt to the trash").click()
    expect(toasts(page)).to_contain_text("That file was already gone.")
    expect(row(page, shelf.id("minutes.txt"))).to_have_count(0)


@on_desktop
@pytest.mark.parametrize(
    "query", ["sort=%00&page=-7&per_page=1e9", "cursor=nonsense", "type=%3Cb%3E&by=x&date=never", "file=1&select=q&q="]
)
def test_a_garbled_address_shows_the_nearest_sensible_page(page: Page, query: str) -> None:
    page.goto(f"{FILES}?{query}")
    assert names(page)


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1440, 1920])
@on_desktop
def test_nothing_is_wider_than_the_window(page: Page, shelf: Shelf, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    shelf.put("M" * 251 + ".txt")
    shelf.put("no-space_" * 20 + ".txt", by="admin")
    for address in (FILES, f"{FILES}?type=image&type=doc&q=e&date=7d", f"{FILES}?file={shelf.id('logo.svg')}"):
        page.goto(address)
        assert not scrolls_sideways(page), f"{address} at {width}"
    shelf.trash("M" * 251 + ".txt")
    for address in ("/file-storage/trash", "/account/", "/account/tokens/new", "/admin/users", "/admin/activity"):
        page.goto(address)
        assert not scrolls_sideways(page), f"{address} at {width}"
