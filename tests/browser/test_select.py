"""Files are ticked one by one, in a row, a page or all that match, and go together."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.looks import in_both_widths, on_desktop
from tests.browser.pages import FILES, bulk, button, question, row, tick, ticked, toasts
from tests.browser.shelf import SAMPLES, Shelf
from tests.support.chromium import Look, screenshot

NEWEST_FIRST = list(reversed(SAMPLES))
TWO = ("minutes.txt", "prices.csv")


def test_the_question_names_what_goes_and_undo_brings_it_back(page: Page, shelf: Shelf, look: Look) -> None:
    page.goto(FILES)
    tick(page, *(shelf.id(name) for name in TWO))
    expect(bulk(page)).to_contain_text("2 selected · 833 bytes")
    screenshot(page, f"files-selected-{look.name}")
    button(bulk(page), "Move to trash").click()
    expect(question(page).get_by_role("heading")).to_have_text("Move 2 files to the trash?")
    for name in TWO:
        expect(question(page).get_by_role("listitem").filter(has_text=name)).to_be_visible()
    expect(button(question(page), "Keep files")).to_be_focused()
    button(question(page), "Move 2 to trash").click()
    expect(toasts(page)).to_contain_text("2 files moved to the trash.")
    assert shelf.names("trash") == set(TWO)
    button(toasts(page), "Undo").click()
    expect(page.locator("#rows tr")).to_have_count(len(SAMPLES))
    assert shelf.names() == set(SAMPLES)


@on_desktop
def test_keeping_them_changes_nothing_and_gives_the_focus_back(page: Page, shelf: Shelf) -> None:
    page.goto(FILES)
    tick(page, *(shelf.id(name) for name in TWO))
    for by_key in (True, False):
        button(bulk(page), "Move to trash").click()
        expect(question(page)).to_be_visible()
        if by_key:
            page.keyboard.press("Escape")
        else:
            button(question(page), "Keep files").click()
        expect(question(page)).to_have_count(0)
        expect(button(bulk(page), "Move to trash")).to_be_focused()
        assert ticked(page) == 2
    assert shelf.names() == set(SAMPLES)


@in_both_widths
def test_shift_ticks_a_range(page: Page, shelf: Shelf) -> None:
    page.goto(FILES)
    row(page, shelf.id(NEWEST_FIRST[2])).get_by_role("checkbox").check()
    row(page, shelf.id(NEWEST_FIRST[6])).get_by_role("checkbox").click(modifiers=["Shift"])
    assert ticked(page) == 5
    expect(bulk(page)).to_contain_text("5 selected")
    expect(page.locator("#check-all")).to_be_checked(indeterminate=True)


@on_desktop
def test_a_page_is_ticked_and_cleared(page: Page) -> None:
    page.goto(FILES)
    everything = page.locator("#check-all")
    everything.check()
    assert ticked(page) == len(SAMPLES)
    page.get_by_role("link", name="Clear selection").click()
    assert ticked(page) == 0
    expect(everything).to_be_focused()
    everything.check()
    page.keyboard.press("Escape")
    assert ticked(page) == 0


@pytest.fixture
def many(page: Page, shelf: Shelf) -> Page:
    """The first of two pages."""
    for number in range(20):
        shelf.put(f"{number:02}.txt", by="admin")
    page.goto(f"{FILES}?per_page=25")
    return page


@on_desktop
def test_all_that_match_go_and_come_back(many: Page, shelf: Shelf) -> None:
    page = many
    page.locator("#check-all").check()
    page.get_by_role("link", name="Select all 30").click()
    expect(bulk(page)).to_contain_text("All 30 files selected")
    assert_accessible(page)
    shelf.put("a newcomer.txt")
    button(bulk(page), "Move to trash").click()
    expect(question(page).get_by_role("heading")).to_have_text("Move 30 files to the trash?")
    expect(question(page)).to_contain_text("and 5 more")
    button(question(page), "Move 30 to trash").click()
    expect(toasts(page)).to_contain_text("30 files moved to the trash.")
    assert shelf.names() == {"a newcomer.txt"}
    button(toasts(page), "Undo").click()
    expect(toasts(page)).to_contain_text("30 files restored.")
    assert len(shelf.names()) == 31


@on_desktop
def test_unticking_one_of_all_leaves_those_of_the_page(many: Page, shelf: Shelf) -> None:
    page = many
    page.goto(f"{FILES}?per_page=25&select=all")
    page.locator("#rows .check").first.uncheck()
    expect(bulk(page)).to_contain_text("24 selected")
    button(bulk(page), "Move to trash").click()
    expect(question(page).get_by_role("heading")).to_have_text("Move 24 files to the trash?")


@in_both_widths
def test_a_part_that_was_gone_is_told(page: Page, shelf: Shelf) -> None:
    page.goto(FILES)
    tick(page, *(shelf.id(name) for name in (*TWO, "dump.bin")))
    button(bulk(page), "Move to trash").click()
    expect(question(page)).to_be_visible()
    shelf.people["admin"].purge(shelf.files["dump.bin"])
    button(question(page), "Move 3 to trash").click()
    expect(toasts(page)).to_contain_text("2 of 3 files moved to the trash. One was already gone.")
    assert shelf.names("trash") == set(TWO)
