"""What happened, in a real browser: narrowed, walked back in time, taken away."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.looks import in_both_widths, on_desktop, on_phone
from tests.browser.pages import button, scrolls_sideways
from tests.browser.shelf import Shelf
from tests.support.chromium import Look, Visits, screenshot
from tests.support.server import Server

ACTIVITY = "/admin/activity"


def test_it_has_nothing_to_complain_about(page: Page, look: Look) -> None:
    page.goto(ACTIVITY)
    assert_accessible(page)
    screenshot(page, f"activity-{look.name}")
    page.locator("#chip-kind").click()
    expect(page.get_by_label("Uploaded", exact=True)).to_be_focused()
    assert_accessible(page)
    screenshot(page, f"activity-kinds-{look.name}")


@on_phone
@pytest.mark.parametrize("language", ["en-GB", "de-DE"])
def test_on_a_phone_a_row_is_what_and_when_and_below_it_whom_it_is_about(
    visit: Visits, shelf: Shelf, look: Look, language: str
) -> None:
    shelf.trash("minutes.txt")
    page = visit(locale=language)
    page.goto(f"{ACTIVITY}?kind=FileDeleted")
    row = page.locator("#feed-table tbody tr:not(.day)").first
    when, who, what, subject, _ = [cell.bounding_box() for cell in row.get_by_role("cell").all()]
    assert when
    assert who
    assert what
    assert subject
    assert what["x"] < when["x"]
    assert abs(what["y"] + what["height"] / 2 - when["y"] - when["height"] / 2) < 4
    assert what["y"] < subject["y"] < who["y"]
    assert not scrolls_sideways(page)
    screenshot(page, f"activity-{language}-{look.name}")


@on_desktop
def test_several_kinds_are_chosen_while_the_menu_stays_open(page: Page) -> None:
    page.goto(ACTIVITY)
    page.locator("#chip-kind").click()
    page.get_by_label("Signed in", exact=True).check()
    expect(page).to_have_url(re.compile("kind=SignedIn$"))
    page.get_by_label("Created account", exact=True).check()
    expect(page).to_have_url(re.compile("kind=UserCreated&kind=SignedIn$"))
    page.keyboard.press("Escape")
    expect(page.locator("#chip-kind")).to_be_focused()
    expect(page.locator("#feed .act", has_text="Uploaded")).to_have_count(0)
    page.get_by_role("link", name="Remove filter Action").click()
    expect(page).to_have_url(re.compile(f"{ACTIVITY}$"))
    expect(page.locator("#kind-SignedIn")).not_to_be_checked()
    expect(page.locator("#list-title")).to_be_focused()
    page.go_back()
    expect(page.locator("#feed .act", has_text="Uploaded")).to_have_count(0)


@on_desktop
def test_older_ones_are_appended_and_the_focus_stays(page: Page, site: Server) -> None:
    for n in range(60):
        site.admin.put(f"/api/file-storage/upload/many{n}.txt", data=b"x")
    page.goto(ACTIVITY)
    rows = page.locator("#feed-table tbody tr:not(.day)")
    expect(rows).to_have_count(50)
    page.locator("#older").focus()
    page.keyboard.press("Enter")
    expect(rows.nth(60)).to_be_visible()
    expect(page.locator("#older")).to_be_focused()
    expect(page.get_by_role("rowheader", name="Today")).to_have_count(1)
    expect(page).to_have_url(re.compile(f"{ACTIVITY}$"))


@on_desktop
def test_the_export_is_a_download_of_what_is_shown(page: Page) -> None:
    page.goto(f"{ACTIVITY}?kind=SignedIn")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert download.value.suggested_filename.endswith(".csv")
    assert all('"SignedIn"' in line for line in lines[1:])


@in_both_widths
def test_it_is_narrowed_without_scripts(plain_page: Page, look: Look) -> None:
    plain_page.goto(ACTIVITY)
    plain_page.locator("#chip-kind").click()
    plain_page.get_by_label("Signed in", exact=True).check()
    plain_page.keyboard.press("Escape")
    button(plain_page, "Search").click()
    expect(plain_page).to_have_url(re.compile("kind=SignedIn"))
    expect(plain_page.locator("#feed .act", has_text="Uploaded")).to_have_count(0)
