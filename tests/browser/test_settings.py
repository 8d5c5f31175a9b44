"""Settings in a real browser: changed, tested, saved, and not lost by a slip."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Dialog, Locator, Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.hands import focused
from tests.browser.looks import in_both_widths, on_desktop, on_phone
from tests.browser.pages import SETTINGS, button, link, scrolls_sideways, show_navigation, toasts
from tests.support.chromium import Look, Visits, Watch, screenshot
from tests.support.server import Server

API = "/api/settings/modules/file_storage"
SECRET = "a s3cret that nobody sees"
PASTE = """
    (text) => {
        const clipboardData = new DataTransfer();
        clipboardData.setData("text", text);
        const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
        document.activeElement.dispatchEvent(event);
    }
"""


@pytest.fixture(autouse=True)
def settings(site: Server) -> Iterator[Any]:
    """Changes settings past the page; all have their defaults again in the end."""

    def put(**values: object) -> None:
        answer = site.admin.put(API, json={"values": values})
        assert answer.status_code == 200, answer.text

    yield put
    found = site.admin.get(API).json()
    site.admin.put(API, json={"values": dict.fromkeys([*found["values"], *found["secrets"]])})


def assert_fine(page: Page) -> None:
    """axe finds nothing, and nothing is too wide. At the end of the page, where the bar lies over nothing."""
    page.evaluate("() => scrollTo(0, document.body.scrollHeight)")
    assert_accessible(page)
    assert not scrolls_sideways(page)


def value(site: Server, name: str) -> Any:
    return site.admin.get(API).json()["values"][name]


def bar(page: Page) -> Locator:
    return page.get_by_role("region", name="Unsaved changes")


def save(page: Page) -> None:
    button(bar(page), "Save changes").click()


def days(page: Page) -> Locator:
    return page.get_by_label("Keep deleted files for")


def types(page: Page) -> Locator:
    return page.get_by_label("Allowed types")


def tags(page: Page) -> list[str]:
    return page.locator('[data-field="allowed_content_types"] .tag > span').all_text_contents()


def test_what_is_changed_is_saved_and_still_there(page: Page, site: Server, look: Look) -> None:
    page.goto(SETTINGS)
    expect(bar(page)).to_contain_text("No unsaved changes")
    days(page).fill("7")
    page.get_by_label("Largest file").fill("1.5 GiB")
    expect(bar(page)).to_contain_text("2 unsaved changes Largest file, Keep deleted files for")
    screenshot(page, f"settings-changed-{look.name}")
    save(page)
    expect(toasts(page)).to_contain_text("Saved. Live now on every worker.")
    expect(bar(page)).to_contain_text("No unsaved changes")
    expect(button(bar(page), "Save changes")).to_be_focused()
    assert (value(site, "trash_retention_days"), value(site, "max_file_size_bytes")) == (7, 3 * 2**29)
    page.reload()
    expect(days(page)).to_have_value("7")
    expect(page.get_by_label("Largest file")).to_have_value("1.5 GiB")
    expect(page.locator('[data-field="trash_retention_days"]')).to_contain_text("Changed just now by admin")
    assert_fine(page)


@on_desktop
def test_enter_in_a_field_saves(page: Page, site: Server) -> None:
    page.goto(SETTINGS)
    days(page).fill("8")
    days(page).press("Enter")
    expect(toasts(page)).to_contain_text("Saved.")
    expect(days(page)).to_be_focused()
    assert value(site, "trash_retention_days") == 8


def test_what_is_wrong_gets_the_focus_and_leads_to_the_fields(
    page: Page, site: Server, watch: Watch, look: Look
) -> None:
    watch.expect("status of 422")
    page.goto(SETTINGS)
    days(page).fill("0")
    page.get_by_label("Largest file").fill("12 XB")
    types(page).fill("nonsense")
    save(page)
    summary = page.locator("#errs")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("Nothing was saved. 3 fields need attention.")
    expect(bar(page)).to_contain_text("3 fields need attention")
    assert_fine(page)
    screenshot(page, f"settings-errors-{look.name}")
    link(summary, "Keep deleted files for: Enter 1 day to 3,650 days.").click()
    expect(days(page)).to_be_focused()
    expect(days(page)).to_have_accessible_description("Enter 1 day to 3,650 days. After that they are gone for good.")
    link(summary, "Allowed types: nonsense is no media type such as image/png or image/*.").click()
    expect(types(page)).to_be_focused()
    assert tags(page) == ["nonsense"]
    assert value(site, "trash_retention_days") == 30


@on_desktop
def test_discarding_brings_back_what_is_saved(page: Page) -> None:
    page.goto(SETTINGS)
    days(page).fill("7")
    link(bar(page), "Discard").click()
    expect(days(page)).to_have_value("30")
    expect(bar(page)).to_contain_text("No unsaved changes")
    expect(link(bar(page), "Discard")).to_be_focused()


@on_desktop
def test_a_default_is_filled_in_at_once(page: Page, settings: Any, site: Server) -> None:
    settings(trash_retention_days=7, allowed_content_types=["image/*"])
    page.goto(SETTINGS)
    button(page, "Reset to 30 days (Keep deleted files for)").click()
    expect(days(page)).to_have_value("30")
    expect(days(page)).to_be_focused()
    button(page, "Reset to empty (Allowed types)").click()
    assert tags(page) == []
    expect(bar(page)).to_contain_text("2 unsaved changes")
    save(page)
    expect(toasts(page)).to_contain_text("Saved.")
    assert value(site, "trash_retention_days") == 30


@in_both_widths
def test_lists_are_tags(page: Page, site: Server, look: Look) -> None:
    page.goto(SETTINGS)
    expect(page.locator('[data-field="allowed_content_types"] .tags')).to_be_visible()
    types(page).fill("image/*")
    types(page).press("Enter")
    page.keyboard.type("text/csv,")
    page.evaluate(PASTE, "application/pdf, audio/*\nvideo/mp4")
    page.keyboard.type("font/woff2")
    types(page).blur()
    assert tags(page) == ["image/*", "text/csv", "application/pdf", "audio/*", "video/mp4", "font/woff2"]
    assert_fine(page)
    screenshot(page, f"settings-tags-{look.name}")
    button(page, "Remove audio/*").click()
    expect(button(page, "Remove video/mp4")).to_be_focused()
    types(page).focus()
    page.keyboard.press("Backspace")
    expect(page.locator("#say")).to_contain_text("font/woff2 removed")
    assert tags(page) == ["image/*", "text/csv", "application/pdf", "video/mp4"]
    expect(bar(page)).to_contain_text("1 unsaved change Allowed types")
    page.keyboard.press("Enter")
    expect(toasts(page)).to_contain_text("Saved.")
    assert value(site, "allowed_content_types") == ["image/*", "text/csv", "application/pdf", "video/mp4"]
    expect(button(page, "Remove video/mp4")).to_be_visible()
    assert tags(page) == ["image/*", "text/csv", "application/pdf", "video/mp4"]


def test_a_secret_is_replaced_and_never_shown(page: Page, settings: Any, site: Server, look: Look) -> None:
    settings(s3_access_key_id="AKIAZ5XN2QTL7HDP4WCE", s3_secret_access_key="the first one")
    page.goto(SETTINGS)
    field = page.locator('[data-field="s3_secret_access_key"]')
    secret = field.locator("[data-secret]")
    expect(field).to_contain_text("Set just now by admin")
    expect(secret).to_be_hidden()
    button(field, "Replace (Secret access key)").click()
    expect(secret).to_be_focused()
    expect(secret).to_have_accessible_name("Secret access key Optional")
    secret.fill(SECRET)
    expect(bar(page)).to_contain_text("1 unsaved change Secret access key")
    assert_fine(page)
    field.scroll_into_view_if_needed()
    screenshot(page, f"settings-secret-{look.name}")
    button(field, "Keep current (Secret access key)").click()
    expect(button(field, "Replace (Secret access key)")).to_be_focused()
    expect(bar(page)).to_contain_text("No unsaved changes")
    button(field, "Replace (Secret access key)").click()
    expect(secret).to_have_value("")
    secret.fill(SECRET)
    save(page)
    expect(toasts(page)).to_contain_text("Saved.")
    expect(secret).to_be_hidden()
    assert SECRET not in page.content()
    field.get_by_label("Clear when saving").check()
    page.locator('[data-field="s3_access_key_id"]').get_by_label("Clear when saving").check()
    expect(bar(page)).to_contain_text("2 unsaved changes Access key ID, Secret access key")
    save(page)
    expect(secret).to_be_visible()
    assert not site.admin.get(API).json()["secrets"]["s3_secret_access_key"]["set"]


@in_both_widths
def test_values_are_tested_before_they_are_saved(page: Page, site: Server, look: Look) -> None:
    page.goto(SETTINGS)
    root = page.get_by_label("Root directory")
    root.fill("./elsewhere")
    probe = page.get_by_role("status", name="Connection test of Filesystem")
    button(probe, "Test connection").click()
    expect(probe).to_contain_text("Connection works")
    expect(probe.get_by_role("listitem").first).to_contain_text("Check the settings")
    expect(button(probe, "Test again")).to_be_focused()
    expect(root).to_have_value("./elsewhere")
    assert_fine(page)
    screenshot(page, f"settings-tested-{look.name}")
    root.fill("./elsewhere2")
    expect(probe).to_contain_text("Values have changed since this test.")
    expect(probe.get_by_text("just now")).to_be_hidden()
    assert_fine(page)
    assert value(site, "fs_root_path") == "./uploads"


@on_desktop
def test_a_test_that_cannot_be_made_says_why(page: Page, watch: Watch) -> None:
    watch.expect("status of 422")
    page.goto(SETTINGS)
    page.get_by_label("Root directory").fill("/etc")
    probe = page.get_by_role("status", name="Connection test of Filesystem")
    button(probe, "Test connection").click()
    expect(probe).to_contain_text("Nothing was tested")
    link(probe, "Root directory").click()
    expect(page.get_by_label("Root directory")).to_be_focused()
    assert_fine(page)


@on_desktop
def test_choosing_another_backend_says_what_stays(page: Page) -> None:
    page.goto(SETTINGS)
    note = page.locator(".stays")
    expect(note).to_be_hidden()
    page.get_by_role("radio", name="S3").check()
    expect(note).to_contain_text("files stay in Filesystem. They stay readable from there.")
    expect(note).to_be_visible()
    expect(bar(page)).to_contain_text("1 unsaved change Backend")
    assert_fine(page)
    page.get_by_role("radio", name="Filesystem").check()
    expect(note).to_be_hidden()


@in_both_widths
def test_another_page_is_asked_about_first(page: Page, look: Look) -> None:
    page.goto(SETTINGS)
    days(page).fill("7")
    show_navigation(page, look)
    page.locator("#nav").get_by_role("link", name="Users").click()
    question = page.get_by_role("alertdialog", name="Leave without saving?")
    expect(button(question, "Stay here")).to_be_focused()
    assert_fine(page)
    button(question, "Stay here").click()
    expect(days(page)).to_have_value("7")
    show_navigation(page, look)
    page.locator("#nav").get_by_role("link", name="Users").click()
    button(question, "Leave without saving").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Users")
    page.go_back()
    expect(days(page)).to_have_value("30")


@on_desktop
def test_going_back_is_asked_about_but_not_to_another_section(page: Page) -> None:
    page.goto("/admin/users")
    page.locator("#nav").get_by_role("link", name="Settings").click()
    days(page).fill("7")
    sections = page.get_by_role("navigation", name="Settings sections")
    link(sections, "Trash").click()
    expect(link(sections, "Trash")).to_have_attribute("aria-current", "true")
    page.go_back()
    expect(days(page)).to_have_value("7")
    page.go_back()
    question = page.get_by_role("alertdialog", name="Leave without saving?")
    expect(question).to_be_visible()
    assert page.url.endswith(SETTINGS)
    button(question, "Leave without saving").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Users")


@on_desktop
def test_the_browser_asks_before_the_window_goes(page: Page) -> None:
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", answer)
    page.goto(SETTINGS)
    days(page).fill("7")
    page.close(run_before_unload=True)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    days(page).fill("30")
    page.goto("/admin/users")
    assert asked == ["beforeunload"]


@in_both_widths
def test_two_people_save(page: Page, settings: Any, site: Server, watch: Watch, look: Look) -> None:
    watch.expect("status of 409")
    page.goto(SETTINGS)
    settings(trash_retention_days=90)
    days(page).fill("60")
    save(page)
    expect(page.locator("#errs")).to_be_focused()
    expect(page.locator("#errs")).to_contain_text("Somebody else saved meanwhile.")
    assert_fine(page)
    screenshot(page, f"settings-conflict-{look.name}")
    page.get_by_label("Take theirs: 90 days").check()
    expect(days(page)).to_have_value("90")
    expect(bar(page)).to_contain_text("No unsaved changes")
    page.get_by_label("Keep mine: 60 days").check()
    expect(days(page)).to_have_value("60")
    page.get_by_label("Take theirs: 90 days").check()
    days(page).fill("61")
    expect(page.get_by_label("Keep mine: 60 days")).to_be_checked()
    save(page)
    expect(toasts(page)).to_contain_text("Saved.")
    assert value(site, "trash_retention_days") == 61


@on_phone
def test_it_fits_the_smallest_phone(visit: Visits, settings: Any) -> None:
    settings(s3_access_key_id="AKIAZ5XN2QTL7HDP4WCE", s3_secret_access_key="x" * 20, trash_retention_days=7)
    page = visit("admin")
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(SETTINGS)
    days(page).fill("12")
    assert not scrolls_sideways(page)
    screenshot(page, "settings-320")


@on_desktop
def test_what_has_the_focus_is_never_behind_the_bar(page: Page) -> None:
    page.goto(SETTINGS)
    page.get_by_label("Root directory").focus()
    for _ in range(60):
        page.keyboard.press("Tab")
        hidden = page.evaluate(
            """() => {
                const e = document.activeElement, bar = document.querySelector(".savebar").getBoundingClientRect();
                const box = e.getBoundingClientRect();
                return !!e.closest("#settings-form") && !e.closest(".savebar") && box.bottom > bar.top + 1;
            }"""
        )
        assert not hidden, focused(page)


@in_both_widths
def test_all_of_it_without_scripts(plain_page: Page, site: Server, settings: Any, watch: Watch, look: Look) -> None:
    watch.expect("status of 422")
    settings(s3_access_key_id="AKIAZ5XN2QTL7HDP4WCE", s3_secret_access_key="the first one", trash_retention_days=7)
    page = plain_page
    page.goto(SETTINGS)
    page.get_by_label("Largest file").fill("5 MB")
    button(page, "Reset to 30 days (Keep deleted files for)").click()
    expect(days(page)).to_have_value("30")
    expect(bar(page)).to_contain_text("2 unsaved changes")
    button(page, "Replace (Secret access key)").click()
    secret = page.locator("#f-s3_secret_access_key")
    expect(secret).to_be_focused()
    types(page).fill("image/*, text/csv")
    button(page.get_by_role("status", name="Connection test of Filesystem"), "Test connection").click()
    expect(page.get_by_text("Connection works")).to_be_visible()
    expect(types(page)).to_have_value("image/*, text/csv")
    screenshot(page, f"plain-settings-{look.name}")
    days(page).fill("soon")
    secret.fill(SECRET)
    save(page)
    expect(page.locator("#errs")).to_contain_text("1 field needs attention.")
    expect(page.get_by_text("Enter this again")).to_be_visible()
    assert SECRET not in page.content()
    days(page).fill("9")
    secret.fill(SECRET)
    days(page).press("Enter")
    expect(page.get_by_text("Saved. Live now on every worker.")).to_be_visible()
    found = site.admin.get(API).json()["values"]
    assert (found["trash_retention_days"], found["max_file_size_bytes"]) == (9, 5_000_000)
    assert found["allowed_content_types"] == ["image/*", "text/csv"]
