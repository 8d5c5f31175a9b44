"""Hands drop and paste as people do: a page sees files and folders."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.hands import Drag, drop, paste, slow_uploads
from tests.browser.looks import in_both_widths, on_desktop
from tests.support.chromium import Visits, Watch

LISTENER = """
    () => {
        const tell = (text) => document.body.append(text + " ");
        for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
            document.addEventListener(kind, (event) => {
                event.preventDefault();
                if (kind === "dragover") return;
                tell(kind);
                if (kind !== "drop") return;
                for (const item of event.dataTransfer.items) {
                    const entry = item.webkitGetAsEntry();
                    tell(entry.isDirectory ? `folder:${entry.name}` : `file:${entry.name}`);
                }
            });
        }
        document.addEventListener("paste", (event) => {
            for (const file of event.clipboardData.files) tell(`pasted:${file.name}:${file.size}`);
        });
    }
"""


@pytest.fixture
def blank(visit: Visits) -> Page:
    """A page that tells what is done to it."""
    page = visit(None)
    page.evaluate(LISTENER)
    return page


@in_both_widths
def test_files_and_folders_are_dropped(blank: Page, tmp_path: Path) -> None:
    (tmp_path / "some folder").mkdir()
    (tmp_path / "some folder" / "inner.txt").write_text("x")
    (tmp_path / "a.txt").write_text("x")
    drop(blank, tmp_path / "a.txt", tmp_path / "some folder")
    expect(blank.locator("body")).to_have_text("dragenter drop file:a.txt folder:some folder")


@in_both_widths
def test_a_drag_can_leave_again(blank: Page, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    Drag(blank, tmp_path / "a.txt").over().leave()
    expect(blank.locator("body")).to_have_text("dragenter dragleave")


@in_both_widths
def test_files_are_pasted(blank: Page) -> None:
    paste(blank, {"a.txt": b"12345", "b c.png": b"\x89"})
    expect(blank.locator("body")).to_have_text("pasted:a.txt:5 pasted:b c.png:1")


@on_desktop
def test_uploads_can_be_slow(visit: Visits, watch: Watch) -> None:
    watch.expect("status of 405")
    page = visit(None)
    page.goto("/account/login")
    slow_uploads(page, 200_000)
    took = page.evaluate(
        """() => {
            const start = performance.now();
            const answer = fetch("/healthz", { method: "POST", body: new Uint8Array(300_000) });
            return answer.then(() => performance.now() - start);
        }"""
    )
    assert took > 1000
