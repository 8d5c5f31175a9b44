"""Large files go from the browser straight to the store; where that cannot be, nobody notices."""

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.axe import assert_accessible
from tests.browser.films import LARGE, MIB, PATIENT, Asked, Held, expect_stored, half_sent, stored
from tests.browser.hands import slow_uploads
from tests.browser.looks import on_desktop
from tests.browser.pages import FILES, LOGIN, button, dock, job, link, sign_in
from tests.support.chromium import Look, Visits, Watch, screenshot
from tests.support.s3 import Bucket, S3Server, new_server
from tests.support.server import USER_PASSWORD, eventually
from tests.support.shelf import Shelf, fetched, use

FILM = "film.bin"
WATCH_BAR = """
    () => {
        window.seen = new Set();
        setInterval(() => seen.add(document.querySelector("#jobs .bar")?.value), 50);
    }
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A store that lets pages speak to it."""
    server = new_server(tmp_path_factory.mktemp("swift"), pages=True)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def house(store: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with Shelf(tmp_path_factory.mktemp("house"), store.bucket()) as house:
        yield house


@pytest.fixture
def bucket(house: Shelf, store: S3Server, watch: Watch) -> Bucket:
    """Where files go in this test."""
    watch.allow(store.url)
    return _moved(house, store)


def _moved(house: Shelf, store: S3Server) -> Bucket:
    house.bucket = store.bucket()
    use(house.admin, house.bucket)
    return house.bucket


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A large file on somebody's disk."""
    path = tmp_path / FILM
    path.write_bytes(secrets.token_bytes(LARGE))
    return path


@pytest.fixture
def page(visit: Visits, house: Shelf, bucket: Bucket) -> Page:
    """The uploader's list."""
    return visit("uploader", server=house.server)


@pytest.fixture
def asked(page: Page) -> Asked:
    return Asked(page)


@pytest.fixture
def half(page: Page, asked: Asked, house: Shelf, store: S3Server, film: Path) -> Held:
    """A film whose first part has not left yet, while the others have arrived."""
    return half_sent(page, house, store, film)


@on_desktop
def test_a_large_file_bypasses_the_application(
    page: Page, asked: Asked, house: Shelf, store: S3Server, film: Path
) -> None:
    page.goto(FILES)
    begins = len(house.server.log())
    slow_uploads(page, 12 * MIB)
    page.evaluate(WATCH_BAR)
    page.locator("#picker").set_input_files(film)
    expect(dock(page)).to_contain_text("Uploading 1 file")
    expect_stored(page, house, film)
    assert page.evaluate("() => seen.size") > 5, "it moves while a part is on its way, not only after each"
    assert asked.parts(store.url) == [1, 2, 3]
    assert (asked.through_us, asked.begun) == (0, 1)
    log = house.server.log()[begins:]
    assert "/api/file-storage/direct-uploads" in log
    assert "/api/file-storage/upload" not in log


@on_desktop
def test_a_small_file_goes_as_ever_and_loads_no_script_for_large_ones(page: Page, asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "small.bin").write_bytes(b"small")
    page.goto(FILES)
    page.locator("#picker").set_input_files(tmp_path / "small.bin")
    expect(job(page, "small.bin")).to_have_attribute("data-state", "done")
    assert (asked.through_us, asked.begun) == (1, 0)
    assert not any("upload-direct" in each.url for each in asked.requests)


@on_desktop
def test_from_page_to_page_it_goes_on(
    page: Page, asked: Asked, house: Shelf, store: S3Server, half: Held, film: Path, look: Look
) -> None:
    assert_accessible(page)
    screenshot(page, f"dock-direct-{look.name}")
    page.locator("#nav").get_by_role("link", name="Trash").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Trash")
    expect(job(page, FILM)).to_have_attribute("data-state", "sending")
    page.go_back()
    half.let_go()
    expect_stored(page, house, film)
    assert asked.parts(store.url) == [1, 2, 3]


@on_desktop
def test_several_share_the_line(page: Page, asked: Asked, house: Shelf, film: Path, store: S3Server) -> None:
    films = [film, *(film.with_name(f"take {number}.bin") for number in (2, 3))]
    for each in films[1:]:
        each.write_bytes(film.read_bytes()[::-1])
    page.goto(FILES)
    page.locator("#picker").set_input_files(films)
    expect(dock(page)).to_contain_text("3 files stored", timeout=PATIENT)
    assert asked.parts(store.url) == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert (asked.begun, asked.through_us) == (3, 0)
    for file in list(house.admin.every("files"))[:3]:
        there = next(each for each in films if each.name == file["filename"])
        assert fetched(house.admin, file).content == there.read_bytes()


# --- people change their minds --------------------------------------------------------


@on_desktop
@pytest.mark.usefixtures("half")
def test_a_cancelled_one_leaves_nothing_in_the_store(page: Page, house: Shelf) -> None:
    button(page, f"Cancel upload: {FILM}").click()
    expect(dock(page)).to_be_hidden()
    assert eventually(lambda: not house.bucket.uploads(), 10), "the parts are still there"
    assert house.bucket.keys() == []


@on_desktop
@pytest.mark.usefixtures("half")
def test_neither_does_one_whose_page_is_closed(page: Page, house: Shelf) -> None:
    page.goto("about:blank")
    assert eventually(lambda: not house.bucket.uploads(), 10), "the parts are still there"


@on_desktop
@pytest.mark.usefixtures("half")
def test_a_paused_one_goes_on_from_where_it_was(
    page: Page, asked: Asked, house: Shelf, store: S3Server, film: Path, look: Look
) -> None:
    button(page, f"Pause: {FILM}").click()
    expect(job(page, FILM)).to_have_attribute("data-state", "paused")
    expect(button(page, f"Resume: {FILM}")).to_be_focused()
    expect(dock(page)).to_contain_text("Uploads paused")
    assert_accessible(page)
    screenshot(page, f"dock-paused-{look.name}")
    assert asked.parts(store.url) == [1, 2, 3], "nothing is sent meanwhile"
    button(page, f"Resume: {FILM}").click()
    expect_stored(page, house, film)
    assert asked.begun == 1
    assert asked.parts(store.url) == [1, 1, 2, 3], "what had arrived is not sent again"


# --- things go wrong --------------------------------------------------------------------


@on_desktop
@pytest.mark.usefixtures("half")
def test_offline_it_waits_and_goes_on_from_where_it_was(
    page: Page, asked: Asked, house: Shelf, store: S3Server, film: Path
) -> None:
    page.context.set_offline(True)
    expect(dock(page)).to_contain_text("You are offline. They go on when you are back.")
    page.context.set_offline(False)
    expect_stored(page, house, film)
    assert asked.parts(store.url) == [1, 1, 2, 3]
    assert (asked.begun, asked.through_us) == (1, 0)


@on_desktop
def test_signed_out_it_waits_for_a_sign_in_and_loses_nothing(
    visit: Visits, house: Shelf, bucket: Bucket, store: S3Server, film: Path, watch: Watch
) -> None:
    watch.expect("status of 401|htmx:")
    page = visit("uploader", server=house.server, fresh=True)
    asked = Asked(page)
    half = half_sent(page, house, store, film)
    house.server.cli("user", "password", "uploader", stdin=USER_PASSWORD + "\n")  # ends all sessions
    half.let_go()
    expect(dock(page)).to_contain_text("You were signed out. Sign in, and uploads go on.", timeout=PATIENT)
    with page.context.expect_page() as opened:
        link(dock(page), "Sign in").click()
    other = opened.value
    expect(other).to_have_url(re.compile(LOGIN))
    sign_in(other, "uploader", USER_PASSWORD)
    expect(other.get_by_role("heading", level=1)).to_contain_text("Files")
    page.bring_to_front()
    expect_stored(page, house, film)
    assert asked.parts(store.url) == [1, 2, 3]
    assert (asked.begun, asked.through_us) == (1, 0)


@on_desktop
def test_a_store_that_goes_away_for_a_moment_is_waited_for(
    page: Page, asked: Asked, house: Shelf, store: S3Server, film: Path, half: Held, watch: Watch
) -> None:
    watch.expect("ERR_CONNECTION_RE(SET|FUSED)|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED|blocked by CORS policy")
    store.kill()
    half.let_go()
    page.wait_for_timeout(1500)
    store.start()
    expect_stored(page, house, film)
    assert {*asked.parts(store.url)[:-2]} == {1}
    assert (asked.begun, asked.through_us) == (1, 0)


@on_desktop
def test_a_part_that_is_refused_gets_another_address(
    page: Page, asked: Asked, house: Shelf, store: S3Server, film: Path, watch: Watch
) -> None:
    """Its time may be over."""
    watch.expect("status of 403")
    refused: list[str] = []

    def once(route: Route) -> None:
        if refused or "partNumber=2&" not in route.request.url:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=403, headers={"Access-Control-Allow-Origin": "*"})

    page.route(f"{store.url}/**", once)
    page.goto(FILES)
    page.locator("#picker").set_input_files(film)
    expect_stored(page, house, film)
    assert asked.parts(store.url) == [1, 2, 2, 3]
    addresses = [each.url for each in asked.requests if "partNumber=2&" in each.url]
    assert addresses[0] == refused[0] != addresses[1]


@on_desktop
def test_what_the_store_has_forgotten_is_begun_anew(
    page: Page, asked: Asked, house: Shelf, store: S3Server, film: Path, watch: Watch
) -> None:
    """Somebody, or a rule of the bucket, has thrown the parts away."""
    watch.expect("status of 404|blocked by CORS policy|net::ERR_FAILED")
    page.clock.install()
    half = half_sent(page, house, store, film)
    for upload in house.bucket.client.list_multipart_uploads(Bucket=house.bucket.name)["Uploads"]:
        which = {"Bucket": house.bucket.name, "Key": upload["Key"], "UploadId": upload["UploadId"]}
        house.bucket.client.abort_multipart_upload(**which)
    half.let_go()
    for _ in range(60):  # it tries for half a minute, by the clock of the page
        if asked.begun == 2:
            break
        page.clock.fast_forward(2000)
        page.wait_for_timeout(200)
    expect_stored(page, house, film)
    assert (asked.begun, asked.through_us) == (2, 0)


@on_desktop
def test_a_type_that_only_the_bytes_tell_is_refused_in_the_end(
    page: Page, house: Shelf, tmp_path: Path, watch: Watch
) -> None:
    watch.expect("status of 415")
    fake = tmp_path / "holiday.png"
    fake.write_bytes(b"%PDF-1.4\n" + secrets.token_bytes(LARGE))
    with house.settings(allowed_content_types=["image/*"]):
        page.goto(FILES)
        page.locator("#picker").set_input_files(fake)
        expect(job(page, fake.name)).to_have_attribute("data-state", "refused", timeout=PATIENT)
        expect(job(page, fake.name)).to_contain_text("This file type is not allowed here (application/pdf).")
    assert eventually(lambda: not house.bucket.keys() and not house.bucket.uploads(), 10)


# --- where it cannot be ------------------------------------------------------------------


@on_desktop
def test_a_store_that_is_not_for_pages_gets_it_through_the_application(
    page: Page, asked: Asked, house: Shelf, s3_server: S3Server, film: Path, watch: Watch
) -> None:
    """Nobody told the store that pages may speak to it: it says so at once, and that is remembered."""
    watch.allow(s3_server.url)
    watch.expect("blocked by CORS policy|net::ERR_FAILED")
    _moved(house, s3_server)
    page.goto(FILES)
    page.locator("#picker").set_input_files(film)
    expect_stored(page, house, film)
    assert (asked.begun, asked.through_us) == (1, 1)
    expect(page.locator("#toasts > .toast")).to_have_count(0)
    again = film.rename(film.with_name("again.bin"))
    page.locator("#picker").set_input_files(again)
    expect(job(page, again.name)).to_have_attribute("data-state", "done", timeout=PATIENT)
    assert (asked.begun, asked.through_us) == (1, 2)
    assert eventually(lambda: not house.bucket.uploads(), 10)


@on_desktop
def test_a_store_out_of_reach_gets_it_through_the_application(
    page: Page, asked: Asked, house: Shelf, store: S3Server, film: Path, watch: Watch
) -> None:
    """The application reaches it, but this browser does not."""
    watch.expect("net::ERR_ADDRESS_UNREACHABLE")
    page.route(f"{store.url}/**", lambda route: route.abort("addressunreachable"))
    page.goto(FILES)
    page.locator("#picker").set_input_files(film)
    expect_stored(page, house, film)
    assert (asked.begun, asked.through_us) == (1, 1)


@on_desktop
def test_a_page_from_before_the_store_was_chosen_goes_on_as_it_may(
    page: Page, asked: Asked, house: Shelf, s3_server: S3Server, store: S3Server, film: Path
) -> None:
    """Its policy lets it speak to the former store only."""
    page.goto(FILES)
    _moved(house, s3_server)
    page.locator("#picker").set_input_files(film)
    expect_stored(page, house, film)
    assert (asked.begun, asked.through_us) == (1, 1)
    assert asked.parts(store.url) == asked.parts(s3_server.url) == []


@on_desktop
def test_a_page_from_before_the_store_was_left_goes_on_as_it_may(
    page: Page, asked: Asked, house: Shelf, film: Path, watch: Watch
) -> None:
    watch.expect("status of 409")
    page.goto(FILES)
    with house.settings(backend="filesystem"):
        page.locator("#picker").set_input_files(film)
        expect(job(page, FILM)).to_have_attribute("data-state", "done", timeout=PATIENT)
    assert (asked.begun, asked.through_us) == (1, 1)
    assert stored(house)["backend"] == "filesystem"
