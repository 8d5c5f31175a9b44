"""A store that is down, slow, full, refuses, hangs, or breaks off: what is told, in which time, and what stays."""

import contextlib
import logging
import secrets
import time
from collections.abc import Iterator

import pytest

from tests.support.faults import FaultProxy
from tests.support.s3 import Bucket, S3Server
from tests.support.server import free_port
from webapp.backends.s3 import S3Backend
from webapp.backends.s3_fields import MIB, Limits
from webapp.contracts.errors import StorageBackendError, StorageError, StorageFullError, StorageNotFoundError

QUICK = Limits(connect_seconds=1, read_seconds=2, brief_seconds=1, attempts=3, pauses=(0.1,))
SIZES = {"at once": 8 * MIB, "in parts": 20 * MIB + 5}
PUT = {"at once": ("PUT", ""), "in parts": ("PUT", "partNumber=2")}


def new_key() -> str:
    return secrets.token_hex(16)


def content(size: int) -> Iterator[bytes]:
    for start in range(0, size, MIB):
        yield bytes([start // MIB % 251]) * min(MIB, size - start)


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(s3_server.port) as running:
        yield running


@pytest.fixture
def backend(bucket: Bucket, proxy: FaultProxy) -> S3Backend:
    return bucket.backend(QUICK, s3_endpoint_url=proxy.url)


def put(backend: S3Backend, size: int) -> str:
    key = new_key()
    backend.put(key, content(size), content_type="text/plain", size=size)
    return key


@contextlib.contextmanager
def failing(cause: str | None, kind: type[StorageError] = StorageBackendError) -> Iterator[None]:
    """Raises exactly this, within ten seconds, with nothing of the store's words in what clients may see."""
    began = time.monotonic()
    with pytest.raises(kind) as caught:
        yield
    assert type(caught.value) is kind
    assert caught.value.data == ({"cause": cause} if cause else {})
    assert "vendor text" not in str(caught.value)
    assert time.monotonic() - began < 15


def assert_nothing_is_left(bucket: Bucket) -> None:
    assert (bucket.keys(), bucket.uploads()) == ([], [])


# --- what passes ------------------------------------------------------------------


@pytest.mark.parametrize("how", SIZES)
@pytest.mark.parametrize(("status", "code"), [(500, "InternalError"), (503, "SlowDown"), (503, "ServiceUnavailable")])
def test_a_moment_of_weakness_is_not_noticed(
    backend: S3Backend, bucket: Bucket, proxy: FaultProxy, how: str, status: int, code: str
) -> None:
    method, target = PUT[how]
    fault = proxy.fail("answer", method=method, target=target, status=status, code=code)
    key = put(backend, SIZES[how])
    assert fault.done == 1
    assert bucket.read(key) == b"".join(content(SIZES[how]))


@pytest.mark.parametrize("how", SIZES)
@pytest.mark.parametrize("after", [0, MIB])
def test_a_cut_connection_is_made_again(
    backend: S3Backend, bucket: Bucket, proxy: FaultProxy, how: str, after: int
) -> None:
    method, target = PUT[how]
    fault = proxy.fail("cut_request", method=method, target=target, after=after)
    key = put(backend, SIZES[how])
    assert fault.done == 1
    assert bucket.read(key) == b"".join(content(SIZES[how]))
    assert bucket.uploads() == []


@pytest.mark.parametrize(
    "step",
    [
        ("at once", "PUT", ""),
        ("in parts", "POST", "uploads"),
        ("in parts", "PUT", "partNumber=1"),
        ("in parts", "POST", "uploadId"),
    ],
)
@pytest.mark.parametrize("times", [1, 99])
def test_a_store_that_says_500_after_it_has_done_it(
    backend: S3Backend, bucket: Bucket, proxy: FaultProxy, s3_server: S3Server, step: tuple[str, str, str], times: int
) -> None:
    """What the tries did whose answers were lost is neither left nor lost."""
    how, method, target = step
    before = s3_server.data_files()
    fault = proxy.fail("answer_after", method=method, target=target, times=times)
    stays = times == 1 or (method, target) in (("PUT", ""), ("POST", "uploadId"))
    if stays:
        key = put(backend, SIZES[how])
        assert bucket.read(key) == b"".join(content(SIZES[how]))
        backend.delete(key)
    else:
        with failing(None):
            put(backend, SIZES[how])
    assert fault.done >= 1
    assert_nothing_is_left(bucket)
    assert s3_server.data_files() == before


def test_a_lost_answer_does_not_hide_that_another_object_is_there(
    backend: S3Backend, bucket: Bucket, proxy: FaultProxy
) -> None:
    """As long as ours, but not ours: the put has failed, and what was there stays."""
    key = new_key()
    backend.put(key, [b"former"], content_type="text/plain", size=6)
    proxy.fail("answer", method="PUT", times=99)
    with failing(None):
        backend.put(key, [b"latter"], content_type="text/plain", size=6)
    assert bucket.read(key) == b"former"


@pytest.mark.parametrize("how", SIZES)
def test_a_store_that_takes_its_time_is_waited_for(bucket: Bucket, proxy: FaultProxy, how: str) -> None:
    """How long a connection may take to be made is no measure of how long a body may take to be received."""
    method, target = PUT[how]
    patient = Limits(connect_seconds=0.5, read_seconds=10)
    fault = proxy.fail("delay", method=method, target=target, seconds=2)
    key = put(bucket.backend(patient, s3_endpoint_url=proxy.url), SIZES[how])
    assert bucket.read(key) == b"".join(content(SIZES[how]))
    assert (fault.done, proxy.count(method, target)) == (1, 1)


# --- what does not ------------------------------------------------------------------


@pytest.mark.parametrize("how", SIZES)
@pytest.mark.parametrize(
    ("status", "code", "cause"),
    [
        (500, "InternalError", None),
        (503, "SlowDown", "overloaded"),
        (503, "ServiceUnavailable", "overloaded"),
        (403, "AccessDenied", "denied"),
        (403, "InvalidAccessKeyId", "credentials"),
        (403, "SignatureDoesNotMatch", "credentials"),
        (403, "RequestTimeTooSkewed", "credentials"),
        (404, "NoSuchBucket", "no_container"),
        (400, "BadDigest", "corrupted"),
        (418, "Teapot", None),
    ],
)
def test_a_store_that_says_no(
    backend: S3Backend, bucket: Bucket, proxy: FaultProxy, how: str, status: int, code: str, cause: str | None
) -> None:
    method, target = PUT[how]
    proxy.fail("answer", method=method, target=target, status=status, code=code, times=99)
    with failing(cause):
        put(backend, SIZES[how])
    assert_nothing_is_left(bucket)


@pytest.mark.parametrize(("status", "code"), [(507, "InsufficientStorage"), (403, "QuotaExceeded"), (507, "Other")])
def test_a_full_store(backend: S3Backend, bucket: Bucket, proxy: FaultProxy, status: int, code: str) -> None:
    proxy.fail("answer", method="PUT", status=status, code=code, times=99)
    with failing("full", StorageFullError):
        put(backend, 5)
    assert_nothing_is_left(bucket)


@pytest.mark.parametrize("how", SIZES)
def test_a_store_that_hangs_is_left_in_time(backend: S3Backend, bucket: Bucket, proxy: FaultProxy, how: str) -> None:
    method, target = PUT[how]
    fault = proxy.fail("silent", method=method, target=target, times=99)
    with failing("timeout"):
        put(backend, SIZES[how])
    assert fault.done <= 2  # a second try, and no third
    assert_nothing_is_left(bucket)


@pytest.mark.parametrize("how", SIZES)
def test_a_connection_that_is_cut_again_and_again(
    backend: S3Backend, bucket: Bucket, proxy: FaultProxy, how: str
) -> None:
    method, target = PUT[how]
    fault = proxy.fail("cut_request", method=method, target=target, times=99, after=MIB)
    with failing("unreachable"):
        put(backend, SIZES[how])
    assert fault.done in (3, 6)  # three tries; for a part, once more after a pause
    assert_nothing_is_left(bucket)


def test_a_part_that_failed_ends_the_upload_before_all_has_been_received(
    backend: S3Backend, bucket: Bucket, proxy: FaultProxy
) -> None:
    proxy.fail("answer", method="PUT", target="partNumber=1", status=403, code="AccessDenied", times=99)
    asked = 0

    def chunks() -> Iterator[bytes]:
        nonlocal asked
        for chunk in content(400 * MIB):
            asked += 1
            yield chunk

    with failing("denied"):
        backend.put(new_key(), chunks(), content_type="text/plain", size=400 * MIB)
    assert asked < 100
    assert_nothing_is_left(bucket)


@pytest.mark.parametrize("size", [5, 20 * MIB])
def test_nothing_listens(bucket: Bucket, size: int) -> None:
    backend = bucket.backend(QUICK, s3_endpoint_url=f"http://127.0.0.1:{free_port()}")
    with failing("refused"):
        put(backend, size)
    for call in (lambda: backend.get(new_key()), lambda: backend.exists(new_key()), lambda: backend.delete(new_key())):
        with failing("refused"):
            call()
    with failing("refused"):
        list(backend.list_keys())


def test_a_name_that_leads_nowhere(bucket: Bucket) -> None:
    with failing("unresolved"):
        put(bucket.backend(QUICK, s3_endpoint_url="http://nowhere.invalid"), 5)


def test_wrong_credentials(bucket: Bucket) -> None:
    with failing("credentials"):
        put(bucket.backend(QUICK, s3_secret_access_key="wrong"), 5)
    with failing("credentials"):
        bucket.backend(QUICK, s3_access_key_id="test:nobody").get(new_key())
    with failing("denied"):  # the answer to a HEAD has no body to say more
        bucket.backend(QUICK, s3_secret_access_key="wrong").exists(new_key())


def test_no_such_bucket(bucket: Bucket) -> None:
    backend = bucket.backend(QUICK, s3_bucket="no-such-bucket")
    for call in (lambda: put(backend, 5), lambda: put(backend, 20 * MIB), lambda: backend.get(new_key())):
        with failing("no_container"):
            call()
    with failing("no_container"):
        list(backend.list_keys())


def test_a_server_of_another_kind(bucket: Bucket, proxy: FaultProxy) -> None:
    proxy.fail("answer", status=404, code="</Code></Error><html>hello", times=99)
    backend = bucket.backend(QUICK, s3_endpoint_url=proxy.url)
    with failing("protocol"):
        put(backend, 5)
    with failing("protocol"):
        backend.get(new_key())


def test_what_the_store_said_is_in_the_log_alone(
    backend: S3Backend, proxy: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.fail("answer", method="PUT", status=403, code="AccessDenied", times=99)
    with pytest.raises(StorageBackendError) as caught:
        put(backend, 5)
    logging.getLogger("test").error("failed", exc_info=caught.value)
    assert "vendor text" in caplog.text
    assert "vendor text" not in f"{caught.value} {caught.value.data}"


# --- reading ------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 1, MIB + 1, 5 * MIB])
def test_a_download_is_taken_up_where_it_was_cut(backend: S3Backend, proxy: FaultProxy, after: int) -> None:
    key = put(backend, 6 * MIB)
    fault = proxy.fail("cut_response", method="GET", after=after, times=2)
    assert b"".join(backend.get(key)) == b"".join(content(6 * MIB))
    assert fault.done == 2
    proxy.fail("cut_response", method="GET", after=after)
    expected = b"".join(content(6 * MIB))[MIB - 5 : 4 * MIB]
    assert b"".join(backend.get(key, start=MIB - 5, length=3 * MIB + 5)) == expected


def test_a_download_that_is_cut_again_and_again_ends(backend: S3Backend, proxy: FaultProxy) -> None:
    key = put(backend, 6 * MIB)
    proxy.fail("cut_response", method="GET", after=2 * MIB)
    proxy.fail("cut_response", method="GET", after=0, times=99)
    got = 0
    with failing("unreachable"):
        for piece in backend.get(key):
            got += len(piece)
    assert got == 2 * MIB


def test_a_download_is_never_made_of_two_objects(backend: S3Backend, proxy: FaultProxy) -> None:
    key = put(backend, 6 * MIB)
    proxy.fail("cut_response", method="GET", after=2 * MIB)
    stream = backend.get(key)
    next(stream)
    backend.put(key, [bytes(6 * MIB)], content_type="text/plain")
    with failing("corrupted"):
        for _ in stream:
            pass


def test_an_object_that_vanishes_while_it_is_read(backend: S3Backend, proxy: FaultProxy) -> None:
    key = put(backend, 6 * MIB)
    proxy.fail("cut_response", method="GET", after=2 * MIB)
    stream = backend.get(key)
    next(stream)
    backend.delete(key)
    with failing("not_found"):
        for _ in stream:
            pass


def test_a_store_that_hangs_in_the_middle_of_a_download(backend: S3Backend, proxy: FaultProxy) -> None:
    key = put(backend, 3)
    proxy.fail("silent", method="GET", times=99)
    with failing("timeout"):
        backend.get(key)


def test_closing_early_lets_go_of_the_connection(backend: S3Backend, proxy: FaultProxy) -> None:
    key = put(backend, 60 * MIB)
    stream = backend.get(key)
    next(stream)
    stream.close()
    assert list(stream) == []
    assert proxy.count("GET") == 1


def test_a_missing_object_is_told_apart_from_a_missing_bucket(backend: S3Backend) -> None:
    with pytest.raises(StorageNotFoundError):
        backend.get(new_key())
    for bad in ("", "../x", "A" * 32, "0" * 31, "0" * 33):
        with pytest.raises(StorageNotFoundError):
            backend.get(bad)
        assert backend.exists(bad) is False
