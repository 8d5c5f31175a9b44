"""The page of plugins, and a page of a plugin, as people see them."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.axe import assert_accessible
from tests.browser.pages import PLUGINS, button, scrolls_sideways, toasts
from tests.support import packages
from tests.support.chromium import Look, Visits, screenshot
from tests.support.server import Server, eventually

SAMPLE = Path(__file__).resolve().parents[1] / "plugins/sample/src"
LEDGER = "/plugins/ledger/"
CODE = """
from webapp.contracts import FileUploaded


def breaking(host):
    raise OSError(2, "the licence file /srv/licences/scanner.key is not there")


def failing(host):
    host.subscribe(FileUploaded, receive)


def receive(event):
    raise ConnectionError("the index at search.example does not answer")
"""
# The next failure is the last one.
HURRY = """UPDATE delivery SET attempts = 5, due_at = '2000-01-01 00:00:00.000000'
    WHERE subscriber = 'plugin:failing' AND state = 'waiting'"""
# Cells that are cut off at the edge of their table, and names in them that are broken.
BROKEN = """() => [...document.querySelectorAll(".plugin table td, .plugin table th")].filter((e) => {
    const box = e.getBoundingClientRect();
    const holder = e.closest(".table-card, .card").getBoundingClientRect();
    if (!box.width) return false;
    if (box.left < holder.left - 1 || box.right > holder.right + 1) return true;
    return [...e.querySelectorAll("bdi, .badge")].some((name) => name.getBoundingClientRect().height > 28);
}).map((e) => e.textContent)"""
POINTS = "[stowage.plugins]\nbreaking = broken_plugins:breaking\nfailing = broken_plugins:failing\n"
LEDGERS = "[stowage.plugins]\nledger = stowage_ledger:setup\n"


def installed(at: Path) -> dict[str, str]:
    """What pip would leave there: the sample, and two plugins in trouble."""
    shutil.copytree(SAMPLE, at, ignore=shutil.ignore_patterns("__pycache__"))
    (at / "broken_plugins.py").write_text(CODE, encoding="utf-8")
    for name, version, points in (("broken-plugins", "0.3", POINTS), ("stowage-ledger", "1.2.0", LEDGERS)):
        packages.described(at, name, points, version)
    return {"PYTHONPATH": os.fspath(at)}


@pytest.fixture
def extended(fresh_server: Callable[..., Server], tmp_path: Path) -> Server:
    return fresh_server(workers=1, environ=installed(tmp_path / "plugins"))


def given_up(server: Server) -> bool:
    """The plugin that fails has failed too often: as after an hour."""
    with sqlite3.connect(server.data_dir / "instance/stowage.db") as connection:
        connection.execute(HURRY)
    connection.close()
    failing = next(each for each in server.admin.get("/api/plugins").json()["items"] if each["name"] == "failing")
    return bool(failing["delivery"]["parked"] == 1)


@pytest.mark.slow
def test_the_page_shows_what_is_wrong_first_and_a_page_of_a_plugin_is_like_ours(
    visit: Visits, extended: Server, look: Look
) -> None:
    extended.admin.upload(b"one\ntwo\n", "in the ledger.txt", "text/plain")
    assert extended.admin.put_file(b"MZ", "setup.exe").status_code == 422
    assert eventually(lambda: extended.admin.get(f"/api{LEDGER}entries").json()["items"], 20)
    page = visit("admin", server=extended)
    page.goto(PLUGINS)
    heads = page.locator(".plugin h2")
    expect(heads).to_have_text(["breaking", "failing", "Ledger"])
    expect(page.locator(".plugin").first).to_contain_text("/srv/licences/scanner.key is not there")
    expect(page.locator(".plugin").nth(1)).to_contain_text("the index at search.example does not answer")
    assert_accessible(page)
    assert not scrolls_sideways(page)
    assert not page.evaluate(BROKEN)
    screenshot(page, f"plugins-{look.name}")
    assert eventually(lambda: given_up(extended), 20, 0.5)
    page.reload()
    assert_accessible(page)
    assert not scrolls_sideways(page)
    screenshot(page, f"plugins-given-up-{look.name}")
    button(page, "Try again: failing").click()
    expect(toasts(page)).to_contain_text("1 call of failing is tried again.")
    expect(page.locator("#plugin-failing")).to_be_focused()
    expect(button(page, "Try again: failing")).to_have_count(0)
    assert_accessible(page)
    screenshot(page, f"plugins-tried-again-{look.name}")
    page.locator(".plugin").last.scroll_into_view_if_needed()
    screenshot(page, f"plugins-ledger-{look.name}")
    page.goto(LEDGER)
    expect(page.locator("h1")).to_have_text("Ledger")
    expect(page.locator("main")).to_contain_text("in the ledger.txt")
    assert_accessible(page)
    assert not scrolls_sideways(page)
    screenshot(page, f"page-of-a-plugin-{look.name}")
    button(page, "Begin anew").click()
    expect(page.locator("main")).to_contain_text("The ledger begins anew: 1 lines are gone.")
