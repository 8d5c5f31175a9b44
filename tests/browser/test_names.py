"""Names of files are text, whatever is in them: rows, toasts, questions, details, titles, the dock."""

from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.hands import paste
from tests.browser.looks import in_both_widths, on_desktop
from tests.browser.pages import (
    FILES,
    TRASH,
    bulk,
    button,
    expect_names,
    names,
    panel,
    question,
    row,
    scrolls_sideways,
    tick,
    toasts,
)
from tests.browser.shelf import Shelf
from tests.support.chromium import Look, screenshot

HOSTILE = [
    "<svg onload=alert(1)>.txt",
    "\"><img src=x onerror='alert(1)'>.png",
    "<script>alert(1)<!--.js",
    "{{ 7 * 7 }} {count} %s.txt",
    "\u202egnp.exe",
    "\u2067\u05d0\u05d1\u05d2 right to left.txt",
    "😀" * 251 + ".txt",
    "a'b&amp;c<b>.txt",
]


@pytest.fixture
def hostile(shelf: Shelf) -> Shelf:
    shelf.clear()
    for name in HOSTILE:
        shelf.put(name)
    return shelf


@in_both_widths
@pytest.mark.parametrize("where", [FILES, TRASH])
def test_in_rows(page: Page, hostile: Shelf, look: Look, where: str) -> None:
    if where == TRASH:
        hostile.trash(*HOSTILE)
    page.goto(where)
    assert sorted(names(page)) == sorted(HOSTILE)
    assert not scrolls_sideways(page)
    assert_accessible(page)
    screenshot(page, f"names-{where.strip('/').replace('/', '-')}-{look.name}")


@in_both_widths
def test_in_details_and_in_the_title(page: Page, hostile: Shelf, look: Look) -> None:
    for name in HOSTILE:
        page.goto(f"{FILES}?file={hostile.id(name)}")
        assert panel(page).get_by_role("heading", level=2).text_content() == name
        expect(page).to_have_title(f"{name} · Stowage")
        assert not scrolls_sideways(page), name


@in_both_widths
def test_in_questions(page: Page, hostile: Shelf, look: Look) -> None:
    page.goto(FILES)
    tick(page, *(hostile.id(name) for name in HOSTILE))
    button(bulk(page), "Move to trash").click()
    expect(question(page).get_by_role("listitem")).to_have_count(len(HOSTILE))
    shown = question(page).locator("li bdi").all_text_contents()
    assert sorted(shown) == sorted(HOSTILE)
    assert_accessible(page)
    screenshot(page, f"names-question-{look.name}")


@on_desktop
def test_in_labels_of_buttons(page: Page, hostile: Shelf) -> None:
    page.goto(FILES)
    for name in HOSTILE:
        label = row(page, hostile.id(name)).get_by_role("checkbox").get_attribute("aria-label")
        assert label == f"Select {name}"


@in_both_widths
def test_in_the_dock(page: Page, shelf: Shelf, tmp_path: Path, look: Look) -> None:
    page.goto(FILES)
    files: list[FilePayload] = [{"name": name, "mimeType": "text/plain", "buffer": b"x"} for name in HOSTILE]
    page.locator("#picker").set_input_files(files)
    if look.is_phone:
        button(page, "List of uploads").click()
    expect(page.locator("#jobs .job[data-state=done]")).to_have_count(len(files))
    shown = [each.get_attribute("title") for each in page.locator("#jobs .mid").all()]
    assert sorted(filter(None, shown)) == sorted(file["name"] for file in files)
    assert not scrolls_sideways(page)
    assert_accessible(page)
    screenshot(page, f"names-dock-{look.name}")


@on_desktop
def test_with_a_newline_it_is_stored_on_one_line(page: Page, shelf: Shelf) -> None:
    page.goto(FILES)
    paste(page, {"two\nlines.txt": b"x"})
    expect(page.locator("#jobs .job[data-state=done]")).to_have_count(1)
    assert not any("\n" in name for name in shelf.names())


@on_desktop
def test_in_messages(page: Page, hostile: Shelf) -> None:
    page.goto(FILES)
    for name in HOSTILE[:2]:
        button(page, f"Move {name} to the trash").click()
        expect(row(page, hostile.id(name))).to_have_count(0)
    expect(toasts(page).first).to_contain_text("moved to the trash.")


@on_desktop
def test_in_the_search(page: Page, hostile: Shelf) -> None:
    page.goto(FILES)
    for name in HOSTILE:
        page.get_by_role("searchbox").fill(name[:255])
        expect_names(page, name)
