"""Details of a file, beside the list."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.looks import in_both_widths, on_desktop
from tests.browser.pages import FILES, button, expect_names, link, panel, row, toasts
from tests.browser.shelf import SAMPLES, Shelf
from tests.support.chromium import Look, Visits, Watch, screenshot

NEWEST_FIRST = list(reversed(SAMPLES))


def expect_details(page: Page, name: str) -> None:
    expect(panel(page).get_by_role("heading", level=2)).to_have_text(name)


@in_both_widths
def test_they_are_opened_and_closed(page: Page, shelf: Shelf) -> None:
    page.goto(FILES)
    link(page, "minutes.txt").click()
    expect_details(page, "minutes.txt")
    expect(panel(page).locator("#insp-title")).to_be_focused()
    expect(page).to_have_url(re.compile(f"file={shelf.id('minutes.txt')}"))
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()
    expect(link(page, "minutes.txt")).to_be_focused()
    expect(page).to_have_url(re.compile(f"{FILES}$"))


@on_desktop
def test_every_field_and_its_history_are_there(page: Page, shelf: Shelf) -> None:
    file = shelf.files["minutes.txt"]
    page.goto(f"{FILES}?file={file['id']}")
    for value in ("800 bytes", "text/plain", "Filesystem", file["uploaded_by_name"], file["id"], file["key"]):
        expect(panel(page)).to_contain_text(value)
    expect(panel(page)).to_contain_text(file["checksum_sha256"])
    expect(panel(page).locator(".log")).to_contain_text(f"{file['uploaded_by_name']} uploaded it")


@on_desktop
def test_the_address_shows_them_again(page: Page, shelf: Shelf) -> None:
    page.goto(FILES)
    link(page, "minutes.txt").click()
    expect_details(page, "minutes.txt")
    page.reload()
    expect_details(page, "minutes.txt")
    page.go_back()
    expect(panel(page)).to_be_hidden()
    page.go_forward()
    expect_details(page, "minutes.txt")


@on_desktop
def test_j_and_k_go_through_the_list(page: Page, shelf: Shelf) -> None:
    page.goto(FILES)
    row(page, shelf.id(NEWEST_FIRST[1])).locator("a.mid").click()
    expect_details(page, NEWEST_FIRST[1])
    expect(panel(page).locator("#insp-title")).to_be_focused()
    page.keyboard.press("j")
    expect_details(page, NEWEST_FIRST[2])
    expect(row(page, shelf.id(NEWEST_FIRST[2])).locator("a.mid")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("k")
    expect_details(page, NEWEST_FIRST[0])
    expect(page).to_have_url(re.compile(shelf.id(NEWEST_FIRST[0])))
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()
    expect(row(page, shelf.id(NEWEST_FIRST[0])).locator("a.mid")).to_be_focused()


@in_both_widths
def test_buttons_lead_to_the_next_and_the_previous_file(page: Page, shelf: Shelf) -> None:
    page.goto(f"{FILES}?file={shelf.id(NEWEST_FIRST[1])}")
    button(panel(page), "Next file").click()
    expect_details(page, NEWEST_FIRST[2])
    button(panel(page), "Previous file").click()
    expect_details(page, NEWEST_FIRST[1])
    panel(page).locator("[data-close-panel]").click()
    expect(panel(page)).to_be_hidden()


@in_both_widths
def test_a_file_is_renamed_in_its_row_too(page: Page, shelf: Shelf, look: Look, watch: Watch) -> None:
    watch.expect("status of 422|Response Status Error Code 422")
    page.goto(f"{FILES}?file={shelf.id('minutes.txt')}")
    panel(page).locator("summary").click()
    field = panel(page).get_by_label("New name")
    field.fill("  ")
    button(panel(page), "Save").click()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    assert_accessible(page)
    screenshot(page, f"panel-rename-wrong-{look.name}")
    field.fill("<i>minutes & more.txt")
    field.press("Enter")
    expect_details(page, "<i>minutes & more.txt")
    expect(row(page, shelf.id("minutes.txt")).locator(".mid")).to_have_attribute("title", "<i>minutes & more.txt")
    expect(toasts(page)).to_contain_text("File renamed.")
    expect(panel(page).locator(".log")).to_contain_text("renamed it from minutes.txt")


@on_desktop
def test_key_checksum_and_link_are_copied(visit: Visits, shelf: Shelf) -> None:
    page = visit("admin", permissions=["clipboard-read", "clipboard-write"])
    file = shelf.files["minutes.txt"]
    page.goto(f"{FILES}?file={file['id']}")
    for label, text in (("Copy storage key", file["key"]), ("Copy SHA-256 checksum", file["checksum_sha256"])):
        button(panel(page), label).click()
        expect(page.locator("#say")).to_have_text("Copied")
        assert page.evaluate("() => navigator.clipboard.readText()") == text
    button(panel(page), "Copy link").click()
    expect(toasts(page)).to_contain_text("Link copied.")
    address = page.evaluate("() => navigator.clipboard.readText()")
    assert page.request.get(address).body() == SAMPLES["minutes.txt"][0]


@on_desktop
def test_moved_to_the_trash_they_close(page: Page, shelf: Shelf) -> None:
    page.goto(f"{FILES}?file={shelf.id('minutes.txt')}")
    button(panel(page), "Move to trash").click()
    expect(toasts(page)).to_contain_text("1 file moved to the trash.")
    expect(panel(page)).to_be_hidden()
    expect(row(page, shelf.id("minutes.txt"))).to_have_count(0)


@on_desktop
def test_a_file_that_is_gone_says_so(page: Page, shelf: Shelf) -> None:
    shelf.trash("minutes.txt")
    page.goto(f"{FILES}?file={shelf.id('minutes.txt')}")
    expect_details(page, "This file is gone")
    assert_accessible(page)
    panel(page).locator("[data-close-panel]").click()
    expect(panel(page)).to_be_hidden()
    expect_names(page, *(name for name in NEWEST_FIRST if name != "minutes.txt"))


@pytest.mark.parametrize(
    ("name", "selector"),
    [
        ("holiday at the sea.png", ".preview img"),
        ("logo.svg", ".preview img"),
        ("voice memo.wav", "audio"),
        ("contract 2026.pdf", "iframe"),
        ("minutes.txt", "pre"),
        ("backup.zip", ".tile-xl"),
    ],
)
def test_each_kind_has_its_preview(page: Page, shelf: Shelf, look: Look, name: str, selector: str) -> None:
    page.goto(f"{FILES}?file={shelf.id(name)}")
    shown = panel(page).locator(selector)
    expect(shown).to_be_visible()
    if selector.endswith("img"):
        page.wait_for_function("(image) => image.complete && image.naturalWidth > 0", arg=shown.element_handle())
    if selector == "audio":
        page.wait_for_function("(audio) => audio.readyState > 0 && audio.duration > 0", arg=shown.element_handle())
    if selector == "pre":
        expect(shown).to_contain_text("Present: everybody.")
    # What is in the frame of a document is the browser's own.
    if selector != "iframe":
        assert_accessible(page)
    screenshot(page, f"panel-{name.rsplit('.', maxsplit=1)[-1]}-{look.name}")


@in_both_widths
def test_a_broken_picture_leaves_the_icon(page: Page, shelf: Shelf, look: Look) -> None:
    broken = shelf.put("broken.png", b"\x89PNG\r\n\x1a\n" + b"no picture" * 9, "image/png")
    page.goto(f"{FILES}?file={broken}")
    expect(panel(page).locator(".preview img")).to_have_count(0)
    expect(panel(page).locator(".preview svg")).to_be_visible()
    screenshot(page, f"panel-broken-{look.name}")
