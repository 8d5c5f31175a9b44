"""Search or jump to anything."""

import re

from playwright.sync_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.looks import in_both_widths, on_desktop
from tests.browser.pages import FILES, TRASH, panel
from tests.support.chromium import Look, screenshot


@on_desktop
def test_a_file_is_found_by_keyboard(page: Page) -> None:
    page.goto(FILES)
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox")
    expect(box).to_be_focused()
    page.keyboard.type("minu")
    expect(page.get_by_role("option", name=re.compile("minutes.txt"))).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(panel(page).get_by_role("heading", level=2)).to_have_text("minutes.txt")


@on_desktop
def test_arrows_move_through_pages_and_commands(page: Page) -> None:
    page.goto(FILES)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    count = page.get_by_role("option").count()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("option").nth(count - 1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    second = page.get_by_role("option").nth(1)
    expect(second).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("combobox")).to_have_attribute("aria-activedescendant", str(second.get_attribute("id")))
    page.keyboard.type("trash")
    expect(page.get_by_role("option", name="Trash")).to_be_visible()
    page.get_by_role("option", name="Trash", exact=True).click()
    expect(page).to_have_url(re.compile(f"{TRASH}$"))
    expect(page.locator("#palette")).to_be_hidden()


@in_both_widths
def test_by_hand_it_changes_the_theme_and_nothing_is_found_as_text(page: Page, look: Look) -> None:
    page.goto(FILES)
    page.locator('[data-open="palette"]:visible').click()
    page.get_by_role("combobox").fill("<b>zzz</b>")
    expect(page.locator("#palette-list")).to_have_text(re.compile("Nothing found for <b>zzz</b>"))
    assert_accessible(page)
    page.get_by_role("combobox").fill("dark")
    page.get_by_role("option", name="Theme: Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    screenshot(page, f"files-by-palette-{look.name}")


@on_desktop
def test_escape_closes_it_and_gives_the_focus_back(page: Page) -> None:
    page.goto(FILES)
    page.get_by_role("link", name="minutes.txt", exact=True).focus()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    expect(page.get_by_role("link", name="minutes.txt", exact=True)).to_be_focused()
