"""Chromium, a server for it, and what every test of this folder is held to: nothing to complain about."""

import re
from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.shelf import Shelf
from tests.support.chromium import PATIENCE, SCREENSHOTS, USUAL, Look, Visits, Watch, launched, screenshot
from tests.support.server import Server

expect.set_options(timeout=PATIENCE)

_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[_failed] = item.stash.get(_failed, False) or report.failed
    return report


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser program for all tests of this folder; each window gets a profile of its own."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Server]:
    """A server of two workers, and the people: admin, uploader, stranger."""
    running = Server(tmp_path_factory.mktemp("site"), workers=2)
    try:
        running.start()
        running.add_user("uploader")
        running.add_user("stranger")
        yield running
    finally:
        running.close()


@pytest.fixture(scope="package")
def _shelf(site: Server) -> Shelf:
    return Shelf(site, site.admin, site.client("uploader"))


@pytest.fixture
def shelf(_shelf: Shelf) -> Shelf:
    """The store, holding the samples and nothing else."""
    return _shelf.fill()


@pytest.fixture(params=USUAL, ids=lambda look: look.name)
def look(request: pytest.FixtureRequest) -> Look:
    """Light and dark, wide and narrow, in turn. See ``tests.browser.looks`` for tests that need one of them only."""
    found: Look = request.param
    return found


@pytest.fixture
def watch() -> Watch:
    """What the browsers of this test complain about; ``watch.expect(...)`` names what the test is about."""
    return Watch()


@pytest.fixture
def visit(
    request: pytest.FixtureRequest, chromium: Browser, site: Server, watch: Watch, look: Look
) -> Iterator[Visits]:
    """Opens a window: ``visit("uploader")``, ``visit(None)``, ``visit(script=False)``."""
    visits = Visits(chromium, site, watch, look)
    yield visits
    failed = request.node.stash.get(_failed, False)
    _keep_failure(visits if failed else None, request.node.name)
    visits.close()
    assert failed or not watch.complaints(), "\n".join(watch.complaints())


@pytest.fixture
def page(visit: Visits, shelf: Shelf) -> Page:
    """The admin's window, empty yet, before a store with the samples."""
    return visit("admin")


@pytest.fixture
def plain_page(visit: Visits, shelf: Shelf) -> Page:
    """The admin's window in a browser that runs no script."""
    return visit("admin", script=False)


def _keep_failure(visits: Visits | None, test: str) -> None:
    """What the windows of a failed test showed in the end; what an earlier failure of it has left goes."""
    name = re.sub(r"[^\w.-]+", "_", test)[:120]
    for old in (SCREENSHOTS / "failed").glob(f"{name}.*.png"):
        old.unlink()
    for number, page in enumerate(visits.pages() if visits else []):
        screenshot(page, f"failed/{name}.{number}")
