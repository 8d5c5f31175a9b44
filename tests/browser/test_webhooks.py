"""Webhooks in a real browser, with the background worker at work: made, tested, paused, sent again, removed."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.looks import in_both_widths, on_desktop
from tests.browser.pages import WEBHOOKS, button, link, question, scrolls_sideways, show_navigation, toasts
from tests.browser.test_german import TROUBLES
from tests.support.chromium import Look, Visits, Watch, screenshot
from tests.support.hooks import Hook, serving
from tests.support.server import Server, eventually

ONE = re.compile(f"{WEBHOOKS}/[0-9a-f-]{{36}}$")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that may speak to receivers on this machine."""
    environ = {"STOWAGE_ALLOW_PRIVATE_ENDPOINTS": "true"}
    running = Server(tmp_path_factory.mktemp("house"), workers=1, environ=environ)
    try:
        yield running.start()
    finally:
        running.close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    with serving() as made:
        yield made


def created(page: Page, hook: Hook, *kinds: str) -> None:
    """Fill in the form and look at the page of what it has made."""
    page.goto(f"{WEBHOOKS}/new")
    page.get_by_label("Address").fill(hook.url)
    if kinds:
        page.get_by_label("Only these").check()
    for kind in kinds:
        page.locator("label.scope", has_text=kind).get_by_role("checkbox").check()
    button(page, "Create webhook").click()
    expect(page.locator("#secret")).to_have_value(re.compile("^whsec_"))


def told(page: Page, server: Server, hook: Hook) -> None:
    """Something happens, the receiver hears of it, and the page of the webhook shows that."""
    server.admin.put("/api/file-storage/upload/news.txt", data=b"news")
    assert eventually(lambda: "file_storage.file.uploaded" in hook.types(), 30)

    def shown() -> bool:
        link(page, "Refresh").click()
        return page.get_by_role("link", name="Attempts of Uploaded").count() > 0

    assert eventually(shown, 30)
    # A link that htmx has not seen yet leads to a whole page: no hand is as fast as a test.
    expect(page.locator(".htmx-request, .htmx-added, .htmx-swapping, .htmx-settling")).to_have_count(0)


def test_one_is_made(visit: Visits, house: Server, hook: Hook, look: Look, watch: Watch) -> None:
    watch.expect("status of 422")
    page = visit(server=house)
    page.goto("/file-storage/")
    show_navigation(page, look)
    link(page.locator("#nav"), "Webhooks").click()
    link(page, "New webhook").click()
    expect(page).to_have_title(re.compile("^New webhook"))
    expect(page.get_by_label("Address")).to_be_focused()
    kind = page.locator("label.scope", has_text="account.user.created")
    expect(kind).to_be_hidden()
    page.get_by_label("Address").fill(hook.url)
    page.get_by_label("Only these").check()
    expect(kind).to_be_visible()
    assert_accessible(page)
    button(page, "Create webhook").click()
    expect(page.get_by_text("Choose at least one.")).to_be_visible()
    expect(page.get_by_label("Only these")).to_be_focused()
    assert_accessible(page)
    kind.get_by_role("checkbox").check()
    button(page, "Create webhook").click()
    expect(page.get_by_role("heading", name="is ready")).to_be_focused()
    expect(page).to_have_url(ONE)
    assert_accessible(page)
    screenshot(page, f"webhook-created-{look.name}")


def test_a_test_is_told_in_place(visit: Visits, house: Server, hook: Hook, look: Look) -> None:
    page = visit(server=house)
    created(page, hook)
    secret = page.locator("#secret").input_value()
    button(page, "Send test").click()
    expect(page.get_by_text("The test was accepted")).to_be_visible()
    expect(page.locator("#send-test")).to_be_focused()
    assert next(each for each in hook.messages if each.type.endswith("test")).is_signed_by(secret)
    expect(page.locator("#deliveries").get_by_text("stowage.webhook.test")).to_be_visible()
    hook.answer = 500
    page.locator("#send-test").click()
    expect(page.get_by_text("The test failed")).to_be_visible()
    expect(page.locator("#send-test")).to_be_focused()
    assert_accessible(page)
    screenshot(page, f"webhook-tested-{look.name}")


def test_it_is_paused_resumed_and_removed(visit: Visits, house: Server, hook: Hook, look: Look) -> None:
    page = visit(server=house)
    created(page, hook)
    button(page, "More actions").click()
    page.get_by_role("menuitem", name="Pause").click()
    expect(button(page, "Resume")).to_be_focused()
    assert_accessible(page)
    screenshot(page, f"webhook-paused-{look.name}")
    page.keyboard.press("Enter")
    expect(page.locator("#webhook-h")).to_be_focused()
    expect(button(page, "Resume")).to_have_count(0)
    while toasts(page).count():
        button(toasts(page).first, "Dismiss notification").click()  # on a phone they lie over the menu's button
    button(page, "More actions").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(button(question(page), "Keep webhook")).to_be_focused()
    assert_accessible(page)
    button(question(page), "Delete webhook").click()
    expect(page).to_have_url(re.compile(f"{WEBHOOKS}$"))
    expect(page).to_have_title(re.compile("^Webhooks"))
    expect(toasts(page).filter(has_text="deleted.")).to_be_visible()
    expect(page.locator("#webhooks-h")).to_be_focused()
    expect(page.get_by_text(f"127.0.0.1:{hook.port}", exact=True)).to_have_count(0)


@on_desktop
def test_a_secret_is_copied_and_replaced(visit: Visits, house: Server, hook: Hook) -> None:
    page = visit(server=house, permissions=["clipboard-read", "clipboard-write"])
    created(page, hook)
    first = page.locator("#secret").input_value()
    button(page, "Copy").click()
    expect(page.locator("#say")).to_contain_text("Copied")
    assert page.evaluate("() => navigator.clipboard.readText()") == first
    page.get_by_role("link", name="I have copied it").click()
    expect(page.locator("#secret")).to_have_count(0)
    button(page, "More actions").click()
    page.get_by_role("menuitem", name="Replace the secret").click()
    button(question(page), "Replace secret").click()
    expect(page.locator("#secret-h")).to_be_focused()
    expect(page.locator("#secret")).not_to_have_value(first)
    page.reload()
    expect(page.locator("#secret")).to_have_count(0)


def test_what_was_delivered_is_sent_again_and_the_page_shows_it(
    visit: Visits, house: Server, hook: Hook, look: Look
) -> None:
    page = visit(server=house)
    created(page, hook, "file_storage.file.uploaded")
    told(page, house, hook)
    details = page.get_by_role("link", name="Attempts of Uploaded")
    details.click()
    expect(details).to_be_focused()
    expect(details).to_have_attribute("aria-expanded", "true")
    tries = page.get_by_role("list", name="Attempts").get_by_role("listitem")
    expect(tries).to_have_count(1)
    assert_accessible(page)
    screenshot(page, f"webhook-attempts-{look.name}")
    button(page, "Send again: Uploaded").click()
    expect(toasts(page).filter(has_text="It is sent again.")).to_be_visible()
    expect(details).to_be_focused()
    expect(tries).to_have_count(2)
    expect(details).to_be_focused()
    page.go_back()
    expect(details).to_have_attribute("aria-expanded", "false")


@on_desktop
def test_deliveries_are_narrowed_in_place(visit: Visits, house: Server, hook: Hook) -> None:
    page = visit(server=house)
    created(page, hook, "file_storage.file.uploaded")
    told(page, house, hook)
    page.locator("#only-parked").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("No such deliveries")).to_be_visible()
    expect(page.locator("#only-parked")).to_be_focused()
    expect(page).to_have_url(re.compile("state=parked$"))
    link(page, "Delivered").click()
    expect(page.get_by_role("link", name="Attempts of Uploaded")).to_have_count(1)
    page.go_back()
    expect(page.get_by_text("No such deliveries")).to_be_visible()


@in_both_widths
def test_it_all_works_without_scripts(visit: Visits, house: Server, hook: Hook, look: Look) -> None:
    page = visit(server=house, script=False)
    created(page, hook, "file_storage.file.uploaded")
    page.get_by_role("link", name="I have copied it").click()
    button(page, "Send test").click()
    expect(page.get_by_text("The test was accepted")).to_be_visible()
    told(page, house, hook)
    page.get_by_role("link", name="Attempts of Uploaded").click()
    expect(page.get_by_role("list", name="Attempts")).to_contain_text("Answered 204")
    button(page, "Send again: Uploaded").click()
    expect(page.get_by_text("It is sent again.")).to_be_visible()
    button(page, "More actions").click()
    page.get_by_role("menuitem", name="Pause").click()
    button(page, "Resume").click()
    expect(page.get_by_text("Webhook resumed.")).to_be_visible()
    link(page, "Edit").click()
    page.get_by_label("Description").fill("plain")
    button(page, "Save").click()
    expect(page.get_by_text("Webhook saved.")).to_be_visible()
    button(page, "More actions").click()
    page.get_by_role("menuitem", name="Delete").click()
    button(page, "Delete webhook").click()
    expect(page.get_by_text("deleted.")).to_be_visible()


@in_both_widths
def test_german_fits(visit: Visits, house: Server, hook: Hook, look: Look) -> None:
    english, page = visit(server=house), visit(server=house, locale="de-DE")
    created(english, hook, "file_storage.file.uploaded")
    address = english.url
    hook.answer = 410
    told(english, house, hook)
    for name, path in {"list": WEBHOOKS, "one": address, "edit": f"{address}/edit"}.items():
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", "de")
        assert not scrolls_sideways(page), name
        assert not page.evaluate(TROUBLES), name
        screenshot(page, f"german-webhook-{name}-{look.name}")
    page.goto(address)
    page.get_by_role("link", name="Versuche für Hochgeladen").click()
    expect(page.locator(".tries")).to_be_visible()
    assert not page.evaluate(TROUBLES)
    assert_accessible(page)
