"""The trash: back again, or gone for good."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.looks import in_both_widths
from tests.browser.pages import TRASH, button, expect_names, row
from tests.browser.shelf import SAMPLES, Shelf
from tests.support.chromium import Look, Visits, screenshot

GONE = ["minutes.txt", "prices.csv", "backup.zip"]


@pytest.fixture
def page(page: Page, shelf: Shelf) -> Page:
    """The trash of the admin, with three files in it."""
    shelf.trash(*GONE)
    page.goto(f"{TRASH}?sort=name")
    return page


def test_it_tells_what_is_in_it(page: Page, look: Look) -> None:
    expect_names(page, *sorted(GONE))
    expect(page.get_by_text("in 30 days").first).to_be_attached()
    assert_accessible(page)
    screenshot(page, f"trash-{look.name}")


def test_a_file_is_restored(page: Page, shelf: Shelf) -> None:
    button(row(page, shelf.id("minutes.txt")), "Restore minutes.txt").click()
    expect(page.get_by_text("1 file restored.")).to_be_visible()
    expect_names(page, "backup.zip", "prices.csv")
    assert shelf.names() == set(SAMPLES) - {"backup.zip", "prices.csv"}


def test_deleting_for_good_asks_first(page: Page, shelf: Shelf, look: Look) -> None:
    for name in ("minutes.txt", "prices.csv"):
        row(page, shelf.id(name)).get_by_role("checkbox").check()
    page.get_by_role("button", name="Delete for good", exact=True).click()
    expect(page.get_by_role("heading", name="Delete 2 files for good?")).to_be_visible()
    assert_accessible(page)
    screenshot(page, f"trash-purge-{look.name}")
    assert shelf.names("trash") == set(GONE)
    page.get_by_role("button", name="Delete 2 files for good").click()
    expect(page.get_by_text("2 files deleted for good.")).to_be_visible()
    expect_names(page, "backup.zip")
    assert shelf.names("trash") == {"backup.zip"}


@in_both_widths
def test_an_empty_trash_says_so(page: Page, shelf: Shelf, look: Look) -> None:
    shelf.clear()
    page.reload()
    expect(page.get_by_text("The trash is empty")).to_be_visible()
    assert_accessible(page)
    screenshot(page, f"trash-empty-{look.name}")


@in_both_widths
def test_users_restore_but_do_not_erase(visit: Visits, shelf: Shelf) -> None:
    shelf.trash("minutes.txt")
    page = visit("uploader")
    page.goto(TRASH)
    expect(button(page, "Restore minutes.txt")).to_be_visible()
    expect(page.get_by_role("button", name="Delete for good")).to_have_count(0)
