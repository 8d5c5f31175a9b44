"""Five hundred files at once: all are stored, four at a time, and the page can be worked with all the while."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.hands import drop
from tests.browser.looks import on_desktop
from tests.browser.pages import FILES, dock
from tests.browser.shelf import Shelf
from tests.support.chromium import screenshot

MANY = 500
MOST_AT_ONCE = 4
MOST_ROWS = 60
# The longest task in which the page could not answer, the most rows the dock has had, the most uploads at a time.
MEASURE = """
    () => {
        window.measured = { longest: 0, rows: 0, uploads: 0, most: 0 };
        let flying = 0;
        new PerformanceObserver((list) => {
            for (const task of list.getEntries()) measured.longest = Math.max(measured.longest, task.duration);
        }).observe({ type: "longtask", buffered: false });
        setInterval(() => {
            measured.rows = Math.max(measured.rows, document.querySelectorAll("#jobs .job").length);
        }, 50);
        const send = XMLHttpRequest.prototype.send;
        XMLHttpRequest.prototype.send = function (body) {
            if (body instanceof FormData && body.has("file")) {
                flying += 1;
                measured.uploads += 1;
                measured.most = Math.max(measured.most, flying);
                this.addEventListener("readystatechange", () => { if (this.readyState === 4) flying -= 1; });
            }
            return send.call(this, body);
        };
    }
"""


@pytest.mark.slow
@on_desktop
def test_five_hundred_files_are_dropped(page: Page, shelf: Shelf, tmp_path: Path) -> None:
    shelf.clear()
    wanted = {f"file {number:03}.txt" for number in range(MANY)}
    for name in wanted:
        (tmp_path / name).write_text(name)
    page.goto(FILES)
    page.evaluate(MEASURE)
    drop(page, *sorted(tmp_path.iterdir()))
    expect(dock(page)).to_contain_text("Uploading")
    expect(page.locator("#jobs .job-more")).to_contain_text("more")
    screenshot(page, "dock-many-light-1440")
    # In the middle of it, somebody searches.
    page.get_by_role("searchbox").fill("file 00")
    expect(page.get_by_role("searchbox")).to_have_value("file 00")
    expect(page.locator("#rows tr").first).to_be_visible()
    expect(dock(page)).to_contain_text("500 files stored", timeout=120_000)
    measured = page.evaluate("() => window.measured")
    assert measured["uploads"] == MANY
    assert measured["most"] == MOST_AT_ONCE
    assert measured["rows"] <= MOST_ROWS
    assert measured["longest"] < 1000, "the page did not answer for so many milliseconds"
    assert shelf.names() == wanted
    expect(page.locator("#rows tr")).to_have_count(10)
