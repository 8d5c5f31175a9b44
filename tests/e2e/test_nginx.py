"""nginx in front, as docs/operations.md says: the same answers, and the bytes of files come from nginx itself."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.browser import BROWSE, Browser
from tests.support.client import FILES, Client, created
from tests.support.corpora import noise, pieces
from tests.support.nginx import PREFIX, Nginx
from tests.support.problems import problem
from tests.support.processes import descendants
from tests.support.raw import head
from tests.support.server import USER_PASSWORD, Server, eventually

MIB = 1024 * 1024
DATA = noise(3 * MIB)
SMALL = b"Stowage keeps what you give it.\n"
OWN = {"Server", "Date", "Connection", "X-Request-ID", "Keep-Alive"}
"""Headers that two servers may fill in differently."""


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that lets nginx send its files."""
    base = tmp_path_factory.mktemp("behind")
    server = Server(base, workers=2)
    server.environ |= {"STOWAGE_TRUSTED_PROXIES": "1", "STOWAGE_ACCEL_REDIRECT": f"{PREFIX}={server.data_dir}/uploads"}
    try:
        server.start()
        server.add_user("uploader")
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def nginx(behind: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    running = Nginx(tmp_path_factory.mktemp("nginx"), [behind.port], behind.data_dir / "uploads")
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def direct(behind: Server) -> Client:
    """Past nginx, on this machine: everything comes from Stowage."""
    return behind.client("uploader")


@pytest.fixture(scope="module")
def client(direct: Client, nginx: Nginx) -> Client:
    return nginx.client(direct)


def headers(answer: requests.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in OWN}


def handed_over(direct: Client, file: dict[str, Any], **others: str) -> requests.Response:
    """What Stowage itself answers to nginx."""
    return direct.download(file, X_Forwarded_For="192.0.2.7", **others)


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """No process of Stowage does anything."""
    processes = [server.process.pid, *descendants(server.process.pid)]
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


# --- downloads --------------------------------------------------------------------


def test_stowage_tells_nginx_where_the_file_is_and_sends_no_bytes(client: Client, direct: Client) -> None:
    file = client.upload(DATA, "a.bin")
    answer = handed_over(direct, file)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["X-Accel-Redirect"] == f"{PREFIX}{file['key'][:2]}/{file['key']}"


def test_a_download_goes_on_while_stowage_stands_still(behind: Server, client: Client, nginx: Nginx) -> None:
    data = noise(MIB) * 64  # more than fits the buffers in between
    file = client.upload(data, "large.bin")
    with nginx.wire() as wire:
        wire.send(head("GET", f"{FILES}/files/{file['id']}/download", client.auth))
        while wire.file.readline().strip():
            pass  # the headers
        with stopped(behind):
            assert wire.file.read(len(data)) == data


@pytest.mark.parametrize(
    ("name", "content_type", "data"),
    [
        ("Übersicht für alle.txt", "text/plain", b"text\n" * 50_000),
        ('a"b; c.bin', "application/octet-stream", DATA),
        ("page.html", "text/html", b"<!doctype html><script>alert(1)</script>" * 5000),
        ("small.html", "text/html", b"<!doctype html><script>alert(1)</script>" * 50),
        ("small.txt", "text/plain", SMALL),
        ("empty.bin", "application/octet-stream", b""),
    ],
)
def test_the_answer_is_the_same_as_without_nginx(
    client: Client, direct: Client, name: str, content_type: str, data: bytes
) -> None:
    file = client.upload(data, name, content_type)
    sent = {"Accept_Encoding": "gzip"}
    expected, answer = direct.download(file, **sent), client.download(file, **sent)
    assert (answer.status_code, answer.content) == (200, data)
    assert headers(answer) == headers(expected)
    assert "X-Accel-Redirect" not in answer.headers
    assert answer.headers["X-Request-ID"]
    path = f"{FILES}/files/{file['id']}/download"
    assert headers(client.head(path)) == headers(direct.head(path))


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-0",
        "bytes=100-",
        "bytes=-100",
        "bytes=-999999999",
        "bytes=70000-2000000",
        "bytes=1000-999999999",
        "bytes=5-9999999999999999999999999",
        "bytes=5-4",
        "bytes=0-99999,200000-399999",
        "bytes = 5 - 900000",
        "lines=0-5",
        "bytes=9999999-",
        "bytes=-0",
    ],
)
def test_parts_are_the_same_as_without_nginx(client: Client, direct: Client, asked: str) -> None:
    file = client.upload(DATA, "parts.bin")
    expected, answer = direct.download(file, Range=asked), client.download(file, Range=asked)
    if expected.status_code == 416:
        problem(answer, "range_not_satisfiable")
        assert answer.headers["Content-Range"] == expected.headers["Content-Range"]
        return
    assert (answer.status_code, answer.content) == (expected.status_code, expected.content)
    # Whoever got a part knows that there are parts; nginx does not say so again.
    told = {name: value for name, value in headers(expected).items() if name != "Accept-Ranges"}
    assert {name: value for name, value in headers(answer).items() if name != "Accept-Ranges"} == told


def test_conditions_are_judged_by_stowage(client: Client, direct: Client) -> None:
    file = client.upload(DATA, "conditions.bin")
    found = direct.download(file)
    tag, date = found.headers["ETag"], found.headers["Last-Modified"]
    for sent, status in (
        ({"If_None_Match": tag}, 304),
        ({"If_None_Match": '"other"'}, 200),
        ({"If_None_Match": '"other"', "If_Modified_Since": date}, 200),
        ({"If_Modified_Since": date}, 304),
        ({"If_Match": tag}, 200),
        ({"If_Unmodified_Since": date}, 200),
        ({"Range": "bytes=0-99999", "If_Range": tag}, 206),
        ({"Range": "bytes=0-99999", "If_Range": date}, 206),
        ({"Range": "bytes=0-99999", "If_Range": '"other"'}, 200),
    ):
        expected, answer = direct.download(file, **sent), client.download(file, **sent)
        assert (answer.status_code, expected.status_code) == (status, status), sent
        assert answer.content == expected.content
        assert headers(answer) == headers(expected), sent
        assert "X-Accel-Redirect" not in handed_over(direct, file, **sent).headers


def test_what_a_page_shows_keeps_the_policy_it_needs(client: Client, nginx: Nginx) -> None:
    file = client.upload(b"%PDF-1.4\n" + noise(200_000), "paper.pdf", "application/pdf")
    path = f"/file-storage/files/{file['id']}/preview"
    with Browser(nginx.url) as browser:
        browser.session.verify = str(nginx.certificate)
        browser.sign_in("uploader", USER_PASSWORD)
        answer = browser.get(path)
    assert answer.status_code == 200, answer.text[:500]
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'self'"
    assert answer.headers["Content-Disposition"].startswith("inline")


def test_nobody_gets_at_the_files_past_stowage(client: Client, nginx: Nginx) -> None:
    file = client.upload(DATA, "mine.bin")
    for path in (f"{PREFIX}{file['key'][:2]}/{file['key']}", PREFIX, f"{PREFIX}../instance/secret_key"):
        with nginx.wire() as wire:
            wire.send(head("GET", path, client.auth))
            assert wire.answer().status_code in {400, 404}, path
    with Client(nginx.url) as nobody:
        nobody.session.verify = str(nginx.certificate)
        problem(nobody.download(file), "unauthenticated")
    client.trash(file)
    problem(client.download(file), "not_found")


def test_files_in_another_place_come_from_stowage(
    behind: Server, client: Client, direct: Client, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    before = client.upload(DATA, "before.bin")
    with behind.settings(fs_root_path=elsewhere):
        file = client.upload(DATA, "elsewhere.bin")
        assert client.content(before) == DATA
    assert "X-Accel-Redirect" not in handed_over(direct, file).headers
    assert client.content(file) == DATA
    behind.admin.purge(file)


# --- uploads and pages ------------------------------------------------------------


def test_uploads_arrive_as_they_were_sent(client: Client) -> None:
    for file in (
        client.upload(DATA, "raw.bin"),
        client.upload(pieces(DATA), "stream.bin"),
        created(client.post_file(DATA, "form.bin")),
    ):
        assert client.content(file) == DATA


def test_an_upload_reaches_stowage_while_it_is_sent(behind: Server, client: Client, nginx: Nginx) -> None:
    """Not afterwards, out of a temporary file of nginx."""
    with behind.settings(max_file_size_bytes=MIB), nginx.wire() as wire:
        announced = [*client.auth, ("Content-Length", str(50 * MIB))]
        wire.send(head("PUT", f"{FILES}/upload/huge.bin", announced) + b"x" * 1000)
        answer = wire.answer("PUT")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    with nginx.wire() as wire:
        wire.send(head("PUT", f"{FILES}/upload/half.bin", announced) + DATA)
        incoming = behind.data_dir / "uploads/.incoming"
        assert eventually(lambda: any(path.stat().st_size >= MIB for path in incoming.iterdir()), 10)
    behind.wait_until_clean(15)


def test_stowage_knows_who_asks_and_how(behind: Server, nginx: Nginx) -> None:
    with Browser(nginx.url) as browser:
        browser.session.verify = str(nginx.certificate)
        answer = browser.get("/", allow_redirects=False)
        assert answer.headers["Location"].startswith(("/", f"{nginx.url}/")), answer.headers["Location"]
        browser.sign_in("uploader", USER_PASSWORD)
        (cookie,) = [each for each in browser.session.cookies if each.name == "stowage_session"]
        assert cookie.secure
        page = browser.get(BROWSE)
        assert page.status_code == 200
        assert page.headers["Content-Encoding"] == "gzip"
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    # A client's own claim about its address is not believed.
    with nginx.wire() as wire:
        wire.send(head("PUT", f"{FILES}/upload/x", [("X-Forwarded-For", "203.0.113.9"), ("Content-Length", "0")]))
        request_id = wire.answer("PUT").headers["X-Request-ID"]
    assert eventually(lambda: request_id in behind.log(), 5)
    (line,) = [line for line in behind.log().splitlines() if request_id in line]
    assert "address=127.0.0.1" in line


def test_a_slow_client_holds_no_thread_of_stowage(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """With a single thread, twenty downloads that nobody reads, and one request more."""
    server = Server(tmp_path_factory.mktemp("one-thread"), workers=1)
    server.environ |= {
        "STOWAGE_THREADS": "1",
        "STOWAGE_TRUSTED_PROXIES": "1",
        "STOWAGE_ACCEL_REDIRECT": f"{PREFIX}={server.data_dir}/uploads",
    }
    front = Nginx(tmp_path / "nginx", [server.port], server.data_dir / "uploads")
    try:
        server.start()
        admin = front.start().client(server.admin)
        file = admin.upload(noise(MIB) * 32, "large.bin")
        wires = [front.wire() for _ in range(20)]
        for wire in wires:
            wire.send(head("GET", f"{FILES}/files/{file['id']}/download", admin.auth))
            assert wire.file.readline().split()[1] == b"200"
        begun = time.monotonic()
        assert admin.info(file).status_code == 200
        assert time.monotonic() - begun < 2
        for wire in wires:
            wire.close()
    finally:
        front.stop()
        server.close()
