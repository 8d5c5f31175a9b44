"""Stores that fail: what the client is told, what is kept, and what the log knows."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.support.client import FILES, created
from tests.support.corpora import noise, sha256
from tests.support.faults import Fault, FaultProxy
from tests.support.images import picture
from tests.support.raw import Answer, Wire, file_part, form_headers, head, multipart
from tests.support.s3 import S3Server, new_server
from tests.support.server import eventually
from tests.support.shelf import MIB, Shelf, download_path, plain, redirected, within

SMALL = noise(100_000, 1)
LARGE = noise(MIB, 2) * 20 + b"the end"
"""Three parts."""
ALWAYS = 10**6
PATIENCE = 30
"""Seconds until an upload to a store that fails, but answers, has its own answer."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One that may be killed; whoever does starts it again."""
    server = new_server(tmp_path_factory.mktemp("mortal"))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def proxy(store: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(store.port) as between:
        yield between


@pytest.fixture(scope="module")
def shelf(store: S3Server, proxy: FaultProxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    bucket = store.bucket(proxy.url)
    with Shelf(tmp_path_factory.mktemp("trouble"), bucket, s3_presigned_downloads=False) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_is_left(shelf: Shelf) -> Iterator[None]:
    """After each test, and the time recovery needs, the bucket holds what rows name and nothing else."""
    yield
    shelf.wait_until_clean()


@contextmanager
def failing(proxy: FaultProxy, kind: str, **about: object) -> Iterator[Fault]:
    """The store does this to all such requests, or to so many."""
    fault = proxy.fail(kind, **{"times": ALWAYS, **about})
    try:
        yield fault
    finally:
        fault.times = 0


def send(shelf: Shelf, data: bytes, name: str = "sent.bin") -> Answer:
    """As simple programs do: all of the body first, then look for an answer."""
    with Wire(shelf.server.url, timeout=60) as wire:
        headers = [*shelf.admin.auth, ("Content-Length", str(len(data)))]
        wire.send(head("PUT", f"{FILES}/upload/{name}", headers) + data)
        return wire.answer()


def send_form(shelf: Shelf, data: bytes) -> Answer:
    body = multipart([file_part(data, "sent.bin")])
    with Wire(shelf.server.url, timeout=60) as wire:
        headers = [*shelf.admin.auth, *form_headers(), ("Content-Length", str(len(body)))]
        wire.send(head("POST", f"{FILES}/upload", headers) + body)
        return wire.answer()


def stored(shelf: Shelf, answer: Answer, data: bytes) -> dict[str, Any]:
    """It was accepted, and the object is there to the byte."""
    assert answer.status_code == 201, answer.text
    file: dict[str, Any] = answer.json()
    assert file["checksum_sha256"] == sha256(data)
    assert shelf.bucket.read(file["key"]) == data
    return file


# --- uploads ----------------------------------------------------------------------

# These come first: botocore tries again only as long as a store has not failed for long.


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        ("answer", {"status": 500}),
        ("answer", {"status": 503, "code": "SlowDown"}),
        ("answer_after", {"status": 500}),
        ("lose_answer", {}),
        ("cut_request", {"after": 50_000}),
        ("delay", {"seconds": 2}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_one_failure_is_not_noticed(
    shelf: Shelf, proxy: FaultProxy, kind: str, about: dict[str, Any], data: bytes
) -> None:
    with failing(proxy, kind, method="PUT", times=1, **about) as fault, within(PATIENCE):
        file = stored(shelf, send(shelf, data), data)
    assert fault.done == 1
    shelf.admin.purge(file)


@pytest.mark.parametrize("kind", ["answer", "answer_after", "lose_answer"])
@pytest.mark.parametrize("target", [r"\?uploads", "uploadId="], ids=["begin", "complete"])
def test_one_failure_at_the_ends_of_an_upload_in_parts_is_not_noticed(
    shelf: Shelf, proxy: FaultProxy, kind: str, target: str
) -> None:
    with failing(proxy, kind, method="POST", target=target, times=1) as fault, within(PATIENCE):
        file = stored(shelf, send(shelf, LARGE), LARGE)
    assert fault.done == 1
    shelf.admin.purge(file)


FAILURES: dict[str, tuple[str, dict[str, Any], str]] = {
    "500": ("answer", {"status": 500}, "vendor text"),
    "503": ("answer", {"status": 503, "code": "SlowDown"}, "vendor text"),
    "403": ("answer", {"status": 403, "code": "AccessDenied"}, "vendor text"),
    "307": ("answer", {"status": 307, "code": "TemporaryRedirect", "location": "http://127.0.0.1:9/"}, "vendor text"),
    "200 of something else": ("answer", {"status": 200, "body": "<html>Welcome, vendor text</html>"}, "not S3"),
    "cut": ("cut_request", {"method": "PUT", "after": 50_000}, "Connection"),
}
"""How, about what, and what the log says."""


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_store_that_fails_is_a_backend_error_that_everybody_can_read(
    shelf: Shelf, proxy: FaultProxy, data: bytes, failure: str
) -> None:
    kind, about, words = FAILURES[failure]
    rows, trashed = shelf.admin.total(), shelf.admin.total("trash")
    with failing(proxy, kind, **about) as fault, within(PATIENCE):
        with ThreadPoolExecutor(2) as pool:
            answers = [each.result() for each in (pool.submit(send, shelf, data), pool.submit(send_form, shelf, data))]
        assert fault.done
    for answer in answers:
        document = shelf.backend_error(answer)
        logged = shelf.logged(document["request_id"])
        assert words in logged
    assert (shelf.admin.total(), shelf.admin.total("trash")) == (rows, trashed)


@pytest.mark.parametrize("kind", ["answer_after", "lose_answer"])
@pytest.mark.parametrize(("method", "data"), [("PUT", SMALL), ("POST", LARGE)], ids=["small", "large"])
def test_what_is_there_in_the_end_is_a_success(
    shelf: Shelf, proxy: FaultProxy, kind: str, method: str, data: bytes
) -> None:
    """The store never says so, but it has the object."""
    target = "uploadId=" if data is LARGE else ""
    with failing(proxy, kind, method=method, target=target), within(PATIENCE):
        file = stored(shelf, send(shelf, data), data)
    assert shelf.admin.content(file) == data
    shelf.admin.purge(file)


def test_what_may_be_there_but_cannot_be_asked_is_an_error_and_goes_again(shelf: Shelf, proxy: FaultProxy) -> None:
    with failing(proxy, "lose_answer", method="PUT"), failing(proxy, "answer", method="HEAD"), within(PATIENCE):
        shelf.backend_error(send(shelf, SMALL))
        assert len(shelf.bucket.keys()) == len(shelf.named()) + 1, "or there is nothing to clear away"


def test_a_store_that_corrupts_is_found_out(shelf: Shelf, proxy: FaultProxy) -> None:
    for data in (SMALL, LARGE):
        with failing(proxy, "corrupt", method="PUT", after=10), within(PATIENCE):
            shelf.backend_error(send(shelf, data))


def test_a_client_that_streams_reads_the_answer_too(shelf: Shelf, proxy: FaultProxy) -> None:
    """Chunked, and looking for an answer all the time."""
    with failing(proxy, "answer", status=500), within(PATIENCE), shelf.admin.fork() as client:
        answer = client.put_file(iter([LARGE[at : at + MIB] for at in range(0, len(LARGE), MIB)]), "chunked.bin")
    shelf.backend_error(answer)


def test_a_client_that_goes_away_leaves_nothing(shelf: Shelf) -> None:
    wires = [half_an_upload(shelf) for _ in range(3)]
    assert eventually(lambda: len(shelf.bucket.uploads()) == 3, 10)
    for wire in wires:
        wire.reset()
    shelf.wait_until_clean(10)


def half_an_upload(shelf: Shelf, name: str = "half.bin") -> Wire:
    wire = Wire(shelf.server.url, timeout=60)
    headers = [*shelf.admin.auth, ("Content-Length", str(len(LARGE)))]
    wire.send(head("PUT", f"{FILES}/upload/{name}", headers) + LARGE[: 12 * MIB])
    return wire


# --- downloads and everything else -------------------------------------------------


@pytest.fixture(scope="module")
def large(shelf: Shelf) -> dict[str, Any]:
    return shelf.admin.upload(LARGE, "large.bin")


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        ("answer", {"status": 500}),
        ("answer", {"status": 503, "code": "SlowDown"}),
        ("answer", {"status": 404, "code": "NoSuchKey"}),
        ("cut_response", {"after": 100_000}),
    ],
    ids=["500", "503", "404", "cut at once"],
)
def test_a_download_that_cannot_begin_is_a_backend_error(
    shelf: Shelf, proxy: FaultProxy, large: dict[str, Any], kind: str, about: dict[str, Any]
) -> None:
    ranges = ({}, {"Range": "bytes=100-9999999"})
    with failing(proxy, kind, method="GET", **about), within(PATIENCE), ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda headers: plain_download(shelf, large, headers), ranges))
    for answer in answers:
        assert "vendor text" not in str(answer.headers)
        document = shelf.backend_error(answer)
        assert "Content-Disposition" not in answer.headers
        assert "store" in shelf.logged(document["request_id"]) or "missing" in shelf.logged(document["request_id"])


def plain_download(shelf: Shelf, file: dict[str, Any], headers: dict[str, str]) -> requests.Response:
    with shelf.admin.fork() as client:
        return client.download(file, **headers)


def test_a_download_goes_on_where_it_was_cut(shelf: Shelf, proxy: FaultProxy, large: dict[str, Any]) -> None:
    with failing(proxy, "cut_response", method="GET", after=3 * MIB + 100) as fault, within(PATIENCE):
        assert shelf.admin.content(large) == LARGE
        part = shelf.admin.download(large, Range=f"bytes={MIB}-{15 * MIB}")
        assert (part.status_code, part.content) == (206, LARGE[MIB : 15 * MIB + 1])
    assert fault.done > 5


def test_a_download_that_breaks_for_good_does_not_look_whole(
    shelf: Shelf, proxy: FaultProxy, large: dict[str, Any]
) -> None:
    with (
        failing(proxy, "cut_response", method="GET", after=5 * MIB, times=1),
        failing(proxy, "answer", method="GET", status=403, code="AccessDenied"),
        within(PATIENCE),
        pytest.raises(requests.RequestException),
        shelf.admin.fork() as client,
    ):
        assert len(client.download(large).content) < len(LARGE)


@pytest.mark.slow
def test_the_rest_works_without_the_store(shelf: Shelf, store: S3Server, large: dict[str, Any]) -> None:
    admin = shelf.admin
    image = admin.upload(picture(), "a.png", "image/png")
    text = admin.upload(b"some text", "a.txt", "text/plain")
    store.kill()
    try:
        with within(PATIENCE):
            assert admin.info(large).status_code == 200
            assert {row["id"] for row in admin.every(backend="s3")} >= {large["id"], image["id"], text["id"]}
            assert admin.head(download_path(large)).status_code == 200
            shelf.backend_error(admin.get(f"/file-storage/files/{image['id']}/thumbnail/640"))
            shelf.backend_error(admin.get(f"/file-storage/files/{image['id']}/preview"))
            assert admin.get(f"/file-storage/?file={text['id']}").status_code == 200
            admin.trash(text)
            assert admin.restore(text).status_code == 200
            with shelf.settings(s3_presigned_downloads=True):
                redirected(admin, large)
            with shelf.settings(backend="filesystem"):
                assert admin.content(admin.upload(b"elsewhere", "b.txt")) == b"elsewhere"
            # The row goes now, the bytes when they can.
            admin.purge(image)
            admin.purge(text)
    finally:
        store.start()
    shelf.admin.purge(admin.every(q="b.txt")[0])
    assert eventually(lambda: not {image["key"], text["key"]} & set(shelf.bucket.keys()), 45, pause=0.5)


# --- stores that die ---------------------------------------------------------------


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_a_store_that_is_down_is_a_backend_error(shelf: Shelf, store: S3Server, data: bytes) -> None:
    rows = shelf.admin.total()
    store.kill()
    try:
        with within(PATIENCE):
            shelf.backend_error(send(shelf, data))
            shelf.backend_error(send_form(shelf, data))
    finally:
        store.start()
    assert shelf.admin.total() == rows
    shelf.admin.purge(stored(shelf, send(shelf, data), data))


@pytest.mark.slow
def test_a_store_that_dies_in_the_middle_and_stays_away(shelf: Shelf, store: S3Server) -> None:
    rows = shelf.admin.total()
    with half_an_upload(shelf) as wire:
        assert eventually(lambda: bool(shelf.bucket.uploads()), 10)
        store.kill()
        try:
            with within(PATIENCE):
                wire.send(LARGE[12 * MIB :])
                shelf.backend_error(wire.answer())
        finally:
            store.start()
    assert shelf.admin.total() == rows
    assert shelf.bucket.uploads(), "or there is nothing to clear away"


def test_a_store_that_is_started_again_under_an_upload(shelf: Shelf, store: S3Server) -> None:
    with half_an_upload(shelf) as wire:
        assert eventually(lambda: bool(shelf.bucket.uploads()), 10)
        store.kill()
        again = threading.Timer(0.5, store.start)
        again.start()
        try:
            with within(PATIENCE):
                wire.send(LARGE[12 * MIB :])
                answer = wire.answer()
        finally:
            again.join()
    # How long it was away decides; either is honest.
    if answer.status_code == 201:
        shelf.admin.purge(stored(shelf, answer, LARGE))
    else:
        shelf.backend_error(answer)


def test_a_store_that_is_started_again_under_a_download(shelf: Shelf, store: S3Server, large: dict[str, Any]) -> None:
    with Wire(shelf.server.url, timeout=60) as wire, within(PATIENCE):
        wire.send(head("GET", download_path(large), shelf.admin.auth))
        received = wire.file.read(8 * MIB)
        store.kill()
        store.start()
        while b"the end" not in received[-7:] and (piece := wire.file.read1(MIB)):
            received += piece
    # What the kernel had buffered came from before; the rest was fetched from the new process.
    assert received.partition(b"\r\n\r\n")[2] == LARGE


def test_a_download_over_a_link_is_the_stores_own_affair(shelf: Shelf, large: dict[str, Any]) -> None:
    with shelf.settings(s3_presigned_downloads=True):
        assert sha256(plain(redirected(shelf.admin, large)).content) == sha256(LARGE)


def test_settings_that_lead_nowhere_are_an_error_and_no_file(shelf: Shelf, large: dict[str, Any]) -> None:
    """A bucket that does not exist, and a key that is not known: what is in the right bucket stays readable."""
    for others in ({"s3_bucket": "there-is-no-such-bucket"}, {"s3_secret_access_key": "wrong-wrong-wrong"}):
        bucket = shelf.bucket
        shelf.use(s3_presigned_downloads=False, **others)
        try:
            for data in (SMALL, LARGE):
                document = shelf.backend_error(send(shelf, data))
                logged = shelf.logged(document["request_id"])
                assert "NoSuchBucket" in logged or "SignatureDoesNotMatch" in logged
            if "s3_bucket" in others:
                assert shelf.admin.content(large) == LARGE
                assert "there-is-no-such-bucket" not in send(shelf, SMALL).text
        finally:
            shelf.use(s3_presigned_downloads=False)
        assert shelf.bucket is bucket
    assert shelf.admin.content(large) == LARGE


def test_an_upload_that_is_repeated_after_an_error_is_stored_once(shelf: Shelf, proxy: FaultProxy) -> None:
    with failing(proxy, "answer", method="PUT"):
        shelf.backend_error(shelf.admin.put_file(SMALL, "again.bin", Idempotency_Key="once-and-for-all"))
    file = created(shelf.admin.put_file(SMALL, "again.bin", Idempotency_Key="once-and-for-all"))
    assert [row["id"] for row in shelf.admin.every(q="again.bin")] == [file["id"]]
    shelf.admin.purge(file)
