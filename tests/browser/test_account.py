"""One's own page: how things look, and the password."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.looks import in_both_widths, on_desktop
from tests.browser.pages import ACCOUNT, FILES, LOGIN, button, sign_in
from tests.support.chromium import Look, Visits, Watch, screenshot
from tests.support.server import USER_PASSWORD, Server

OTHER_PASSWORD = "quite another pass phrase"


@pytest.fixture
def stranger(visit: Visits, site: Server) -> Iterator[Page]:
    """The account page of somebody whose password is put back afterwards."""
    page = visit("stranger", fresh=True)
    page.goto(ACCOUNT)
    yield page
    site.cli("user", "password", "stranger", stdin=USER_PASSWORD + "\n")


def test_it_has_nothing_to_complain_about(page: Page, look: Look) -> None:
    page.goto(ACCOUNT)
    expect(page.get_by_role("heading", level=1)).to_have_text("Account")
    assert_accessible(page)
    screenshot(page, f"account-{look.name}")


@on_desktop
def test_colours_and_row_height_are_kept_in_this_browser(page: Page) -> None:
    page.goto(ACCOUNT)
    page.get_by_label("Colours").select_option("dark")
    page.get_by_label("Row height").select_option("compact")
    button(page, "Save").click()
    page.goto(FILES)
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    expect(root).to_have_attribute("data-density", "compact")


@in_both_widths
def test_a_new_password_ends_the_other_sessions_and_not_this_one(stranger: Page, visit: Visits, look: Look) -> None:
    other = visit("stranger", fresh=True)
    other.goto(FILES)
    _change(stranger, USER_PASSWORD, OTHER_PASSWORD)
    expect(stranger.get_by_text("Password changed.")).to_be_visible()
    stranger.reload()
    expect(stranger.get_by_role("heading", level=1)).to_have_text("Account")
    other.goto(FILES)
    expect(other).to_have_url(re.compile(LOGIN))
    sign_in(other, "stranger", OTHER_PASSWORD)
    expect(other.get_by_role("heading", level=1)).to_contain_text("Files")


@in_both_widths
def test_a_wrong_password_is_told_where_it_was_typed(page: Page, watch: Watch, look: Look) -> None:
    watch.expect("status of 422")
    page.goto(ACCOUNT)
    _change(page, "not my password", OTHER_PASSWORD)
    field = page.get_by_label("Current password")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description("This is not your password.")
    assert_accessible(page)
    screenshot(page, f"account-wrong-{look.name}")


def _change(page: Page, current: str, new: str) -> None:
    page.get_by_label("Current password").fill(current)
    page.get_by_label("New password", exact=True).fill(new)
    page.get_by_label("New password again").fill(new)
    button(page, "Change password").click()


@in_both_widths
def test_other_sessions_are_ended_one_by_one_or_all(visit: Visits, watch: Watch, look: Look) -> None:
    page = visit("stranger", fresh=True)
    others = [visit("stranger", fresh=True) for _ in range(3)]
    page.goto(ACCOUNT)
    rows = page.locator("#sessions tbody tr")
    before = rows.count()
    assert before > len(others)
    expect(rows.filter(has_text="This one")).to_have_count(1)
    rows.get_by_role("button", name="End").first.click()
    expect(page.locator("#toasts")).to_contain_text("Session ended.")
    expect(rows).to_have_count(before - 1)
    expect(page.locator("#sessions-h")).to_be_focused()
    button(page, "End all others").click()
    expect(rows).to_have_count(1)
    assert_accessible(page)
    for other in others:
        other.goto(ACCOUNT)
        expect(other).to_have_url(re.compile(LOGIN))
