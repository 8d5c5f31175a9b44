"""Asked to stop, the server finishes what it has begun."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.client import FILES
from tests.support.corpora import noise
from tests.support.raw import Wire, file_part, form_headers, head, multipart
from tests.support.server import Server

DATA = noise(2_000_000)
FORM = multipart([file_part(DATA, "form.bin")])


@pytest.mark.slow
def test_uploads_under_way_are_finished_before_the_server_stops(fresh_server: Callable[..., Server]) -> None:
    server = fresh_server(workers=2)
    token = server.admin.auth
    with Wire(server.url) as raw, Wire(server.url) as form:
        raw.send(head("PUT", f"{FILES}/upload/raw.bin", [*token, ("Content-Length", str(len(DATA)))]))
        form.send(head("POST", f"{FILES}/upload", [*token, *form_headers(), ("Content-Length", str(len(FORM)))]))
        raw.send(DATA[:1_000_000])
        form.send(FORM[:1_000_000])
        time.sleep(0.3)
        server.terminate()
        time.sleep(1)
        raw.send(DATA[1_000_000:])
        form.send(FORM[1_000_000:])
        files = [raw.answer(), form.answer()]
    assert [answer.status_code for answer in files] == [201, 201]
    assert server.wait() == 0
    server.start()
    for answer in files:
        assert server.admin.content(answer.json()) == DATA
    server.wait_until_clean()


@pytest.mark.slow
def test_a_download_under_way_is_finished_before_the_server_stops(fresh_server: Callable[..., Server]) -> None:
    server = fresh_server(workers=2)
    data = noise(32_000_000)  # more than the buffers of both sockets hold
    file = server.admin.upload(data, "large.bin", "application/octet-stream")
    with Wire(server.url) as wire:
        wire.send(head("GET", f"{FILES}/files/{file['id']}/download", server.admin.auth))
        assert wire.file.readline().startswith(b"HTTP/1.1 200")
        server.terminate()
        time.sleep(2)
        assert server.process.poll() is None
        while wire.file.readline().strip():
            pass
        assert wire.file.read(len(data)) == data
    assert server.wait() == 0


@pytest.mark.slow
def test_whoever_was_let_in_while_it_stops_is_answered(fresh_server: Callable[..., Server]) -> None:
    """A connection that is refused can be made elsewhere, whatever was to be sent; one that is reset cannot."""
    server = fresh_server(workers=2)
    over = threading.Event()
    answers: Counter[str] = Counter()

    def knock() -> None:
        while not over.is_set():
            try:
                with Wire(server.url) as wire:
                    wire.send(head("GET", "/healthz", [("Connection", "close")]))
                    answers[wire.file.readline().decode()[9:12] or "nothing"] += 1
            except ConnectionRefusedError:
                answers["refused"] += 1
                time.sleep(0.01)
            except OSError as exc:
                answers[type(exc).__name__] += 1

    with Wire(server.url) as idle, ThreadPoolExecutor(8) as pool:
        # A kept connection has a stopping worker wait for its next request.
        idle.send(head("GET", "/healthz"))
        assert idle.answer().status_code == 200
        knocking = [pool.submit(knock) for _ in range(8)]
        time.sleep(1)
        server.terminate()
        server.wait()
        over.set()
        for each in knocking:
            each.result()
    assert set(answers) == {"200", "refused"}, answers


@pytest.mark.slow
def test_a_stopped_server_starts_again_with_everything_it_had(fresh_server: Callable[..., Server]) -> None:
    server = fresh_server(workers=2)
    file = server.admin.upload(DATA, "kept.bin", "application/octet-stream")
    assert server.stop() == 0
    server.start()
    assert server.admin.info(file).json() == file
    assert server.admin.content(file) == DATA
