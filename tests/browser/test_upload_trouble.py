"""The server goes away, or the session does, in the middle of an upload: nothing is lost, nothing is stored twice."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import assert_accessible
from tests.browser.hands import slow_uploads
from tests.browser.looks import on_desktop
from tests.browser.pages import FILES, LOGIN, button, dock, job, link, sign_in
from tests.browser.shelf import Shelf
from tests.support.chromium import Look, Visits, Watch, screenshot
from tests.support.server import USER_PASSWORD, Server

NAMES = [f"part {number}.bin" for number in range(6)]


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    for number, name in enumerate(NAMES):
        (tmp_path / name).write_bytes(bytes([number]) * 300_000)
    return [tmp_path / name for name in NAMES]


@pytest.mark.slow
@on_desktop
def test_a_server_that_was_killed_gets_the_rest_when_it_is_back(
    visit: Visits, fresh_server: Callable[..., Server], parts: list[Path], watch: Watch, look: Look
) -> None:
    watch.expect("ERR_CONNECTION_RE(SET|FUSED)|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED|htmx:")
    server = fresh_server(workers=2)
    page = visit("admin", server=server)
    page.goto(FILES)
    faster = slow_uploads(page, 400_000)
    page.locator("#picker").set_input_files(parts)
    expect(page.locator("#jobs .job[data-state=sending]").first).to_be_visible()
    page.wait_for_function("() => [...document.querySelectorAll('#jobs .bar')].some((bar) => bar.value > 30)")
    server.kill()
    expect(dock(page)).to_contain_text("The server does not answer.", timeout=30_000)
    expect(page.locator("#jobs .job[data-state=error]").first).to_contain_text("no file is stored twice")
    assert_accessible(page)
    screenshot(page, f"dock-no-server-{look.name}")
    server.start()
    faster()
    button(dock(page), "Retry all").click()
    expect(dock(page)).to_contain_text("6 files stored", timeout=30_000)
    stored = server.admin.every("files")
    assert sorted(file["filename"] for file in stored) == NAMES
    server.wait_until_clean()


@on_desktop
def test_a_short_absence_is_got_over_without_anybody(
    visit: Visits, fresh_server: Callable[..., Server], parts: list[Path], watch: Watch
) -> None:
    watch.expect("ERR_CONNECTION_RE(SET|FUSED)|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED|htmx:")
    server = fresh_server(workers=1)
    page = visit("admin", server=server)
    page.goto(FILES)
    slow_uploads(page, 400_000)
    page.locator("#picker").set_input_files(parts[:1])
    expect(job(page, NAMES[0])).to_have_attribute("data-state", "sending")
    server.kill()
    expect(dock(page)).to_contain_text("No connection. Trying again")
    server.start()
    expect(dock(page)).to_contain_text("1 file stored", timeout=30_000)
    assert [file["filename"] for file in server.admin.every("files")] == NAMES[:1]


@on_desktop
def test_signed_out_they_wait_and_go_on_after_a_sign_in_in_another_tab(
    visit: Visits, site: Server, shelf: Shelf, parts: list[Path], watch: Watch, look: Look
) -> None:
    watch.expect("status of 401|ERR_CONNECTION_RESET|ERR_ABORTED|ERR_FAILED|htmx:")
    page = visit("uploader", fresh=True)
    page.goto(FILES)
    faster = slow_uploads(page, 100_000)
    page.locator("#picker").set_input_files(parts)
    expect(page.locator("#jobs .job[data-state=sending]").first).to_be_visible()
    site.cli("user", "password", "uploader", stdin=USER_PASSWORD + "\n")  # ends all sessions
    expect(dock(page)).to_contain_text("You were signed out. Sign in, and uploads go on.", timeout=20_000)
    expect(page.locator("#jobs .job[data-state=paused]").first).to_be_visible()
    assert_accessible(page)
    screenshot(page, f"dock-signed-out-{look.name}")
    faster()
    with page.context.expect_page() as opened:
        link(dock(page), "Sign in").click()
    other = opened.value
    expect(other).to_have_url(re.compile(LOGIN))
    sign_in(other, "uploader", USER_PASSWORD)
    expect(other.get_by_role("heading", level=1)).to_contain_text("Files")
    page.bring_to_front()
    expect(dock(page)).to_contain_text("6 files stored", timeout=20_000)
    stored = [file["filename"] for file in shelf.people["admin"].every("files")]
    assert sorted(name for name in stored if name in NAMES) == NAMES


@on_desktop
def test_offline_they_wait_and_go_on(page: Page, shelf: Shelf, parts: list[Path]) -> None:
    page.goto(FILES)
    slow_uploads(page, 300_000)
    page.locator("#picker").set_input_files(parts[:2])
    expect(page.locator("#jobs .job[data-state=sending]").first).to_be_visible()
    page.context.set_offline(True)
    expect(dock(page)).to_contain_text("You are offline. They go on when you are back.")
    page.context.set_offline(False)
    expect(dock(page)).to_contain_text("2 files stored", timeout=30_000)
    assert {*NAMES[:2]} <= shelf.names()
