"""Every page and whatever opens on it, in each look: axe finds nothing, nothing is too wide, and a picture is kept."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.looks import in_both_widths, on_desktop
from tests.browser.pages import FILES, LOGIN, TRASH, button, panel, row, scrolls_sideways, show_navigation
from tests.browser.shelf import Shelf
from tests.support.chromium import PHONE, Look, Visits, Watch, screenshot
from tests.support.server import Server


def check(page: Page, name: str, look: Look) -> None:
    screenshot(page, f"{name}-{look.name}")
    assert not scrolls_sideways(page), f"{name} at {look.width}"
    assert_accessible(page)


def test_menus_of_the_files(page: Page, look: Look) -> None:
    page.goto(FILES)
    for name, opener in (("type", "Type"), ("by", "Uploaded by"), ("date", "Date")):
        button(page, opener).click()
        expect(page.locator(f"#menu-{name}")).to_be_visible()
        check(page, f"files-menu-{name}", look)
        page.keyboard.press("Escape")
        expect(button(page, opener)).to_be_focused()
    button(page, "More ways to upload").click()
    check(page, "files-menu-upload", look)
    page.keyboard.press("Escape")
    if not look.is_phone:
        button(page, "Row height").click()
        button(page, "Compact").click()
        check(page, "files-compact", look)


def test_filters_that_are_on(page: Page, look: Look) -> None:
    page.goto(f"{FILES}?type=image&type=doc&date=7d&q=o&sort=name")
    check(page, "files-filtered", look)
    page.goto(f"{FILES}?type=video&q=nothing")
    check(page, "files-no-match", look)


def test_many_pages(page: Page, shelf: Shelf, look: Look) -> None:
    for number in range(120):
        shelf.put(f"{number:03} of many.pdf", content_type="application/pdf", by="admin" if number % 3 else "uploader")
    page.goto(f"{FILES}?per_page=25&page=3")
    check(page, "files-pages", look)
    page.goto(f"{FILES}?per_page=25&select=all")
    check(page, "files-all-selected", look)
    page.locator("#page-next").scroll_into_view_if_needed()
    screenshot(page, f"files-pager-{look.name}")


def test_the_navigation_and_its_menu(page: Page, look: Look) -> None:
    page.goto(FILES)
    show_navigation(page, look)
    check(page, "navigation", look)
    page.locator(".who").click()
    expect(page.locator("#me-menu")).to_be_visible()
    check(page, "navigation-menu", look)


def test_the_palette_and_the_keys(page: Page, look: Look) -> None:
    page.goto(FILES)
    page.locator('[data-open="palette"]:visible').click()
    expect(page.get_by_role("option").first).to_be_visible()
    check(page, "palette", look)
    page.get_by_role("combobox").fill("e")
    expect(page.get_by_role("option", name="minutes.txt")).to_be_visible()
    check(page, "palette-found", look)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys-dialog")).to_be_visible()
    check(page, "keys", look)


def test_details_and_renaming(page: Page, shelf: Shelf, look: Look) -> None:
    page.goto(f"{FILES}?file={shelf.id('holiday at the sea.png')}")
    page.wait_for_load_state("networkidle")
    panel(page).locator("summary").click()
    check(page, "panel", look)


def test_the_trash_with_a_selection(page: Page, shelf: Shelf, look: Look) -> None:
    shelf.trash("minutes.txt", "prices.csv", "holiday at the sea.png")
    page.goto(TRASH)
    row(page, shelf.id("minutes.txt")).get_by_role("checkbox").check()
    check(page, "trash-selected", look)


PAGES = {
    "account": "/account/",
    "tokens": "/account/tokens",
    "tokens-new": "/account/tokens/new",
    "users": "/admin/users",
    "users-new": "/admin/users/new",
    "activity": "/admin/activity",
    "settings": "/settings/modules/file_storage",
    "webhooks": "/admin/webhooks",
    "webhooks-new": "/admin/webhooks/new",
    "tasks": "/admin/tasks",
}


@pytest.mark.parametrize("name", PAGES)
def test_other_pages(page: Page, look: Look, name: str) -> None:
    page.goto(PAGES[name])
    check(page, name, look)


ERRORS: dict[int, tuple[str, Callable[[Page], object]]] = {
    404: ("admin", lambda page: page.goto("/file-storage/nowhere")),
    403: ("uploader", lambda page: page.goto("/admin/users")),
}


@in_both_widths
@pytest.mark.parametrize("status", ERRORS)
def test_pages_that_say_no(visit: Visits, watch: Watch, look: Look, status: int) -> None:
    watch.expect(f"status of {status}")
    person, go = ERRORS[status]
    page = visit(person)
    go(page)
    expect(page.locator(".oops .code")).to_have_text(str(status))
    expect(page.locator("#rid")).not_to_be_empty()
    check(page, f"error-{status}", look)
    page.get_by_role("link", name="Go to files").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Files")


@in_both_widths
def test_a_part_that_does_not_come_says_so_where_it_would_be(
    page: Page, watch: Watch, look: Look, shelf: Shelf
) -> None:
    watch.expect("ERR_FAILED|status of 503|htmx|Error Code")
    page.goto(FILES)
    page.route("**/file-storage/?*", lambda route: route.fulfill(status=503, body="{}"))
    page.get_by_role("searchbox").fill("minutes")
    expect(page.get_by_text("This did not load")).to_be_visible()
    expect(button(page, "Try again")).to_be_focused()
    check(page, "files-failed", look)
    page.unroute("**/file-storage/?*")
    page.keyboard.press("Enter")
    expect(page.locator("#rows tr")).to_have_count(1)
    page.route("**/file-storage/?*", lambda route: route.abort())
    page.get_by_role("link", name="minutes.txt", exact=True).click()
    expect(panel(page).get_by_text("This did not load")).to_be_visible()
    check(page, "panel-failed", look)
    button(panel(page), "Close details").click()
    expect(panel(page)).to_be_hidden()


@pytest.fixture
def without_admin(tmp_path: Path) -> Iterator[Server]:
    """A store in which somebody has an account, and nobody is an admin."""
    server = Server(tmp_path, workers=1)
    try:
        server.cli("db", "upgrade")
        server.add_user("uploader")
        yield server.start()
    finally:
        server.close()


@on_desktop
def test_the_first_run_says_how_to_begin(visit: Visits, without_admin: Server, look: Look) -> None:
    page = visit(None, server=without_admin)
    page.goto(LOGIN)
    expect(page.get_by_role("heading", name="There is no admin yet")).to_be_visible()
    check(page, "first-run", look)
    page.set_viewport_size({"width": 390, "height": 844})
    check(page, "first-run", PHONE)
