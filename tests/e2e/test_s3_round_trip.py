"""A file goes into a bucket, the same file comes out: over links to the store, or through Stowage."""

import hashlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.browser import Browser
from tests.support.client import FILES, Client, created
from tests.support.corpora import noise, pieces, sha256
from tests.support.faults import FaultProxy
from tests.support.images import corners, opened, picture
from tests.support.missing import missing
from tests.support.problems import problem
from tests.support.processes import peak_memory
from tests.support.s3 import S3Server
from tests.support.server import USER_PASSWORD
from tests.support.shelf import MIB, Shelf, download_path, fetched, plain, redirected

TEXT = b"Stowage keeps what you give it.\n"
SIZES = (0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB, 16 * MIB + 1, 40 * MIB)
"""An object is put at once up to 8 MiB, and in parts of so much above."""
LARGE = 256 * MIB
GROWTH = 128 * MIB
"""One upload holds 64 MiB at most. What it frees in one arena of the allocator, the next cannot always use in
another; after two of each kind it grows no more."""


@pytest.fixture(scope="module")
def shelf(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with Shelf(tmp_path_factory.mktemp("shelf"), s3_server.bucket(), workers=3) as running:
        yield running
        running.wait_until_clean()


@pytest.fixture(scope="module")
def uploader(shelf: Shelf) -> Client:
    return shelf.server.client("uploader")


@pytest.fixture
def streamed(shelf: Shelf) -> Iterator[None]:
    """Downloads go through Stowage."""
    with shelf.settings(s3_presigned_downloads=False):
        yield


# --- in and out -------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_every_size_is_kept_to_the_byte(shelf: Shelf, uploader: Client, size: int) -> None:
    data = noise(min(size, 3 * MIB), size)
    data = (data * (size // len(data) + 1))[:size] if data else b""
    for file in (
        uploader.upload(data, "raw.bin"),
        uploader.upload(pieces(data), "stream.bin"),
        created(uploader.post_file(data, "form.bin")),
    ):
        assert (file["backend"], file["size_bytes"], file["checksum_sha256"]) == ("s3", size, sha256(data))
        assert uploader.info(file).json() == file
        answer = fetched(uploader, file)
        assert answer.content == data
        assert answer.headers["Content-Length"] == str(size)
        assert shelf.bucket.client.head_object(Bucket=shelf.bucket.name, Key=file["key"])["ContentLength"] == size
    assert shelf.bucket.uploads() == []


def test_many_small_files_are_all_there(shelf: Shelf, uploader: Client) -> None:
    prefix = uuid.uuid4().hex
    files = {uploader.upload(noise(n * 100, n), f"{prefix}-{n}.bin")["id"]: n for n in range(30)}
    rows = uploader.every(q=prefix)
    assert {row["id"] for row in rows} == set(files)
    assert {row["id"] for row in uploader.every(q=prefix, backend="s3")} == set(files)
    assert uploader.every(q=prefix, backend="filesystem") == []
    for row in rows:
        assert fetched(uploader, row).content == noise(files[row["id"]] * 100, files[row["id"]])


def test_a_refused_upload_leaves_nothing(shelf: Shelf, uploader: Client) -> None:
    before = set(shelf.bucket.keys())
    wrong = {"Content-Digest": "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"}
    for data in (TEXT, noise(MIB) * 20):
        problem(uploader.put(f"{FILES}/upload/a.bin", data=data, headers=wrong), "checksum_mismatch")
        with shelf.settings(max_file_size_bytes=len(data) - 1):
            problem(uploader.put_file(pieces(data), "b.bin"), "too_large")
            problem(uploader.post_file(data, "c.bin"), "too_large")
    assert set(shelf.bucket.keys()) == before
    assert shelf.bucket.uploads() == []


def test_nothing_is_spooled_on_the_way(shelf: Shelf, uploader: Client) -> None:
    """The data directory does not grow by what goes to the bucket."""
    uploader.upload(noise(MIB) * 20, "large.bin")
    files = [path for path in shelf.server.data_dir.rglob("*") if path.is_file() and path.stat().st_size > 15 * MIB]
    assert files == []
    assert shelf.server.stored() == set()


# --- links ------------------------------------------------------------------------


def test_a_download_is_a_link_with_name_and_type(shelf: Shelf, uploader: Client) -> None:
    file = uploader.upload(TEXT, "Übersicht für alle.txt", "text/plain")
    url = redirected(uploader, file)
    assert url.startswith(f"{shelf.bucket.url}/{shelf.bucket.name}/{file['key']}?")
    answer = plain(url)
    assert (answer.status_code, answer.content) == (200, TEXT)
    assert answer.headers["Content-Type"].split(";")[0] == "text/plain"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment;")
    assert "filename*=UTF-8''%C3%9Cbersicht%20f%C3%BCr%20alle.txt" in disposition


def test_a_link_gives_parts_and_the_redirect_is_the_same_for_them(uploader: Client) -> None:
    file = uploader.upload(TEXT, "note.txt", "text/plain")
    url = redirected(uploader, file, Range="bytes=8-12")
    answer = plain(url, Range="bytes=8-12")
    assert (answer.status_code, answer.content) == (206, TEXT[8:13])
    assert answer.headers["Content-Range"] == f"bytes 8-12/{len(TEXT)}"


def test_head_and_conditions_are_answered_here(uploader: Client) -> None:
    file = uploader.upload(TEXT, "note.txt", "text/plain")
    answer = uploader.head(download_path(file))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(TEXT))
    assert "note.txt" in answer.headers["Content-Disposition"]
    assert uploader.download(file, If_None_Match=answer.headers["ETag"]).status_code == 304


def test_a_link_works_for_as_long_as_the_settings_say(shelf: Shelf, uploader: Client) -> None:
    file = uploader.upload(TEXT, "note.txt", "text/plain")
    assert parse_qs(urlsplit(redirected(uploader, file)).query)["X-Amz-Expires"] == ["300"]
    with shelf.settings(s3_presign_ttl_seconds=1):
        url = redirected(uploader, file)
    assert plain(url).status_code == 200
    time.sleep(2.1)
    assert plain(url).status_code == 403


def test_a_link_is_for_this_file_and_this_name_alone(uploader: Client) -> None:
    files = [uploader.upload(TEXT, name, "text/plain") for name in ("one.txt", "two.txt")]
    url = redirected(uploader, files[0])
    assert plain(url.replace(files[0]["key"], files[1]["key"])).status_code == 403
    assert plain(url.replace("one.txt", "two.txt")).status_code == 403
    assert plain(url.replace("attachment", "inline")).status_code == 403


@pytest.mark.parametrize(
    ("name", "content_type", "data"),
    [
        ("page.html", "text/html", b"<!doctype html><script>alert(1)</script>"),
        ("drawing.svg", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        ("data.xml", "application/xml", b"<?xml version='1.0'?><a/>"),
        ("script.js", "text/javascript", b"alert(1)"),
    ],
)
def test_what_a_browser_would_run_is_always_saved(
    shelf: Shelf, uploader: Client, name: str, content_type: str, data: bytes
) -> None:
    file = uploader.upload(data, name, content_type)
    assert plain(redirected(uploader, file)).headers["Content-Disposition"].startswith("attachment;")
    with shelf.settings(s3_presigned_downloads=False):
        answer = uploader.download(file)
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_strangers_and_the_trash_get_no_link(shelf: Shelf, uploader: Client) -> None:
    file = uploader.upload(TEXT, "note.txt", "text/plain")
    with Client(shelf.server.url) as nobody:
        problem(nobody.download(file), "unauthenticated")
    uploader.trash(file)
    problem(uploader.download(file), "not_found")


def test_browsers_are_sent_to_the_public_endpoint_and_stowage_to_the_other(shelf: Shelf, uploader: Client) -> None:
    public = f"http://localhost:{urlsplit(shelf.bucket.url).port}"
    with FaultProxy(urlsplit(shelf.bucket.url).port or 0) as inside:
        # Another endpoint is another place, whatever it leads to: what it keeps is purged before it goes.
        shelf.use(s3_endpoint_url=inside.url, s3_public_endpoint_url=public)
        try:
            file = uploader.upload(TEXT, "note.txt", "text/plain")
            asked = [each for each in inside.seen if file["key"] in each[1]]
            url = redirected(uploader, file)
            assert url.startswith(f"{public}/{shelf.bucket.name}/{file['key']}?")
            assert plain(url).content == TEXT
            # The clean-up in the background may ask for other things meanwhile.
            again = [each for each in inside.seen if file["key"] in each[1]]
            assert again == asked, "a link needs nothing of the store"
            shelf.admin.purge(file)
        finally:
            shelf.use()
    assert shelf.is_clean()


# --- through Stowage --------------------------------------------------------------


@pytest.mark.usefixtures("streamed")
def test_the_bytes_come_through_stowage_where_links_are_off(uploader: Client) -> None:
    data = noise(MIB) * 20
    file = uploader.upload(data, "large.bin", "application/x-thing")
    answer = uploader.download(file)
    assert (answer.status_code, sha256(answer.content)) == (200, sha256(data))
    assert answer.headers["Content-Type"] == "application/x-thing"
    assert answer.headers["Content-Length"] == str(len(data))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "private" in answer.headers["Cache-Control"]
    assert "large.bin" in answer.headers["Content-Disposition"]


@pytest.mark.usefixtures("streamed")
@pytest.mark.parametrize(
    ("span", "first", "last"),
    [
        ("0-0", 0, 0),
        ("8388600-8388620", 8_388_600, 8_388_620),
        ("20971519-", 20_971_519, 20_971_519),
        ("-5", 20_971_515, 20_971_519),
        ("20000000-99999999", 20_000_000, 20_971_519),
    ],
)
def test_parts_come_through_stowage(shelf: Shelf, uploader: Client, span: str, first: int, last: int) -> None:
    data = noise(MIB) * 20
    file = uploader.upload(data, "large.bin")
    answer = uploader.download(file, Range=f"bytes={span}")
    assert (answer.status_code, answer.content) == (206, data[first : last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(data)}"
    shelf.admin.purge(file)


@pytest.mark.usefixtures("streamed")
def test_conditions_and_impossible_parts(uploader: Client) -> None:
    file = uploader.upload(TEXT, "note.txt", "text/plain")
    tag = uploader.download(file).headers["ETag"]
    assert uploader.download(file, If_None_Match=tag).status_code == 304
    assert uploader.download(file, Range="bytes=0-3", If_Range=tag).content == TEXT[:4]
    for other in ('"stale"', f"W/{tag}", "Mon, 01 Jan 2001 00:00:00 GMT"):
        answer = uploader.download(file, Range="bytes=0-3", If_Range=other)
        assert (answer.status_code, answer.content) == (200, TEXT), other
    beyond = uploader.download(file, Range="bytes=99999-")
    problem(beyond, "range_not_satisfiable")
    assert beyond.headers["Content-Range"] == f"bytes */{len(TEXT)}"
    empty = uploader.upload(b"", "empty.bin")
    assert (uploader.download(empty).status_code, uploader.download(empty).content) == (200, b"")
    problem(uploader.download(empty, Range="bytes=0-"), "range_not_satisfiable")
    head = uploader.head(download_path(file))
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(TEXT)))


# --- trash, thumbnails, pages -----------------------------------------------------


def test_the_trash_keeps_the_object_and_the_purge_removes_it(shelf: Shelf, uploader: Client) -> None:
    file, other = (uploader.upload(picture(), name, "image/png") for name in ("a.png", "b.png"))
    for width in (64, 640):
        assert uploader.get(f"/file-storage/files/{file['id']}/thumbnail/{width}").status_code == 200
    uploader.trash(file)
    assert shelf.bucket.read(file["key"]) == picture()
    assert uploader.restore(file).status_code == 200
    assert fetched(uploader, file).content == picture()
    before = len(shelf.bucket.keys())
    uploader.trash(file)
    shelf.admin.purge(file)
    shelf.admin.purge(other)
    assert not {file["key"], other["key"]} & set(shelf.bucket.keys())
    assert len(shelf.bucket.keys()) == before - 4, "two thumbnails go with their file"
    problem(shelf.admin.info(file), "not_found")


def test_thumbnails_are_kept_in_the_bucket(shelf: Shelf, uploader: Client) -> None:
    file = uploader.upload(picture((600, 400), "JPEG"), "photo.jpg", "image/jpeg")
    before = set(shelf.bucket.keys())
    path = f"/file-storage/files/{file['id']}/thumbnail/640"
    first = uploader.get(path)
    assert first.status_code == 200
    assert opened(first.content).size == (600, 400)
    assert corners(first.content) == ["red", "green", "blue", "white"]
    (key,) = set(shelf.bucket.keys()) - before
    assert shelf.bucket.read(key) == first.content
    for _ in range(6):  # whichever worker it is
        with uploader.fork() as another:
            assert another.get(path).content == first.content
    assert set(shelf.bucket.keys()) - before == {key}
    shelf.admin.purge(file)


def test_pages_show_what_is_in_the_bucket(shelf: Shelf, uploader: Client) -> None:
    """Previews come through Stowage, links or not: a page may only show what is from here."""
    text = uploader.upload("Grüße aus dem Eimer\n".encode() * 3, "greetings.txt", "text/plain")
    image = uploader.upload(picture(), "corners.png", "image/png")
    sound = uploader.upload(b"ID3" + noise(50_000), "song.mp3", "audio/mpeg")
    with Browser(shelf.server.url) as browser:
        browser.sign_in("uploader", USER_PASSWORD)
        assert "Grüße aus dem Eimer" in browser.open(f"/file-storage/?file={text['id']}").text
        sources = [tag[1].get("src", "") for tag in browser.open(f"/file-storage/?file={image['id']}").tags]
        assert f"/file-storage/files/{image['id']}/thumbnail/640" in sources
        whole = browser.get(f"/file-storage/files/{image['id']}/preview")
        assert (whole.status_code, whole.content) == (200, picture())
        assert whole.headers["Content-Disposition"].startswith("inline")
        part = browser.get(f"/file-storage/files/{sound['id']}/preview", headers={"Range": "bytes=1-3"})
        assert (part.status_code, part.content) == (206, b"D3" + noise(50_000)[:1])
        link = browser.get(download_path(image))
        assert link.status_code == 302
        assert plain(link.headers["Location"]).content == picture()


def test_a_page_uploads_into_the_bucket(shelf: Shelf) -> None:
    with Browser(shelf.server.url) as browser:
        browser.sign_in("uploader", USER_PASSWORD)
        form = browser.open().form(file=True)
        name = f"{uuid.uuid4()}.txt"
        answer = browser.session.request(
            form.method,
            form.action,
            data=form.fields,
            files={form.file_fields[0]: (name, TEXT, "text/plain")},
            allow_redirects=False,
            timeout=60,
        )
        assert answer.status_code in {302, 303}, answer.text[:500]
        (row,) = browser.every(q=name)
        assert (row["backend"], shelf.bucket.read(row["key"])) == ("s3", TEXT)


# --- memory -----------------------------------------------------------------------


@pytest.mark.slow
def test_memory_stays_bounded_whatever_goes_through(
    s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if not Path("/proc/self/status").exists():
        missing("Memory is read from /proc: run this on Linux.")
    with Shelf(tmp_path_factory.mktemp("large"), s3_server.bucket(), workers=2, max_file_size_bytes=LARGE) as shelf:
        for _ in range(12):  # every worker has been to the store
            with shelf.admin.fork() as another:
                fetched(another, another.upload(b"warm" * 500_000))
        before = {pid: peak_memory(pid) for pid in shelf.server.workers()}
        block = noise(MIB)
        digest = hashlib.sha256(block * (LARGE // MIB)).hexdigest()
        for file in (_announced(shelf.admin, block), shelf.admin.upload(_blocks(block), "unannounced.bin")):
            assert (file["size_bytes"], file["checksum_sha256"]) == (LARGE, digest)
        with shelf.settings(s3_presigned_downloads=False):
            found = hashlib.sha256()
            for piece in shelf.admin.download_stream(file):
                found.update(piece)
            assert found.hexdigest() == digest
        grown = {pid: peak_memory(pid) - peak for pid, peak in before.items()}
        assert max(grown.values()) < GROWTH, {pid: f"{more / MIB:.0f} MiB more" for pid, more in grown.items()}


class _Body:
    """A body that is made as it is sent, and whose length is known."""

    def __init__(self, block: bytes) -> None:
        self._left = list(_blocks(block))

    def __len__(self) -> int:
        return LARGE

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._left)

    def read(self, _most: int = -1) -> bytes:
        return self._left.pop() if self._left else b""


def _blocks(block: bytes) -> Iterator[bytes]:
    return (block for _ in range(LARGE // MIB))


def _announced(client: Client, block: bytes) -> dict:
    return created(client.put_file(_Body(block), "announced.bin"))
