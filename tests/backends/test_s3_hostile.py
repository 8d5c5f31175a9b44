"""A store that means harm, or a broken one: answers, lists and contents without an end, redirects, drops of bytes."""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from webapp.backends import s3_client, s3_store
from webapp.backends.s3 import S3Backend
from webapp.backends.s3_fields import MIB, Limits
from webapp.contracts.errors import StorageBackendError, StorageError

KEY = "0123456789abcdef0123456789abcdef"
OTHER = "f" * 32
QUICK = Limits(connect_seconds=2, read_seconds=2, brief_seconds=1, answer_seconds=2, attempts=3, pauses=())
Handler = BaseHTTPRequestHandler


class Liar:
    """A server that says what the test makes up."""

    def __init__(self) -> None:
        self.says: Callable[[Handler], object] = lambda handler: reply(handler, 404)
        self.heard: list[str] = []
        outer = self

        class Listening(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.heard.append(f"{self.command} {self.path}")
                with contextlib.suppress(OSError):
                    outer.says(self)

            do_GET = do_PUT = do_DELETE = do_HEAD = do_POST = _any  # noqa: N815 (names of http.server)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Listening)
        self.server.daemon_threads = True
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def backend(self, limits: Limits = QUICK, **more: object) -> S3Backend:
        values = {
            "s3_bucket": "bucket",
            "s3_region": "us-east-1",
            "s3_endpoint_url": f"http://127.0.0.1:{self.server.server_address[1]}",
            "s3_access_key_id": "key",
            "s3_secret_access_key": "secret",
            "allow_private_addresses": True,
        }
        return S3Backend({**values, **more}, limits=limits)


@pytest.fixture
def liar() -> Iterator[Liar]:
    made = Liar()
    yield made
    made.server.shutdown()
    made.server.server_close()


def reply(handler: Handler, status: int, body: bytes = b"", **headers: str) -> None:
    begin(handler, status, Content_Length=str(len(body)), **headers)
    if handler.command != "HEAD":
        handler.wfile.write(body)


def begin(handler: Handler, status: int, **headers: str) -> None:
    handler.send_response_only(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def drip(handler: Handler) -> None:
    begin(handler, 200, Content_Length="100000", ETag='"x"')
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.1)


def cause_of(action: Callable[[], object]) -> object:
    with pytest.raises(StorageBackendError) as caught:
        action()
    return caught.value.data.get("cause")


def put(backend: S3Backend) -> None:
    backend.put(KEY, [b"x"], content_type="text/plain", size=1)


CALLS: dict[str, Callable[[S3Backend], object]] = {
    "get": lambda backend: list(backend.get(KEY)),
    "exists": lambda backend: backend.exists(KEY),
    "list": lambda backend: list(backend.list_keys()),
    "delete": lambda backend: backend.delete(KEY),
    "parts": lambda backend: backend.list_parts(KEY, "upload"),
}


# --- answers without an end -------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize("call", ["put", "list", "delete", "get"])
def test_an_answer_without_an_end_is_not_read_on(liar: Liar, status: int, call: str) -> None:
    if (call, status) == ("get", 200):
        return  # that is a file
    sent = 0

    def endless(handler: Handler) -> None:
        nonlocal sent
        if handler.command == "HEAD":
            reply(handler, 404)
            return
        handler.close_connection = True
        begin(handler, status, Connection="close")
        for _ in range(200):
            handler.wfile.write(bytes(MIB))
            sent += 1

    liar.says = endless
    backend = liar.backend()
    assert cause_of(lambda: put(backend) if call == "put" else CALLS[call](backend)) == "protocol"
    assert len([each for each in liar.heard if not each.startswith("HEAD")]) == 1
    assert sent < 40  # what is in the buffers of both sides


@pytest.mark.parametrize(
    ("head", "endless"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1" * MIB),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: 1\r\n" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    ],
)
@pytest.mark.parametrize("call", ["get", "list"])
def test_lines_without_an_end(liar: Liar, head: bytes, endless: bytes, call: str) -> None:
    def says(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(head)
        for _ in range(80 * MIB // len(endless)):
            handler.wfile.write(endless)
        ended.append(True)

    ended: list[bool] = []
    liar.says = says
    backend = liar.backend(replace(QUICK, attempts=1, resumptions=0))
    assert cause_of(lambda: CALLS[call](backend)) in ("protocol", "unreachable")
    assert not ended


def test_a_file_of_which_more_comes_than_was_asked_for(liar: Liar) -> None:
    def generous(handler: Handler) -> None:
        begin(handler, 206, Content_Range="bytes 3-999/1000", Content_Length="997", ETag='"x"')
        handler.wfile.write(b"y" * 997)

    liar.says = generous
    assert b"".join(liar.backend().get(KEY, start=3, length=5)) == b"y" * 5


def test_a_range_of_no_known_length(liar: Liar) -> None:
    def chunked(handler: Handler) -> None:
        begin(handler, 206, Content_Range="bytes 3-7/1000", Transfer_Encoding="chunked", ETag='"x"')
        handler.wfile.write(b"5\r\nhello\r\n0\r\n\r\n")

    liar.says = chunked
    assert b"".join(liar.backend().get(KEY, start=3, length=5)) == b"hello"


# --- redirects ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 303, 307])
@pytest.mark.parametrize("call", CALLS)
def test_a_redirect_is_one_request_and_an_error(liar: Liar, status: int, call: str) -> None:
    liar.says = lambda handler: reply(
        handler, status, Location="http://elsewhere.example/", x_amz_bucket_region="eu-central-1"
    )
    backend = liar.backend()
    assert cause_of(lambda: CALLS[call](backend)) == "region"
    assert len(liar.heard) == 1


def test_a_put_that_is_redirected(liar: Liar) -> None:
    liar.says = lambda handler: reply(handler, 307)
    assert cause_of(lambda: put(liar.backend())) == "region"
    assert [each.split()[0] for each in liar.heard] == ["PUT", "HEAD", "HEAD"]  # did it arrive; is there anything left


# --- lists without an end ------------------------------------------------------------------


def page(keys: list[str], token: str | None) -> bytes:
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    found = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)
    return f"<ListBucketResult>{more}{found}</ListBucketResult>".encode()


def pages(liar: Liar, made: Iterator[tuple[list[str], str | None]]) -> Callable[[], list[str]]:
    liar.says = lambda handler: reply(handler, 200, page(*next(made)))
    backend = liar.backend(replace(QUICK, most_barren_pages=20))
    return lambda: list(backend.list_keys())


def test_lists_as_stores_make_them(liar: Liar) -> None:
    found: list[tuple[list[str], str | None]] = [([KEY, "foreign"], "one"), ([], "two"), (["z"], "3"), ([OTHER], None)]
    assert pages(liar, iter(found))() == [KEY, OTHER]


def test_a_list_that_goes_round_in_circles(liar: Liar) -> None:
    assert cause_of(pages(liar, (([f"{n:032x}"], "same") for n in itertools.count()))) == "protocol"
    assert len(liar.heard) == 2


def test_a_list_that_begins_again(liar: Liar) -> None:
    assert cause_of(pages(liar, (([f"{n % 3:032x}"], f"t{n}") for n in itertools.count()))) == "protocol"
    assert len(liar.heard) == 4


@pytest.mark.parametrize("keys", [[], ["foreign"]])
def test_a_list_without_keys_of_ours_does_not_go_on_for_ever(liar: Liar, keys: list[str]) -> None:
    assert cause_of(pages(liar, ((keys, f"t{n}") for n in itertools.count()))) == "protocol"
    assert len(liar.heard) < 25


def test_keys_that_were_not_asked_for_are_passed_over(liar: Liar) -> None:
    liar.says = lambda handler: reply(handler, 200, page([KEY, OTHER], None))
    assert list(liar.backend().list_keys("f")) == [OTHER]


UPLOAD = f"<Upload><Key>{KEY}</Key><UploadId>u</UploadId><Initiated>2001-01-01T00:00:00.000Z</Initiated></Upload>"


def uploads(number: int, entries: str = "", key: str | None = None) -> bytes:
    return (
        f"<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>{key or f'k{number:09}'}"
        f"</NextKeyMarker><NextUploadIdMarker>u{number}</NextUploadIdMarker>{entries}</ListMultipartUploadsResult>"
    ).encode()


@pytest.mark.parametrize(
    ("answer", "most"),
    [
        (uploads, 101),
        (lambda n: uploads(n, UPLOAD.replace(KEY, "foreign")), 30),
        (lambda n: uploads(0, UPLOAD.replace(KEY, "foreign")), 2),
        (lambda n: uploads(n, UPLOAD.replace(KEY, "foreign"), key="ab"[n % 2]), 3),
    ],
)
def test_a_sweep_of_uploads_without_an_end_ends(liar: Liar, answer: Callable[[int], bytes], most: int) -> None:
    counted = itertools.count()
    liar.says = lambda handler: reply(handler, 200, answer(next(counted)))
    assert liar.backend(replace(QUICK, most_pages=30)).recover(lambda key: False) == 0
    assert len(liar.heard) <= most


def test_a_sweep_has_its_time(liar: Liar) -> None:
    counted = itertools.count()

    def slow(handler: Handler) -> None:
        time.sleep(0.1)
        if "uploadId" in handler.path:
            last = "<Part><PartNumber>1</PartNumber><LastModified>2001-01-01T00:00:00.000Z</LastModified></Part>"
            reply(handler, 204 if handler.command == "DELETE" else 200, f"<ListPartsResult>{last}</ListPartsResult>"
                  .encode() if handler.command == "GET" else b"")  # fmt: skip
        else:
            reply(handler, 200, uploads(next(counted), UPLOAD * 1000))

    liar.says = slow
    began = time.monotonic()
    assert liar.backend(replace(QUICK, search_seconds=0.7)).recover(lambda key: False) > 0
    assert time.monotonic() - began < 5


def test_parts_of_a_direct_upload_without_an_end(liar: Liar) -> None:
    more = b"<IsTruncated>true</IsTruncated><NextPartNumberMarker>7</NextPartNumberMarker>"
    liar.says = lambda handler: reply(handler, 200, b"<ListPartsResult>" + more + b"</ListPartsResult>")
    assert cause_of(lambda: liar.backend().list_parts(KEY, "u")) == "protocol"
    assert len(liar.heard) == 2


@pytest.mark.parametrize("grows", [True, False])
def test_parts_without_an_end(liar: Liar, grows: bool) -> None:
    counted = itertools.count(1)

    def answer(handler: Handler) -> None:
        if "uploadId" not in handler.path:
            reply(handler, 200, uploads(0, UPLOAD))
            return
        number = next(counted) if grows else 7
        part = f"<Part><PartNumber>{number}</PartNumber><LastModified>2001-01-01T00:00:00.000Z</LastModified></Part>"
        more = f"<IsTruncated>true</IsTruncated><NextPartNumberMarker>{number}</NextPartNumberMarker>"
        reply(handler, 200, f"<ListPartsResult>{more}{part}</ListPartsResult>".encode())

    liar.says = answer
    assert liar.backend(replace(QUICK, most_pages=30)).recover(lambda key: False) == 0
    assert len(liar.heard) <= 32
    assert not [each for each in liar.heard if each.startswith("DELETE")]


# --- drops --------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["get", "list", "delete"])
def test_a_store_that_drips_is_not_waited_for_without_an_end(
    liar: Liar, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_client, "LEAST_SPEED", 1000)
    liar.says = drip
    backend = liar.backend(replace(QUICK, read_seconds=0.5, answer_seconds=0.6, attempts=1, resumptions=0))
    began = time.monotonic()
    assert cause_of(lambda: CALLS[call](backend)) == "timeout"
    assert time.monotonic() - began < 5


def test_headers_that_drip(liar: Liar) -> None:
    def slow(handler: Handler) -> None:
        for each in itertools.cycle(b"HTTP/1.1 100 Continue\r\n\r\n"):
            handler.wfile.write(bytes([each]))
            handler.wfile.flush()
            time.sleep(0.02)

    liar.says = slow
    began = time.monotonic()
    backend = liar.backend(replace(QUICK, read_seconds=0.5, answer_seconds=0.6, attempts=1))
    assert cause_of(lambda: backend.exists(KEY)) == "timeout"
    assert time.monotonic() - began < 5


def test_whoever_takes_time_to_read_is_not_cut_off(liar: Liar) -> None:
    def plenty(handler: Handler) -> None:
        reply(handler, 200, bytes(6 * MIB), ETag='"x"')

    liar.says = plenty
    pieces = liar.backend(replace(QUICK, read_seconds=0.5, answer_seconds=0.5, resumptions=0)).get(KEY)
    got = len(next(pieces))
    time.sleep(1.2)
    assert got + sum(map(len, pieces)) == 6 * MIB


def test_what_is_only_tried_ends_in_time_and_clears_up(liar: Liar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_store, "CLEARING_SECONDS", 2)
    liar.says = drip
    backend = liar.backend(Limits(), trial_seconds=2)
    began = time.monotonic()
    assert cause_of(lambda: put(backend)) == "timeout"
    with contextlib.suppress(StorageError):
        backend.delete(KEY)
    assert time.monotonic() - began < 8  # they would drip for ten each
    time.sleep(max(0.0, began + 5 - time.monotonic()))
    heard = len(liar.heard)
    for call in CALLS.values():
        assert cause_of(lambda call=call: call(backend)) == "timeout"  # type: ignore[misc]
    assert len(liar.heard) == heard


def test_what_was_written_just_in_time_is_taken_away_a_little_later(
    liar: Liar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_store, "CLEARING_SECONDS", 5)
    liar.says = lambda handler: reply(handler, 204)
    backend = liar.backend(trial_seconds=2)
    backend.delete(KEY)
    time.sleep(2.1)
    backend.delete(KEY)
    assert liar.heard == [f"DELETE /bucket/{KEY}"] * 2
