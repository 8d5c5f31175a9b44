"""German in a real browser: its longer words fit, and scripts say theirs in it."""

import re

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.looks import in_both_widths, on_desktop
from tests.browser.pages import (
    ACCOUNT,
    ACTIVITY,
    FILES,
    LOGIN,
    PLUGINS,
    SETTINGS,
    TASKS,
    TOKENS,
    TRASH,
    USERS,
    WEBHOOKS,
    dock,
    scrolls_sideways,
    tick,
    toasts,
)
from tests.browser.shelf import Shelf
from tests.support.chromium import Look, Visits, Watch, screenshot

PLACES = {
    "login": LOGIN, "files": FILES, "filtered": f"{FILES}?type=image&since=2026-01-01&until=2099-12-31",
    "selected": f"{FILES}?select=page", "nothing": f"{FILES}?q=nichts", "trash": TRASH,
    "trash-selected": f"{TRASH}?select=page", "account": ACCOUNT, "tokens": TOKENS, "new-token": f"{TOKENS}/new",
    "users": USERS, "new-user": f"{USERS}/new", "activity": f"{ACTIVITY}?date=today",
    "settings": SETTINGS, "webhooks": WEBHOOKS, "new-webhook": f"{WEBHOOKS}/new", "tasks": TASKS, "plugins": PLUGINS,
}  # fmt: skip
# What sticks out of its cell or button, icons pressed flat, and words on keys and buttons that need a second line.
TROUBLES = """() => {
    const found = [];
    const name = (e) => `${e.tagName}.${e.className} ${(e.ariaLabel ?? e.textContent).trim().slice(0, 40)}`;
    for (const e of document.querySelectorAll("button, a.btn, kbd, .badge, th > a, select")) {
        const box = e.getBoundingClientRect();
        if (!box.width || e.closest(".vh")) continue;
        const holder = e.parentElement.closest("td, th, .card, .dialog, button, .nav")?.getBoundingClientRect();
        if (holder && (box.left < holder.left - 1 || box.right > holder.right + 1)) found.push(`out: ${name(e)}`);
        if (e.matches(".btn-icon") && box.width < 24) found.push(`flat: ${name(e)}`);
        const texts = document.createNodeIterator(e, NodeFilter.SHOW_TEXT, (node) => node.data.trim() ? 1 : 2);
        const ends = [];
        for (let text = texts.nextNode(); text; text = texts.nextNode()) {
            const range = document.createRange();
            range.selectNodeContents(text);
            ends.push(...[...range.getClientRects()].filter((r) => r.width > 1).map((r) => r.bottom));
        }
        const isWrapped = Math.max(...ends) - Math.min(...ends) > 8;
        if (e.matches("kbd, .btn, .badge") && isWrapped) found.push(`wrapped: ${name(e)}`);
    }
    return found;
}"""


@pytest.fixture
def german(visit: Visits, shelf: Shelf) -> Page:
    """The window of an admin whose browser asks for German."""
    shelf.trash("minutes.txt", "prices.csv")
    return visit(locale="de-DE")


@in_both_widths
def test_everything_fits(german: Page, look: Look) -> None:
    for name, address in PLACES.items():
        german.goto(address)
        expect(german.locator("html")).to_have_attribute("lang", "de")
        assert not scrolls_sideways(german), name
        assert not german.evaluate(TROUBLES), name
        screenshot(german, f"german-{name}-{look.name}")


@on_desktop
def test_a_german_page_is_accessible(german: Page) -> None:
    for address in (FILES, TRASH, USERS, SETTINGS):
        german.goto(address)
        assert_accessible(german)


@in_both_widths
def test_scripts_speak_german(german: Page, shelf: Shelf, watch: Watch) -> None:
    german.goto(FILES)
    tick(german, shelf.id("logo.svg"), shelf.id("backup.zip"))
    expect(german.locator("#bulkbar")).to_contain_text("2 ausgewählt")
    files: list[FilePayload] = [{"name": f"{n}.txt", "mimeType": "text/plain", "buffer": b"x"} for n in range(2)]
    german.set_input_files("#picker", files)
    expect(dock(german)).to_contain_text("2 Dateien gespeichert")
    expect(dock(german)).to_contain_text("2 von 2 fertig")
    watch.expect("ERR_FAILED")
    watch.expect("htmx:sendError")
    german.route("**/file-storage/?**", lambda route: route.abort())
    german.locator("#q").fill("x")
    expect(german.get_by_text("Der Server ist nicht erreichbar.").first).to_be_visible()


@on_desktop
def test_the_palette_and_the_keys_are_german(german: Page) -> None:
    german.goto(FILES)
    german.keyboard.press("Control+k")
    expect(german.get_by_role("option", name="Papierkorb")).to_be_visible()
    german.keyboard.press("Escape")
    german.keyboard.press("?")
    keys = german.locator("#keys-dialog")
    expect(keys).to_contain_text(re.compile("Suchen oder Befehl ausführen\\s*StrgK"))
    expect(toasts(german)).to_have_count(0)
