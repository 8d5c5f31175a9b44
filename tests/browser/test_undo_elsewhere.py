"""A message stays while one goes to another page: what it offers works there too."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looks import on_desktop
from tests.browser.pages import FILES, button, expect_names, link, row, toasts
from tests.browser.shelf import SAMPLES, Shelf

NAME = "minutes.txt"


@pytest.fixture
def page(page: Page, shelf: Shelf) -> Page:
    """The files after one has gone to the trash."""
    page.goto(FILES)
    row(page, shelf.id(NAME)).locator("[data-trash]").click()
    expect(toasts(page)).to_contain_text("1 file moved to the trash.")
    return page


@on_desktop
def test_undo_works_on_a_page_without_a_list(page: Page, shelf: Shelf) -> None:
    link(page.locator("#nav"), "API tokens").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("API tokens")
    button(toasts(page), "Undo").click()
    expect(toasts(page)).to_contain_text("1 file restored.")
    expect(page.locator("#count-trash")).to_have_text("0")
    assert shelf.names() == set(SAMPLES)


@on_desktop
def test_undo_beside_the_trash_shows_the_trash(page: Page, shelf: Shelf) -> None:
    page.locator("#nav .nav-item", has_text="Trash").click()
    expect_names(page, NAME)
    button(toasts(page), "Undo").click()
    expect(toasts(page)).to_contain_text("1 file restored.")
    expect(page.get_by_text("The trash is empty")).to_be_visible()
    assert shelf.names() == set(SAMPLES)
