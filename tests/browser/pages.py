"""Where things are on our pages."""

from playwright.sync_api import Locator, Page, expect

from tests.support.chromium import Look

LOGIN = "/account/login"
ACCOUNT = "/account/"
FILES = "/file-storage/"
TRASH = "/file-storage/trash"
TOKENS = "/account/tokens"
USERS = "/admin/users"
ACTIVITY = "/admin/activity"
WEBHOOKS = "/admin/webhooks"
TASKS = "/admin/tasks"
PLUGINS = "/admin/plugins"
SETTINGS = "/settings/modules/file_storage"


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


def link(page: Page | Locator, name: str) -> Locator:
    return page.get_by_role("link", name=name, exact=True)


def toasts(page: Page) -> Locator:
    return page.locator("#toasts > .toast")


def panel(page: Page) -> Locator:
    """The details of a file."""
    return page.locator("#inspector")


def question(page: Page) -> Locator:
    """The dialog in which the server asks something."""
    return page.locator("#ask-dialog")


def bulk(page: Page) -> Locator:
    """What can be done with the files that are ticked."""
    return page.get_by_role("region", name="Selected files")


def dock(page: Page) -> Locator:
    return page.locator("#uploads")


def job(page: Page, name: str) -> Locator:
    """The row of an upload."""
    return page.locator("#jobs .job").filter(has=page.locator(f'.mid[title="{name}"]'))


def tick(page: Page, *file_ids: str) -> None:
    for file_id in file_ids:
        row(page, file_id).get_by_role("checkbox").check()


def ticked(page: Page) -> int:
    return page.locator("#rows .check:checked").count()


def scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate("() => document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def show_navigation(page: Page, look: Look) -> None:
    """On a phone it waits behind a button."""
    if look.is_phone:
        button(page, "Open navigation").click()
    expect(page.locator("#nav")).to_be_visible()


def sign_out(page: Page, look: Look) -> None:
    show_navigation(page, look)
    page.locator(".who").click()
    page.get_by_role("menuitem", name="Sign out").click()


def sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    button(page, "Sign in").click()
