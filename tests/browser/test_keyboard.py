"""Every key of the map."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looks import on_desktop
from tests.browser.pages import ACTIVITY, FILES, TRASH, button, expect_names, panel, row, ticked, toasts
from tests.browser.shelf import SAMPLES, Shelf
from tests.support.chromium import Visits

pytestmark = on_desktop

NEWEST_FIRST = list(reversed(SAMPLES))


def focused_row(page: Page) -> str:
    return str(page.evaluate("() => document.activeElement?.closest('#rows > tr') ? document.activeElement.title : ''"))


def test_slash_goes_to_the_search_and_escape_out_of_it(page: Page) -> None:
    page.goto(FILES)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("j")  # a letter, not a step
    expect(page.get_by_role("searchbox")).to_have_value("j")
    page.keyboard.press("Escape")
    expect(page.locator("#list-title")).to_be_focused()


@pytest.mark.parametrize(("down", "up"), [("j", "k"), ("ArrowDown", "ArrowUp")])
def test_rows_are_gone_through(page: Page, down: str, up: str) -> None:
    page.goto(FILES)
    page.keyboard.press(down)
    assert focused_row(page) == NEWEST_FIRST[0]
    page.keyboard.press(down)
    page.keyboard.press(down)
    page.keyboard.press(up)
    assert focused_row(page) == NEWEST_FIRST[1]
    page.keyboard.press("Enter")
    expect(panel(page).get_by_role("heading", level=2)).to_have_text(NEWEST_FIRST[1])


def test_x_ticks_and_escape_clears(page: Page) -> None:
    page.goto(FILES)
    page.keyboard.press("j")
    page.keyboard.press("x")
    for _ in range(3):
        page.keyboard.press("j")
    assert ticked(page) == 1
    page.keyboard.press("Shift+X")
    assert ticked(page) == 4
    page.keyboard.press("x")
    assert ticked(page) == 3
    page.keyboard.press("Escape")
    assert ticked(page) == 0


def test_d_downloads_and_c_copies_the_link(visit: Visits, shelf: Shelf) -> None:
    page = visit("admin", permissions=["clipboard-read", "clipboard-write"])
    page.goto(FILES)
    page.keyboard.press("j")
    with page.expect_download() as download:
        page.keyboard.press("d")
    assert download.value.suggested_filename == NEWEST_FIRST[0]
    page.keyboard.press("c")
    expect(toasts(page)).to_contain_text("Link copied.")
    assert shelf.id(NEWEST_FIRST[0]) in page.evaluate("() => navigator.clipboard.readText()")


@pytest.mark.parametrize("opened", [False, True])
def test_backspace_moves_to_the_trash(page: Page, shelf: Shelf, *, opened: bool) -> None:
    page.goto(FILES)
    page.keyboard.press("j")
    page.keyboard.press("j")
    if opened:
        page.keyboard.press("Enter")
        expect(panel(page).locator("#insp-title")).to_be_focused()
    page.keyboard.press("Backspace")
    expect(toasts(page)).to_contain_text("1 file moved to the trash.")
    assert shelf.names("trash") == {NEWEST_FIRST[1]}
    expect(panel(page)).to_be_hidden()
    expect_names(page, NEWEST_FIRST[0], *NEWEST_FIRST[2:])


def test_brackets_turn_pages(page: Page, shelf: Shelf) -> None:
    for number in range(20):
        shelf.put(f"{number:02}.txt")
    page.goto(f"{FILES}?sort=name&per_page=25")
    page.keyboard.press("]")
    expect(page.locator("#rows tr")).to_have_count(5)
    expect(page.locator("#rows a.mid").first).to_be_focused()
    page.keyboard.press("[")
    expect(page.locator("#rows tr")).to_have_count(25)
    expect(page.locator("#rows a.mid").first).to_be_focused()


def test_g_goes_to_other_pages(page: Page) -> None:
    page.goto(FILES)
    for key, address in (("t", TRASH), ("a", ACTIVITY), ("f", FILES)):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page).to_have_url(re.compile(f"{address}$"))
        expect(page.locator("#main")).to_be_focused()


def test_the_list_of_keys_turns_single_keys_off(page: Page) -> None:
    page.goto(FILES)
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(keys).to_be_visible()
    page.keyboard.press("j")  # not while a dialog is open
    keys.get_by_role("switch").uncheck()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.keyboard.press("j")
    assert focused_row(page) == ""
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.reload()
    page.keyboard.press("?")
    expect(keys).to_be_hidden()


def test_escape_closes_one_thing_at_a_time(page: Page, shelf: Shelf) -> None:
    page.goto(FILES)
    row(page, shelf.id("minutes.txt")).get_by_role("checkbox").check()
    page.get_by_role("link", name="minutes.txt", exact=True).click()
    expect(panel(page)).to_be_visible()
    button(page, "Row height").click()
    expect(page.locator("#view-menu")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#view-menu")).to_be_hidden()
    expect(panel(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()
    assert ticked(page) == 1
    page.keyboard.press("Escape")
    assert ticked(page) == 0


def test_menus_are_gone_through_with_arrows(page: Page) -> None:
    page.goto(FILES)
    button(page, "More ways to upload").press("Enter")
    items = page.locator("#up-menu [role=menuitem]")
    expect(items.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(items.nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(items.first).to_be_focused()
    page.keyboard.press("End")
    expect(items.nth(1)).to_be_focused()
    page.keyboard.press("Escape")
    expect(button(page, "More ways to upload")).to_be_focused()
