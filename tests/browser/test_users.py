"""Accounts in a real browser: by mouse, by keyboard, without scripts."""

import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.looks import in_both_widths, on_desktop
from tests.browser.pages import button
from tests.support.chromium import Look, Watch, screenshot
from tests.support.server import Server

USERS = "/admin/users"
PASSWORD = "a rather long password"


@pytest.fixture
def somebody(site: Server) -> Iterator[str]:
    """An account of this test's own."""
    name = f"u{uuid.uuid4().hex[:8]}"
    answer = site.admin.post("/api/users", json={"username": name, "password": PASSWORD, "role": "user"})
    assert answer.status_code == 201
    yield name
    site.admin.delete(f"/api/users/{answer.json()['id']}")


def role_of(page: Page, name: str) -> Locator:
    return page.get_by_label(f"Role of {name}", exact=True)


def actions(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=f"Actions for {name}")


def choose(page: Page, name: str, action: str) -> None:
    actions(page, name).click()
    page.get_by_role("menuitem", name=action).click()


def test_the_page_and_its_menus_and_questions(page: Page, somebody: str, look: Look) -> None:
    page.goto(USERS)
    assert_accessible(page)
    screenshot(page, f"users-{look.name}")
    actions(page, somebody).click()
    expect(page.get_by_role("menuitem", name="See files")).to_be_focused()
    assert_accessible(page)
    page.get_by_role("menuitem", name="Delete").click()
    expect(button(page, "Keep account")).to_be_focused()
    assert_accessible(page)
    button(page, "Keep account").click()
    expect(actions(page, somebody)).to_be_focused()
    page.get_by_role("link", name="New user").click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    assert_accessible(page)
    screenshot(page, f"users-new-{look.name}")


@on_desktop
def test_a_role_is_saved_as_it_is_chosen_and_keeps_the_focus(page: Page, somebody: str) -> None:
    page.goto(USERS)
    role_of(page, somebody).focus()
    role_of(page, somebody).select_option("admin")
    expect(page.locator("#toasts").get_by_text(f"“{somebody}” is Admin now.")).to_be_visible()
    expect(role_of(page, somebody)).to_be_focused()
    expect(role_of(page, somebody)).to_have_value("admin")


@in_both_widths
def test_the_last_admin_is_told_why_nothing_changed(page: Page, watch: Watch, look: Look) -> None:
    watch.expect("status of 409")
    page.goto(USERS)
    role_of(page, "admin").select_option("user")
    button(page, "Save the role of admin").click()
    expect(role_of(page, "admin")).to_have_accessible_description(
        "This is the last admin, who keeps the role. Make somebody else an admin first."
    )
    expect(role_of(page, "admin")).to_be_focused()
    expect(role_of(page, "admin")).to_have_value("admin")
    assert_accessible(page)
    screenshot(page, f"users-last-admin-{look.name}")


@on_desktop
def test_a_password_is_set_in_a_dialog_that_stays_while_it_is_too_short(
    page: Page, somebody: str, watch: Watch
) -> None:
    watch.expect("status of 422")
    page.goto(USERS)
    choose(page, somebody, "Set a password")
    field = page.get_by_label("New password", exact=True)
    expect(field).to_be_focused()
    field.fill("short")
    page.keyboard.press("Enter")
    expect(field).to_have_accessible_description("At least 8 characters.")
    expect(field).to_be_focused()
    field.fill(PASSWORD)
    button(page.get_by_role("dialog"), "Show password").click()
    expect(field).to_have_attribute("type", "text")
    button(page.get_by_role("dialog"), "Set a password").click()
    expect(page.locator("#toasts").get_by_text("New password set.")).to_be_visible()
    expect(actions(page, somebody)).to_be_focused()


@on_desktop
def test_an_account_is_disabled_and_enabled(page: Page, somebody: str) -> None:
    page.goto(USERS)
    choose(page, somebody, "Disable")
    expect(page.locator("#toasts").get_by_text("cannot sign in")).to_be_visible()
    expect(actions(page, somebody)).to_be_focused()
    choose(page, somebody, "Enable")
    expect(page.locator("#toasts").get_by_text("can sign in again")).to_be_visible()


@in_both_widths
def test_an_account_is_made_and_deleted_without_scripts(plain_page: Page, look: Look) -> None:
    name = f"u{uuid.uuid4().hex[:8]}"
    plain_page.goto(USERS)
    plain_page.get_by_role("link", name="New user").click()
    plain_page.get_by_label("Name", exact=True).fill(name)
    plain_page.get_by_label("Password", exact=True).fill(PASSWORD)
    button(plain_page, "Create user").click()
    expect(plain_page.get_by_text(f"Account “{name}” created.")).to_be_visible()
    choose(plain_page, name, "Delete")
    button(plain_page, "Delete account").click()
    expect(plain_page.get_by_text(f"Account “{name}” deleted.")).to_be_visible()
