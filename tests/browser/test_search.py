"""Search, filters, order and pages: the address is the state."""

import re
from contextlib import suppress

import pytest
from playwright.sync_api import Error, Page, Route, expect

from tests.browser.looks import in_both_widths, on_desktop, on_phone
from tests.browser.pages import FILES, TRASH, button, expect_names, link, names, row
from tests.browser.shelf import SAMPLES, Shelf
from tests.support.chromium import Look, Visits, Watch

NEWEST_FIRST = list(reversed(SAMPLES))


def expect_the_same_everywhere(page: Page, visit: Visits, *wanted: str) -> None:
    """Reload, and the link pasted into another window, show what is shown."""
    page.reload()
    expect_names(page, *wanted)
    other = visit("admin")
    other.goto(page.url)
    expect_names(other, *wanted)
    assert other.get_by_role("searchbox").input_value() == page.get_by_role("searchbox").input_value()


@in_both_widths
def test_it_searches_as_one_types(page: Page, visit: Visits) -> None:
    page.goto(FILES)
    search = page.get_by_role("searchbox")
    search.press_sequentially("mIn", delay=30)
    expect_names(page, "minutes.txt")
    expect(search).to_be_focused()
    expect(search).to_have_value("mIn")
    expect(page.locator("#tally")).to_contain_text("1")
    expect(page.locator("#say")).to_contain_text("1")
    expect(page).to_have_url(re.compile(r"q=mIn$"))
    expect_the_same_everywhere(page, visit, "minutes.txt")
    page.go_back()
    expect_names(page, *NEWEST_FIRST)
    expect(page.get_by_role("searchbox")).to_have_value("")
    page.go_forward()
    expect_names(page, "minutes.txt")
    expect(page.get_by_role("searchbox")).to_have_value("mIn")


@on_desktop
def test_nothing_found_says_for_what_and_leads_back(page: Page) -> None:
    page.goto(FILES)
    page.get_by_role("searchbox").fill("<b>nothing</b>")
    expect(page.get_by_text("No file name contains")).to_contain_text("<b>nothing</b>")
    page.get_by_role("main").get_by_role("link", name="Clear filters").click()
    expect_names(page, *NEWEST_FIRST)
    expect(page.get_by_role("searchbox")).to_have_value("")


@in_both_widths
def test_types_are_ticked_in_a_menu_that_stays_open(page: Page, visit: Visits) -> None:
    page.goto(FILES)
    button(page, "Type").click()
    menu = page.get_by_role("dialog", name="Type")
    expect(menu.locator("label", has_text="Images").locator(".count")).to_have_text("2")
    menu.get_by_label("Images").check()
    expect_names(page, "logo.svg", "holiday at the sea.png")
    expect(menu).to_be_visible()
    menu.get_by_label("Archives").check()
    expect_names(page, "backup.zip", "logo.svg", "holiday at the sea.png")
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    assert "type=image&type=archive" in page.url
    expect_the_same_everywhere(page, visit, "backup.zip", "logo.svg", "holiday at the sea.png")
    page.get_by_role("link", name="Remove filter Type").click()
    expect_names(page, *NEWEST_FIRST)


@on_desktop
def test_filters_work_together_and_with_the_search(page: Page, shelf: Shelf) -> None:
    page.goto(FILES)
    button(page, "Uploaded by").click()
    page.get_by_role("dialog", name="Uploaded by").get_by_label("uploader").check()
    expect(page.locator("#rows tr")).to_have_count(5)
    page.keyboard.press("Escape")
    button(page, "Date").click()
    page.get_by_role("dialog", name="Date").get_by_label("Today").check()
    expect(page).to_have_url(re.compile("date=today"))
    expect(page.locator("#rows tr")).to_have_count(5)
    page.keyboard.press("Escape")
    page.get_by_role("searchbox").fill("o")
    mine = [name for name in NEWEST_FIRST if shelf.files[name]["uploaded_by_name"] == "uploader" and "o" in name]
    expect_names(page, *mine)
    page.locator("#clear-filters").click()
    expect_names(page, *NEWEST_FIRST)


@on_desktop
def test_days_that_hold_nothing_are_told(page: Page) -> None:
    page.goto(f"{FILES}?until=2001-01-01")
    expect(page.get_by_text("No file passes these filters.")).to_be_visible()
    page.locator("#chip-date").click()
    page.get_by_role("dialog", name="Date").get_by_label("To", exact=True).fill("2999-01-01")
    expect(page.locator("#rows tr")).to_have_count(len(SAMPLES))


@on_desktop
def test_a_heading_sorts_and_turns_round(page: Page, visit: Visits) -> None:
    page.goto(FILES)
    heading = page.get_by_role("columnheader", name="Size")
    by_size = sorted(SAMPLES, key=lambda name: len(SAMPLES[name][0]), reverse=True)
    heading.get_by_role("link").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    expect_names(page, *by_size)
    expect(heading.get_by_role("link")).to_be_focused()
    page.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    expect_names(page, *reversed(by_size))
    expect_the_same_everywhere(page, visit, *reversed(by_size))


@pytest.fixture
def many(page: Page, shelf: Shelf) -> list[str]:
    """More files than a page holds, by name."""
    for number in range(50):
        shelf.put(f"{number:02}.txt", by="admin")
    return sorted(shelf.names(), key=str.casefold)


@on_desktop
def test_pages_are_numbered(page: Page, many: list[str], visit: Visits) -> None:
    page.goto(f"{FILES}?sort=name&per_page=25")
    expect_names(page, *many[:25])
    expect(page.locator("#range")).to_have_text(re.compile(r"^1.25 of 60$"))
    link(page, "Next").click()
    expect_names(page, *many[25:50])
    expect(page.locator("#rows a.mid").first).to_be_focused()
    expect_the_same_everywhere(page, visit, *many[25:50])
    link(page, "Page 3").click()
    expect_names(page, *many[50:])
    expect(page.locator("#page-next")).to_have_attribute("aria-disabled", "true")
    page.go_back()
    expect_names(page, *many[25:50])
    link(page, "Previous").click()
    expect_names(page, *many[:25])
    link(page, "50").click()
    expect_names(page, *many[:50])


@on_phone
def test_pages_are_turned_on_a_phone(page: Page, many: list[str]) -> None:
    page.goto(f"{FILES}?sort=name&per_page=25")
    link(page, "Next").click()
    expect_names(page, *many[25:50])
    link(page, "Previous").click()
    expect_names(page, *many[:25])


@on_desktop
def test_the_trash_is_searched_from_where_nothing_was_found(page: Page, shelf: Shelf, look: Look) -> None:
    shelf.trash("minutes.txt")
    page.goto(FILES)
    page.get_by_role("searchbox").fill("minutes")
    link(page, "Search the trash").click()
    expect(page).to_have_url(re.compile(f"{TRASH}\\?q=minutes$"))
    expect_names(page, "minutes.txt")
    expect(row(page, shelf.id("minutes.txt"))).to_be_visible()
    assert names(page) == ["minutes.txt"]


@on_desktop
def test_an_older_answer_does_not_take_the_place_of_what_is_said_of_a_search(page: Page, watch: Watch) -> None:
    """The list is fetched anew after an upload, say, while somebody types; and what they search for fails."""
    watch.expect("ERR_FAILED")
    watch.expect("htmx:sendError")
    late: list[Route] = []
    page.goto(FILES)
    page.route(lambda url: "/file-storage/?" in url or url.endswith(FILES), lambda route: hold(route, late))
    page.evaluate("() => document.dispatchEvent(new CustomEvent('stowage:changed'))")
    page.wait_for_timeout(100)
    page.get_by_role("searchbox").fill("minutes")
    expect(page.get_by_text("The server cannot be reached.").first).to_be_visible()
    [route] = late
    with suppress(Error):  # the browser does not want it any more
        route.continue_()
    page.wait_for_timeout(500)
    expect(page.get_by_text("The server cannot be reached.").first).to_be_visible()


def hold(route: Route, late: list[Route]) -> None:
    if "q=" in route.request.url:
        route.abort()
    else:
        late.append(route)
