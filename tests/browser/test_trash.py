"""The trash: back again, or gone for good."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.looks import in_both_widths, on_desktop
from tests.browser.pages import TRASH, bulk, button, expect_names, question, row, tick, toasts
from tests.browser.shelf import SAMPLES, Shelf
from tests.support.chromium import Look, Visits, screenshot

GONE = ["minutes.txt", "prices.csv", "backup.zip"]


@pytest.fixture
def page(page: Page, shelf: Shelf) -> Page:
    """The trash of the admin, with three files in it."""
    shelf.trash(*GONE)
    page.goto(f"{TRASH}?sort=name")
    return page


@pytest.fixture
def full(page: Page, shelf: Shelf) -> Page:
    """The same with all samples in it: so many that their number has to be typed."""
    shelf.trash(*(set(SAMPLES) - set(GONE)))
    page.reload()
    return page


def test_it_tells_what_is_in_it(page: Page, look: Look) -> None:
    expect_names(page, *sorted(GONE))
    expect(page.get_by_text("in 30 days").first).to_be_attached()
    assert_accessible(page)
    screenshot(page, f"trash-{look.name}")


@in_both_widths
def test_a_file_is_restored(page: Page, shelf: Shelf) -> None:
    button(row(page, shelf.id("minutes.txt")), "Restore minutes.txt").click()
    expect(toasts(page)).to_have_text("1 file restored.")
    expect_names(page, "backup.zip", "prices.csv")
    expect(row(page, shelf.id("prices.csv")).locator(".mid")).to_be_focused()
    assert shelf.names() == set(SAMPLES) - {"backup.zip", "prices.csv"}


@in_both_widths
def test_several_are_restored_and_what_was_gone_is_told(page: Page, shelf: Shelf) -> None:
    tick(page, *(shelf.id(name) for name in GONE))
    shelf.people["admin"].purge(shelf.files["backup.zip"])
    button(bulk(page), "Restore").click()
    expect(toasts(page)).to_contain_text("2 of 3 files restored. One was already gone.")
    assert shelf.names() == set(SAMPLES) - {"backup.zip"}


def test_deleting_for_good_asks_first(page: Page, shelf: Shelf, look: Look) -> None:
    tick(page, shelf.id("minutes.txt"), shelf.id("prices.csv"))
    button(bulk(page), "Delete for good").click()
    expect(question(page).get_by_role("heading")).to_have_text("Delete 2 files for good?")
    expect(button(question(page), "Keep files")).to_be_focused()
    assert_accessible(page)
    screenshot(page, f"trash-purge-{look.name}")
    assert shelf.names("trash") == set(GONE)
    button(question(page), "Delete 2 files for good").click()
    expect(toasts(page)).to_have_text("2 files deleted for good.")
    expect_names(page, "backup.zip")
    assert shelf.names("trash") == {"backup.zip"}


@on_desktop
def test_one_is_deleted_for_good_from_its_row(page: Page, shelf: Shelf) -> None:
    button(page, "Delete minutes.txt for good").click()
    expect(question(page)).to_contain_text("minutes.txt")
    button(question(page), "Delete for good").click()
    expect(toasts(page)).to_have_text("1 file deleted for good.")
    assert shelf.names("trash") == {"prices.csv", "backup.zip"}


@in_both_widths
def test_to_empty_it_the_number_of_files_has_to_be_typed(full: Page, shelf: Shelf, look: Look) -> None:
    page = full
    button(page, "Empty trash").click()
    expect(question(page).get_by_role("heading")).to_have_text("Delete 10 files for good?")
    field = question(page).get_by_label("Type 10 to confirm")
    erase = button(question(page), "Delete 10 files for good")
    expect(field).to_be_focused()
    expect(erase).to_be_disabled()
    field.fill("9")
    expect(erase).to_be_disabled()
    field.fill("10")
    expect(erase).to_be_enabled()
    assert_accessible(page)
    screenshot(page, f"trash-typed-{look.name}")
    erase.click()
    expect(page.get_by_text("The trash is empty")).to_be_visible()
    expect(toasts(page)).to_have_text("10 files deleted for good.")
    assert shelf.names("trash") == set()


@on_desktop
def test_what_came_after_the_question_stays(full: Page, shelf: Shelf) -> None:
    page = full
    newcomer = shelf.put("newcomer.txt")
    button(page, "Empty trash").click()
    expect(question(page)).to_be_visible()
    shelf.people["admin"].trash(newcomer)
    question(page).get_by_label("Type 10 to confirm").fill("10")
    button(question(page), "Delete 10 files for good").click()
    expect_names(page, "newcomer.txt")
    assert shelf.names("trash") == {"newcomer.txt"}


@in_both_widths
def test_an_empty_trash_says_so(page: Page, shelf: Shelf, look: Look) -> None:
    shelf.clear()
    page.reload()
    expect(page.get_by_text("The trash is empty")).to_be_visible()
    assert_accessible(page)
    screenshot(page, f"trash-empty-{look.name}")


@on_desktop
def test_users_restore_but_do_not_erase(visit: Visits, shelf: Shelf) -> None:
    shelf.trash("minutes.txt")
    page = visit("uploader")
    page.goto(TRASH)
    expect(button(page, "Restore minutes.txt")).to_be_visible()
    expect(page.get_by_role("button", name="Delete for good")).to_have_count(0)
    expect(page.get_by_role("button", name="Empty trash")).to_have_count(0)
