"""Files go in: picked, dropped, with their folder, or pasted; the dock tells how it goes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, FilePayload, Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.hands import Drag, drop, paste, slow_uploads
from tests.browser.looks import in_both_widths, on_desktop
from tests.browser.pages import ACCOUNT, FILES, button, dock, job, link, show_navigation
from tests.browser.shelf import SAMPLES, Shelf, png
from tests.support.chromium import PATIENCE, Look, Watch, screenshot
from tests.support.server import Server

DONE = "#jobs .job[data-state=done]"
NEW = {"one.txt": b"1", "two.txt": b"22", "three.bin": b"\x00\x01\x02"}


@pytest.fixture
def new(tmp_path: Path) -> list[Path]:
    """Files on somebody's disk."""
    for name, data in NEW.items():
        (tmp_path / name).write_bytes(data)
    return [tmp_path / name for name in NEW]


@pytest.fixture
def slow(page: Page, tmp_path: Path) -> Iterator[Page]:
    """The list, with a picture on its way that takes its time."""
    (tmp_path / "slow.png").write_bytes(png() + bytes(900_000))
    page.goto(FILES)
    slow_uploads(page, 100_000)
    page.locator("#picker").set_input_files(tmp_path / "slow.png")
    expect(job(page, "slow.png")).to_have_attribute("data-state", "sending")
    yield page
    # A window that closes is slow no more: the rest would still arrive.
    page.evaluate("() => document.querySelector('[data-job=cancel]:not([hidden])')?.click()")


def show_jobs(page: Page, look: Look) -> None:
    """On a phone the dock starts folded."""
    if look.is_phone:
        button(page, "List of uploads").click()
    expect(page.locator("#jobs")).to_be_visible()


def expect_stored(page: Page, shelf: Shelf, *wanted: str) -> None:
    """The dock tells it, the list shows it, the store has it."""
    expect(dock(page).get_by_role("heading", level=2)).to_contain_text(re.compile(r"files? stored"))
    expect(page.locator("#rows tr")).to_have_count(len(SAMPLES) + len(wanted))
    assert shelf.names() == {*SAMPLES, *wanted}


@in_both_widths
def test_picked(page: Page, shelf: Shelf, new: list[Path], look: Look) -> None:
    page.goto(FILES)
    with page.expect_file_chooser() as chooser:
        button(page, "Upload files").click()
    assert chooser.value.is_multiple()
    chooser.value.set_files(new)
    expect_stored(page, shelf, *NEW)
    show_jobs(page, look)
    for path in new:
        expect(job(page, path.name)).to_contain_text("Stored")
    assert_accessible(page)
    screenshot(page, f"dock-done-{look.name}")
    page.mouse.move(5, 5)  # nothing goes while somebody points at it
    page.locator("#main").focus()
    expect(dock(page)).to_be_hidden(timeout=2 * PATIENCE)


@on_desktop
def test_picked_by_keyboard(page: Page, shelf: Shelf, new: list[Path]) -> None:
    page.on("filechooser", lambda _: None)  # from now on the browser opens none of its own
    page.goto(FILES)
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("u")
    chooser.value.set_files(new)
    expect_stored(page, shelf, *NEW)


@on_desktop
def test_dropped_anywhere(page: Page, shelf: Shelf, new: list[Path], look: Look) -> None:
    page.goto(FILES)
    drag = Drag(page, *new).over()
    expect(page.locator("#drop-over")).to_be_visible()
    screenshot(page, f"dropping-{look.name}")
    drag.over(900, 700).drop(900, 700)
    expect(page.locator("#drop-over")).to_be_hidden()
    expect_stored(page, shelf, *NEW)


@in_both_widths
def test_dropped_with_their_folder(page: Page, shelf: Shelf, new: list[Path], tmp_path: Path) -> None:
    deep = tmp_path / "folder" / "in a folder"
    deep.mkdir(parents=True)
    (tmp_path / "folder" / "empty").mkdir()
    for path in new:
        path.rename(deep / path.name)
    (tmp_path / "folder" / "top.txt").write_text("x")
    page.goto(FILES)
    drop(page, tmp_path / "folder")
    expect_stored(page, shelf, *NEW, "top.txt")


@on_desktop
def test_a_folder_is_picked(page: Page, shelf: Shelf, new: list[Path], tmp_path: Path) -> None:
    page.goto(FILES)
    button(page, "More ways to upload").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("menuitem", name="Upload a folder").click()
    chooser.value.set_files(tmp_path)
    expect_stored(page, shelf, *NEW)


@on_desktop
def test_pasted(page: Page, shelf: Shelf) -> None:
    page.goto(FILES)
    paste(page, {"from elsewhere.txt": b"x", "image.png": png()})
    expect(page.locator(DONE)).to_have_count(2)
    pasted = shelf.names() - set(SAMPLES)
    assert len(pasted) == 2
    assert any(re.fullmatch(r"Pasted \d{4}-\d\d-\d\d .*\.png", name) for name in pasted)


@on_desktop
def test_progress_is_told(slow: Page, look: Look) -> None:
    bar = job(slow, "slow.png").locator(".bar")
    slow.wait_for_function("(bar) => bar.value > 20", arg=bar.element_handle())
    expect(job(slow, "slow.png").locator(".job-line")).to_contain_text(re.compile(r"of 912\.\d KB"))
    expect(job(slow, "slow.png").locator(".job-line")).to_contain_text(re.compile(r"KB/s · \d+ s left"))
    expect(dock(slow)).to_contain_text("Uploading 1 file")
    expect(dock(slow)).to_contain_text(re.compile(r"0 of 1 done · [\d.]+ KB left"))
    assert_accessible(slow)
    screenshot(slow, f"dock-sending-{look.name}")


@on_desktop
def test_one_is_cancelled(slow: Page, shelf: Shelf) -> None:
    job(slow, "slow.png").get_by_role("button", name="Cancel upload: slow.png").click()
    expect(dock(slow)).to_be_hidden()
    assert shelf.names() == set(SAMPLES)


@in_both_widths
def test_the_dock_goes_along_from_page_to_page(slow: Page, shelf: Shelf, look: Look) -> None:
    page = slow
    page.evaluate("() => { window.same = true; }")
    show_navigation(page, look)
    page.locator("#nav").get_by_role("link", name="Activity").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Activity")
    expect(dock(page)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Files")
    expect(dock(page)).to_be_visible()
    expect(page.locator("#jobs .job[data-state=sending]")).to_have_count(1)
    assert page.evaluate("() => window.same"), "the page was loaded anew"
    expect(page.locator('#rows .mid[title="slow.png"]')).to_be_visible(timeout=2 * PATIENCE)
    assert shelf.names() == {*SAMPLES, "slow.png"}


@on_desktop
def test_leaving_asks_first(slow: Page) -> None:
    page = slow
    page.locator("h1").click()  # browsers ask only those who did something
    asked: list[str] = []

    def no(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", no)
    page.close(run_before_unload=True)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    expect(job(page, "slow.png")).to_have_attribute("data-state", "sending")


@on_desktop
def test_closing_the_dock_asks_once(slow: Page, shelf: Shelf, look: Look) -> None:
    page = slow
    button(dock(page), "Close uploads").click()
    stop = page.get_by_role("dialog", name="Stop 1 upload?")
    expect(button(stop, "Keep uploading")).to_be_focused()
    assert_accessible(page)
    screenshot(page, f"dock-stop-{look.name}")
    page.keyboard.press("Enter")
    expect(stop).to_be_hidden()
    button(dock(page), "Close uploads").click()
    button(stop, "Stop uploads").click()
    expect(dock(page)).to_be_hidden()
    assert shelf.names() == set(SAMPLES)


@in_both_widths
def test_what_is_too_large_or_of_a_wrong_kind_says_so(page: Page, shelf: Shelf, site: Server, look: Look) -> None:
    with site.settings(max_file_size_bytes=50_000, allowed_content_types="image/*, text/plain"):
        page.goto(FILES)
        expect(page.get_by_text("Some types only, up to 50 KB each").first).to_be_attached()
        wrong: list[FilePayload] = [
            {"name": "big.png", "mimeType": "image/png", "buffer": bytes(60_000)},
            {"name": "tool.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"},
            {"name": "fine.txt", "mimeType": "text/plain", "buffer": b"fine"},
        ]
        page.locator("#picker").set_input_files(wrong)
        show_jobs(page, look)
        expect(job(page, "big.png")).to_contain_text("60 KB is over the limit of 50 KB for one file.")
        expect(job(page, "tool.exe")).to_contain_text("This file type is not allowed here (application/x-msdownload).")
        expect(job(page, "fine.txt")).to_contain_text("Stored")
        expect(dock(page)).to_contain_text("2 uploads need you")
        expect(page.locator("#jobs").get_by_role("button", name=re.compile("^Retry"))).to_have_count(0)
        assert_accessible(page)
        screenshot(page, f"dock-refused-{look.name}")
    assert shelf.names() == {*SAMPLES, "fine.txt"}


@on_desktop
def test_what_only_the_server_can_tell_is_told_the_same_way(
    page: Page, shelf: Shelf, site: Server, watch: Watch
) -> None:
    watch.expect("status of 415|status of 413")
    page.goto(FILES)
    with site.settings(max_file_size_bytes=50_000, allowed_content_types="image/*"):
        # The page is from before these limits.
        wrong: list[FilePayload] = [
            {"name": "big.png", "mimeType": "image/png", "buffer": bytes(60_000)},
            {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"x"},
        ]
        page.locator("#picker").set_input_files(wrong)
        expect(job(page, "big.png")).to_contain_text("60 KB is over the limit of 50 KB for one file.")
        expect(job(page, "notes.txt")).to_contain_text("This file type is not allowed here (text/plain).")
    assert shelf.names() == set(SAMPLES)


@on_desktop
def test_a_stored_file_is_followed_to_its_details(page: Page, new: list[Path]) -> None:
    page.goto(ACCOUNT)
    link(page.locator("#nav"), "Stowage").click()
    page.locator("#picker").set_input_files(new[:1])
    expect(page.locator('#rows .mid[title="one.txt"]')).to_be_visible()
    link(page, "one.txt").click()
    expect(page.locator("#inspector")).to_contain_text("1 byte")
