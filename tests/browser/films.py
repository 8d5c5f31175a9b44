"""Large files on their way to the store: what was asked for, what has arrived, and how to stop one in the middle."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Request, Route, expect

from tests.browser.pages import FILES, job
from tests.support.chromium import PATIENCE
from tests.support.s3 import S3Server
from tests.support.shelf import Shelf, fetched

MIB = 1024 * 1024
LARGE = 40 * MIB
"""Three parts."""
PATIENT = 6 * PATIENCE


class Asked:
    """What a page asked for."""

    def __init__(self, page: Page) -> None:
        self.requests: list[Request] = []
        page.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108 (Playwright marks what it calls)

    def parts(self, url: str) -> list[int]:
        """The parts that were sent to this store, in order of their number."""
        sent = [each for each in self.requests if each.method == "PUT" and each.url.startswith(url)]
        return sorted(int(parse_qs(urlsplit(each.url).query)["partNumber"][0]) for each in sent)

    def times(self, method: str, path: str) -> int:
        return sum(each.method == method and urlsplit(each.url).path == path for each in self.requests)

    @property
    def through_us(self) -> int:
        """How many files were sent to the application."""
        return self.times("POST", "/api/file-storage/upload")

    @property
    def begun(self) -> int:
        return self.times("POST", "/api/file-storage/direct-uploads")


def stored(house: Shelf) -> dict[str, object]:
    """The newest file."""
    return next(iter(house.admin.every("files")))


def expect_stored(page: Page, house: Shelf, film: Path) -> None:
    """The dock tells it, the list shows it, and what is there is what was sent."""
    expect(job(page, film.name)).to_have_attribute("data-state", "done", timeout=PATIENT)
    expect(page.locator(f'#rows .mid[title="{film.name}"]').first).to_be_visible()
    file = stored(house)
    assert (file["filename"], file["size_bytes"], file["backend"]) == (film.name, LARGE, "s3")
    assert fetched(house.admin, file).content == film.read_bytes()
    assert house.bucket.keys() == [file["key"]]
    assert house.bucket.uploads() == []


class Held:
    """The first try to send part 1: it waits until the test lets it go, so that there is time to act in the middle."""

    def __init__(self, page: Page, store: S3Server) -> None:
        self._route: Route | None = None
        page.route(re.compile(f"^{re.escape(store.url)}/.*partNumber=1&"), self._hold)

    def _hold(self, route: Route) -> None:
        if self._route is None:
            self._route = route
        else:
            route.continue_()

    def let_go(self) -> None:
        assert self._route is not None
        self._route.continue_()


def arrived(house: Shelf) -> int:
    """How many parts the store has of the uploads that are not completed."""
    found = house.bucket.client.list_multipart_uploads(Bucket=house.bucket.name).get("Uploads", [])
    parts = 0
    for upload in found:
        which = {"Bucket": house.bucket.name, "Key": upload["Key"], "UploadId": upload["UploadId"]}
        parts += len(house.bucket.client.list_parts(**which).get("Parts", []))
    return parts


def half_sent(page: Page, house: Shelf, store: S3Server, film: Path) -> Held:
    held = Held(page, store)
    page.goto(FILES)
    page.locator("#picker").set_input_files(film)
    # The dock knows it a moment after the store does.
    expect(job(page, film.name).locator(".job-line")).to_contain_text("25.2 MB of 41.9 MB", timeout=PATIENT)
    assert arrived(house) == 2
    return held
