"""Where things are on our pages."""

from playwright.sync_api import Locator, Page, expect

from tests.support.chromium import Look

LOGIN = "/account/login"
ACCOUNT = "/account/"
FILES = "/file-storage/"
TRASH = "/file-storage/trash"


def row(page: Page, file_id: str) -> Locator:
    return page.locator(f"#f-{file_id}")


def names(page: Page) -> list[str]:
    """The names in the list, from top to bottom, each to the letter."""
    return [str(each.get_attribute("title")) for each in page.locator("#rows .mid").all()]


def expect_names(page: Page, *wanted: str) -> None:
    """The list comes to show these files, in this order."""
    expect(page.locator("#rows tr")).to_have_count(len(wanted))
    for at, name in enumerate(wanted):
        expect(page.locator("#rows .mid").nth(at)).to_have_attribute("title", name)


def button(page: Page | Locator, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def show_navigation(page: Page, look: Look) -> None:
    """On a phone it waits behind a button."""
    if look.is_phone:
        button(page, "Open navigation").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    button(page, "Sign in").click()
