"""A plugin that checks uploads, as people see it: in the dock, and in the details of a file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.axe import assert_accessible
from tests.browser.looks import on_desktop
from tests.browser.pages import FILES, dock, job
from tests.support.chromium import Look, Visits, Watch, screenshot
from tests.support.scanner import SENTENCE, WORD, installed
from tests.support.server import Server


@pytest.fixture
def scanned(fresh_server: Callable[..., Server], tmp_path: Path) -> Server:
    return fresh_server(workers=1, environ=installed(tmp_path / "plugin"))


@pytest.mark.slow
@on_desktop
def test_the_dock_tells_what_the_plugin_says_and_the_details_what_it_found(
    visit: Visits, scanned: Server, tmp_path: Path, watch: Watch, look: Look
) -> None:
    watch.expect("status of 422|status of 503")
    files = {"clean.txt": b"nothing to see", "bad.txt": b"a" + WORD, "broken.txt": b"x"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    page = visit("admin", server=scanned)
    page.goto(FILES)
    page.locator("#picker").set_input_files([tmp_path / name for name in files])
    expect(job(page, "bad.txt")).to_contain_text(SENTENCE)
    expect(job(page, "bad.txt").locator("[data-job=retry]")).to_be_hidden()
    expect(job(page, "broken.txt")).to_contain_text("A check that every upload has to pass does not work.")
    expect(job(page, "broken.txt").locator("[data-job=retry]")).to_be_visible()
    expect(dock(page)).not_to_contain_text("The server does not answer.")
    assert_accessible(page)
    screenshot(page, f"dock-refused-by-plugin-{look.name}")
    page.goto(f"{FILES}?file={scanned.admin.every('files')[0]['id']}")
    facts = page.locator("#inspector .annotations")
    expect(facts).to_contain_text("What scanner found")
    expect(facts.locator("dd")).to_have_text(["14", "Yes"])
    assert_accessible(page)
    facts.scroll_into_view_if_needed()
    screenshot(page, f"details-annotations-{look.name}")
