"""Parts that clients send to the bucket themselves: plain HTTP against a store that looks at signatures."""

import contextlib
import http.client
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.faults import FaultProxy
from tests.support.s3 import Bucket, S3Server
from webapp.backends.s3 import S3Backend
from webapp.backends.s3_fields import MIB, Limits
from webapp.contracts.errors import NotSupportedError, StorageBackendError, StorageNotFoundError

QUICK = Limits(connect_seconds=1, read_seconds=5, brief_seconds=2, attempts=2, pauses=(0.1,))
PART = 5 * MIB


def new_key() -> str:
    return secrets.token_hex(16)


@pytest.fixture
def backend(bucket: Bucket) -> S3Backend:
    return bucket.backend(QUICK)


@pytest.fixture
def proxied(s3_server: S3Server) -> Iterator[tuple[S3Backend, Bucket, FaultProxy]]:
    with FaultProxy(s3_server.port) as proxy:
        bucket = s3_server.bucket(proxy.url)
        yield bucket.backend(QUICK), bucket, proxy


class Upload:
    """One that was begun."""

    def __init__(self, backend: S3Backend, sizes: tuple[int, ...] = (PART, PART, PART, 7)) -> None:
        self.backend = backend
        self.key = new_key()
        self.id = backend.begin_parts(self.key, content_type="image/png")
        self.data = [secrets.token_bytes(size) for size in sizes]

    def url(self, number: int, size: int | None = None, seconds: int = 60) -> str:
        wanted = len(self.data[number - 1]) if size is None else size
        return self.backend.part_url(self.key, self.id, number, size=wanted, expires_in=seconds)

    def send(self, number: int) -> tuple[int, str]:
        return put(self.url(number), self.data[number - 1])

    def send_all(self) -> None:
        for number in range(len(self.data), 0, -1):
            assert self.send(number)[0] == 200

    def complete(self) -> None:
        self.backend.complete_parts(self.key, self.id, self.backend.list_parts(self.key, self.id))


def put(url: str, data: bytes, headers: dict[str, str] | None = None, *, chunked: bool = False) -> tuple[int, str]:
    """PUT as a client does that knows nothing but the URL; status and body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    try:
        body = iter([data]) if chunked else data
        connection.request("PUT", f"{parts.path}?{parts.query}", body, headers or {}, encode_chunked=chunked)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def test_parts_in_any_order_and_at_once_become_the_object(backend: S3Backend, bucket: Bucket) -> None:
    upload = Upload(backend)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(upload.send, (4, 2, 3, 1)))
    assert [status for status, _ in answers] == [200] * 4
    parts = backend.list_parts(upload.key, upload.id)
    assert [(part.number, part.size) for part in parts] == [(1, PART), (2, PART), (3, PART), (4, 7)]
    backend.complete_parts(upload.key, upload.id, list(reversed(parts)))
    assert bucket.read(upload.key) == b"".join(upload.data)
    assert bucket.client.head_object(Bucket=bucket.name, Key=upload.key)["ContentType"] == "image/png"
    assert bucket.uploads() == []


@pytest.mark.parametrize("size", [0, 99, 101, 4096])
def test_a_part_of_another_size_is_refused(backend: S3Backend, size: int) -> None:
    upload = Upload(backend)
    status, text = put(upload.url(1, size=100), bytes(size))
    assert (status, "SignatureDoesNotMatch" in text) == (403, True)
    assert backend.list_parts(upload.key, upload.id) == []


def test_a_part_that_does_not_say_how_large_it_is_is_refused(backend: S3Backend) -> None:
    upload = Upload(backend)
    status, _ = put(upload.url(1, size=100), bytes(100), {"Transfer-Encoding": "chunked"}, chunked=True)
    assert 400 <= status < 500
    assert backend.list_parts(upload.key, upload.id) == []


def test_the_size_is_among_what_is_signed(backend: S3Backend) -> None:
    query = parse_qs(urlsplit(Upload(backend).url(1)).query)
    assert query["X-Amz-SignedHeaders"] == ["content-length;host"]
    assert query["X-Amz-Expires"] == ["60"]


def test_an_expired_url_is_refused(backend: S3Backend) -> None:
    upload = Upload(backend, (10,))
    url = upload.url(1, seconds=1)
    assert put(url, upload.data[0])[0] == 200
    time.sleep(2.1)
    assert put(url, upload.data[0])[0] == 403


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace("partNumber=1", "partNumber=2"),
        lambda url: url.replace("uploadId=", "uploadId=x"),
        lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"),
        lambda url: url[: url.index("&X-Amz-Signature")],
    ],
    ids=["another part", "another upload", "for longer", "unsigned"],
)
def test_a_url_is_for_one_part_only(backend: S3Backend, change: Callable[[str], str]) -> None:
    upload = Upload(backend, (10, 10))
    assert put(change(upload.url(1)), upload.data[0])[0] in (400, 403)
    assert backend.list_parts(upload.key, upload.id) == []


def test_urls_are_for_the_endpoint_of_browsers(bucket: Bucket) -> None:
    backend = bucket.backend(QUICK, s3_public_endpoint_url="https://store.example.org:9000")
    assert Upload(backend).url(1).startswith(f"https://store.example.org:9000/{bucket.name}/")


def test_a_part_that_is_sent_again_counts_the_second_time(backend: S3Backend, bucket: Bucket) -> None:
    upload = Upload(backend)
    upload.send_all()
    upload.data[1] = secrets.token_bytes(PART)
    assert upload.send(2)[0] == 200
    upload.complete()
    assert bucket.read(upload.key) == b"".join(upload.data)


def test_a_part_that_was_replaced_since_it_was_listed_is_not_mistaken(backend: S3Backend, bucket: Bucket) -> None:
    upload = Upload(backend)
    upload.send_all()
    listed = backend.list_parts(upload.key, upload.id)
    upload.data[1] = secrets.token_bytes(PART)
    assert upload.send(2)[0] == 200
    with pytest.raises(StorageBackendError):
        backend.complete_parts(upload.key, upload.id, listed)
    assert bucket.keys() == []
    upload.complete()
    assert bucket.read(upload.key) == b"".join(upload.data)


def test_completing_again_is_fine(backend: S3Backend, bucket: Bucket) -> None:
    upload = Upload(backend)
    upload.send_all()
    parts = backend.list_parts(upload.key, upload.id)
    for _ in range(2):
        backend.complete_parts(upload.key, upload.id, parts)
    backend.abort_parts(upload.key, upload.id)
    assert bucket.keys() == [upload.key]


def test_a_part_that_comes_too_late_never_changes_what_is_read(backend: S3Backend, bucket: Bucket) -> None:
    upload = Upload(backend)
    upload.send_all()
    late = upload.url(2)
    upload.complete()
    # Stores should refuse it. Swift takes it, and then finds that the object is not what it was made of.
    put(late, secrets.token_bytes(PART))
    with contextlib.suppress(StorageBackendError):
        assert b"".join(backend.get(upload.key)) == b"".join(upload.data)


def test_two_complete_at_once(backend: S3Backend, bucket: Bucket) -> None:
    upload = Upload(backend)
    upload.send_all()
    parts = backend.list_parts(upload.key, upload.id)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: backend.complete_parts(upload.key, upload.id, parts), range(4)))
    assert bucket.read(upload.key) == b"".join(upload.data)


def test_an_aborted_upload_leaves_nothing(backend: S3Backend, bucket: Bucket, s3_server: S3Server) -> None:
    before = s3_server.data_files()
    upload = Upload(backend)
    upload.send_all()
    url, parts = upload.url(1), backend.list_parts(upload.key, upload.id)
    backend.abort_parts(upload.key, upload.id)
    backend.abort_parts(upload.key, upload.id)
    assert (bucket.uploads(), s3_server.data_files()) == ([], before)
    assert put(url, upload.data[0])[0] == 404
    for gone in (
        lambda: backend.list_parts(upload.key, upload.id),
        lambda: backend.complete_parts(upload.key, upload.id, parts),
    ):
        with pytest.raises(StorageNotFoundError):
            gone()


def test_more_parts_than_a_page_of_the_list_has(backend: S3Backend, bucket: Bucket) -> None:
    upload = Upload(backend, (1,) * 1003)
    with ThreadPoolExecutor(8) as pool:
        assert {status for status, _ in pool.map(upload.send, range(1, 1004))} == {200}
    assert [part.number for part in backend.list_parts(upload.key, upload.id)] == list(range(1, 1004))
    backend.abort_parts(upload.key, upload.id)
    assert bucket.uploads() == []


def test_settings_that_keep_clients_away_begin_nothing_but_end_what_was_begun(bucket: Bucket) -> None:
    upload = Upload(bucket.backend(QUICK), (10,))
    closed = bucket.backend(QUICK, s3_presigned_downloads=False)
    assert (S3Backend.supports_direct_upload, closed.supports_direct_upload) == (True, False)
    with pytest.raises(NotSupportedError):
        closed.begin_parts(new_key(), content_type="text/plain")
    assert upload.send(1)[0] == 200
    closed.complete_parts(upload.key, upload.id, closed.list_parts(upload.key, upload.id))
    assert bucket.keys() == [upload.key]


# --- the sweep ------------------------------------------------------------------------


def test_the_sweep_leaves_uploads_alone_that_somebody_knows(bucket: Bucket) -> None:
    aged = bucket.backend(Limits(connect_seconds=1, brief_seconds=5, stale_seconds=1))
    known, forgotten = Upload(aged, (10,)), Upload(aged, (10,))
    time.sleep(2.1)
    assert aged.recover(lambda key: key == known.key) == 1
    assert bucket.uploads() == [known.key]
    with pytest.raises(StorageNotFoundError):
        aged.list_parts(forgotten.key, forgotten.id)


# --- the store fails ------------------------------------------------------------------


def test_a_store_that_says_500_once_it_is_done_has_done_it(proxied: tuple[S3Backend, Bucket, FaultProxy]) -> None:
    backend, bucket, proxy = proxied
    upload = Upload(backend)
    upload.send_all()
    fault = proxy.fail("answer_after", method="POST", target="uploadId=", times=9)
    upload.complete()
    assert fault.done
    assert bucket.read(upload.key) == b"".join(upload.data)


def test_a_store_that_says_500_and_did_nothing_is_told(proxied: tuple[S3Backend, Bucket, FaultProxy]) -> None:
    backend, bucket, proxy = proxied
    upload = Upload(backend)
    upload.send_all()
    proxy.fail("answer", method="POST", target="uploadId=", times=2)
    with pytest.raises(StorageBackendError):
        upload.complete()
    assert (bucket.keys(), bucket.uploads()) == ([], [upload.key])
    upload.complete()
    assert bucket.keys() == [upload.key]


def test_an_answer_to_the_beginning_that_is_lost_leaves_one_upload(
    proxied: tuple[S3Backend, Bucket, FaultProxy],
) -> None:
    backend, bucket, proxy = proxied
    proxy.fail("answer_after", method="POST", target="uploads", status=503, code="SlowDown")
    upload = Upload(backend, (10,))
    assert bucket.uploads() == [upload.key]
    assert upload.send(1)[0] == 200
    upload.complete()


def test_an_outage_is_no_missing_upload(proxied: tuple[S3Backend, Bucket, FaultProxy]) -> None:
    backend, _, proxy = proxied
    upload = Upload(backend, (10,))
    upload.send_all()
    parts = backend.list_parts(upload.key, upload.id)
    backend.abort_parts(upload.key, upload.id)
    proxy.fail("answer", method="HEAD", times=9)
    for ask in (
        lambda: backend.complete_parts(upload.key, upload.id, parts),
        lambda: backend.exists(upload.key),
    ):
        with pytest.raises(StorageBackendError):
            ask()
