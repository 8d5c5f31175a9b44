"""The size limit, to the byte."""

from collections.abc import Iterator

import pytest

from tests.support.client import FILES, Client, created
from tests.support.corpora import noise, pieces
from tests.support.problems import problem
from tests.support.raw import exchange, head
from tests.support.server import Server

LIMIT = 1000


@pytest.fixture(scope="module", autouse=True)
def small_limit(server: Server) -> Iterator[None]:
    with server.settings(max_file_size_bytes=LIMIT):
        yield


def test_the_exact_limit_is_accepted(uploader: Client) -> None:
    data = noise(LIMIT)
    assert uploader.content(uploader.upload(data)) == data
    assert uploader.content(uploader.upload(pieces(data, 100))) == data
    assert uploader.content(created(uploader.post_file(data))) == data


def test_a_form_is_measured_by_its_file_not_by_its_fields(uploader: Client) -> None:
    answer = uploader.post_file(noise(LIMIT), name="n" * 200, fields={"comment": "c" * 300})
    assert created(answer)["size_bytes"] == LIMIT


@pytest.mark.parametrize("excess", [1, 2, 100_000])
def test_one_byte_more_is_refused_and_nothing_is_kept(uploader: Client, server: Server, excess: int) -> None:
    data = noise(LIMIT + excess)
    with server.unchanged():
        for answer in (
            uploader.put_file(data),
            uploader.put_file(pieces(data, 100)),
            uploader.post_file(data),
            uploader.post_file(data, fields={"comment": "c" * 300}),
        ):
            assert problem(answer, "too_large")["max_bytes"] == LIMIT


def test_an_announced_excess_is_refused_before_a_byte_of_it_was_sent(uploader: Client, server: Server) -> None:
    with server.unchanged():
        announced = [*uploader.auth, ("Content-Length", str(10**15))]
        answer = exchange(server.url, head("PUT", f"{FILES}/upload/huge.bin", announced), timeout=5)
        assert problem(answer, "too_large")["max_bytes"] == LIMIT


def test_an_endless_stream_is_cut_at_the_limit(uploader: Client, server: Server) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 500_000_000:
            sent += 65_536
            yield b"x" * 65_536

    with server.unchanged():
        try:
            problem(uploader.put_file(endless()), "too_large")
        except OSError:
            assert sent < 500_000_000
        assert sent < 400_000_000, "the whole stream was read"


def test_a_changed_limit_counts_at_the_next_request_on_every_worker(uploader: Client, server: Server) -> None:
    with server.settings(max_file_size_bytes=2000):
        for _ in range(8):
            with uploader.fork() as another:
                assert another.put_file(noise(1500)).status_code == 201
    server.set_value("max_file_size_bytes", str(LIMIT))
    for _ in range(8):
        with uploader.fork() as another:
            problem(another.put_file(noise(1500)), "too_large")
