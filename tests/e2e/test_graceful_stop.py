"""Asked to stop, the server finishes what it has begun."""

import time
from collections.abc import Callable

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
def test_a_stopped_server_starts_again_with_everything_it_had(fresh_server: Callable[..., Server]) -> None:
    server = fresh_server(workers=2)
    file = server.admin.upload(DATA, "kept.bin", "application/octet-stream")
    assert server.stop() == 0
    server.start()
    assert server.admin.info(file).json() == file
    assert server.admin.content(file) == DATA
