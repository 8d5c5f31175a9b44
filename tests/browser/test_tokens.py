"""API tokens in a real browser: by mouse, by keyboard, without scripts; the focus stays near what happened."""

import re

from playwright.sync_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.looks import in_both_widths, on_desktop
from tests.browser.pages import button
from tests.support.chromium import Look, Visits, Watch, screenshot
from tests.support.client import Client
from tests.support.server import Server

TOKENS = "/account/tokens"


def test_a_token_is_made_copied_and_revoked(page: Page, watch: Watch, look: Look) -> None:
    watch.expect("status of 422")
    page.goto(TOKENS)
    page.get_by_role("link", name="New token").click()
    expect(page).to_have_url(re.compile(f"{TOKENS}/new$"))
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    expect(page.get_by_label("Last day, in UTC")).to_be_hidden()
    assert_accessible(page)
    page.get_by_label("Name", exact=True).fill("nightly")
    page.get_by_label("List and download files").uncheck()
    button(page, "Create token").click()
    expect(page.get_by_text("Choose at least one.")).to_be_visible()
    expect(page.locator("input[name=scopes]").first).to_be_focused()
    assert_accessible(page)
    page.get_by_label("Upload and rename files").check()
    button(page, "Create token").click()
    expect(page.get_by_role("heading", name="is ready")).to_be_focused()
    expect(page.get_by_label("New token", exact=True).and_(page.locator("input"))).to_have_value(re.compile("^stw_"))
    expect(page).to_have_url(re.compile(f"{TOKENS}$"))
    assert_accessible(page)
    screenshot(page, f"tokens-created-{look.name}")
    page.get_by_role("link", name="Revoke nightly").first.click()
    dialog = page.get_by_role("alertdialog")
    expect(button(dialog, "Keep token")).to_be_focused()
    assert_accessible(page)
    screenshot(page, f"tokens-revoke-{look.name}")
    button(dialog, "Revoke token").click()
    expect(page.locator("#toasts").get_by_text("Token revoked.")).to_be_visible()
    expect(dialog).to_have_count(0)
    expect(page.locator("#tokens-h")).to_be_focused()


@on_desktop
def test_a_question_that_is_answered_no_gives_the_focus_back(page: Page) -> None:
    page.goto(f"{TOKENS}/new")
    page.get_by_label("Name", exact=True).fill("kept")
    page.keyboard.press("Enter")
    # It takes the focus a moment after it is there.
    expect(page.get_by_role("heading", name="is ready")).to_be_focused()
    link = page.get_by_role("link", name="Revoke kept").first
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alertdialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_be_focused()


@on_desktop
def test_a_day_is_asked_for_only_where_one_is_chosen(page: Page) -> None:
    page.goto(f"{TOKENS}/new")
    page.get_by_label("Expires").select_option("date")
    expect(page.get_by_label("Last day, in UTC")).to_be_visible()
    page.get_by_label("Expires").select_option("never")
    expect(page.get_by_label("Last day, in UTC")).to_be_hidden()


@on_desktop
def test_a_secret_is_copied_and_shown_once(visit: Visits, site: Server) -> None:
    page = visit("stranger", permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{TOKENS}/new")
    name = "<b>backup</b> & {x}"
    page.get_by_label("Name", exact=True).fill(name)
    button(page, "Create token").click()
    expect(page.get_by_role("heading", name="is ready")).to_contain_text(name)
    button(page, "Copy").click()
    expect(page.locator("#say")).to_have_text("Copied")
    secret = page.evaluate("() => navigator.clipboard.readText()")
    with Client(site.url, secret) as program:
        assert program.get("/api/file-storage/files").status_code == 200
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("rowheader").filter(has_text=name)).to_be_visible()
    page.reload()
    assert secret not in page.content()


@in_both_widths
def test_it_all_works_without_scripts(plain_page: Page, look: Look) -> None:
    plain_page.goto(TOKENS)
    plain_page.get_by_role("link", name="New token").click()
    plain_page.get_by_label("Name", exact=True).fill("plain")
    button(plain_page, "Create token").click()
    expect(plain_page.locator("#secret")).to_have_value(re.compile("^stw_"))
    plain_page.get_by_role("link", name="Revoke plain").first.click()
    button(plain_page, "Revoke token").click()
    expect(plain_page.get_by_text("Token revoked.")).to_be_visible()
