"""A plugin that scans uploads, installed beside a real server."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.client import FILES, Client
from tests.support.corpora import MEGABYTE, noise
from tests.support.missing import missing
from tests.support.problems import problem
from tests.support.processes import peak_memory
from tests.support.raw import Wire, head
from tests.support.scanner import SENTENCE, WORD, installed
from tests.support.server import Server, eventually

GROWTH = 24 * MEGABYTE


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("scanned"), workers=2, environ=installed(tmp_path_factory.mktemp("plugin")))
    try:
        yield server.start()
    finally:
        server.close()


def refused(answer: requests.Response, code: str = "infected") -> dict[str, Any]:
    document: dict[str, Any] = answer.json()
    assert (answer.status_code, document["code"], document["plugin"]) == (422, code, "scanner")
    return document


def hiding(size: int, at: int) -> bytes:
    """So many bytes with the word among them."""
    data = noise(size)
    return data[:at] + WORD + data[at + len(WORD) :]


@pytest.mark.parametrize("at", [0, MEGABYTE - 10, 5 * MEGABYTE - len(WORD)])
def test_what_the_scanner_finds_is_not_stored(scanned: Server, at: int) -> None:
    data = hiding(5 * MEGABYTE, at)
    with scanned.unchanged():
        for answer in (
            scanned.admin.put_file(data),
            scanned.admin.put_file(iter([data[:1000], data[1000:]])),
            scanned.admin.post_file(data),
        ):
            assert refused(answer)["detail"] == SENTENCE


def test_what_it_does_not_find_is_stored_with_its_facts(scanned: Server) -> None:
    data = noise(3 * MEGABYTE)
    file = scanned.admin.upload(data)
    assert file["annotations"] == {"scanner": {"clean": True, "bytes": len(data)}}
    assert scanned.admin.content(file) == data
    assert scanned.admin.info(file).json() == file


def test_a_check_that_thinks_for_a_while_holds_up_nobody_else(scanned: Server) -> None:
    with ThreadPoolExecutor(1) as pool:
        thinking = pool.submit(scanned.client("admin").upload, b"x", "thinks.bin")
        time.sleep(0.1)
        began = time.monotonic()
        for number in range(5):
            scanned.admin.upload(b"x", f"{number}.bin")
        assert time.monotonic() - began < 0.6
        assert not thinking.done()
        assert thinking.result()["annotations"]["scanner"]["clean"]


def test_what_it_cannot_check_is_not_stored(scanned: Server) -> None:
    with scanned.unchanged():
        problem(scanned.admin.put_file(name="broken.bin"), "check_failed")
        began = time.monotonic()
        problem(scanned.admin.put_file(name="hangs.bin"), "check_failed")
        assert 1 <= time.monotonic() - began < 10
    assert "OSError: no socket" in scanned.log()
    assert "a check of uploads hangs" in scanned.log()


def test_a_refusal_by_name_is_answered_before_the_body_is_sent(scanned: Server) -> None:
    size = 90 * MEGABYTE
    with scanned.unchanged(), Wire(scanned.url) as wire:
        headers = [*scanned.admin.auth, ("Content-Length", str(size))]
        wire.send(head("PUT", f"{FILES}/upload/refused.bin", headers) + bytes(2 * MEGABYTE))
        answer = wire.answer("PUT")
        document = answer.json()
    assert (answer.status_code, document["code"], document["plugin"]) == (422, "policy", "scanner")
    assert document["detail"] == "admin may not store refused.bin."


def test_many_at_once_are_each_judged_for_themselves(scanned: Server) -> None:
    def send(number: int) -> tuple[int, int]:
        with scanned.admin.fork() as client:
            data = hiding(200_000 + number, 1000 * number) if number % 3 == 0 else noise(200_000 + number)
            return number, client.put_file(data, f"{number}.bin").status_code

    before = scanned.admin.total("files")
    with ThreadPoolExecutor(8) as pool:
        for number, status in pool.map(send, range(60)):
            assert status == (422 if number % 3 == 0 else 201), number
    assert scanned.admin.total("files") == before + 40
    scanned.wait_until_clean()


def test_a_server_that_dies_while_a_file_is_judged_has_no_file(
    fresh_server: Callable[..., Server], tmp_path: Path
) -> None:
    server = fresh_server(workers=1, environ=installed(tmp_path))
    client = server.admin
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(_lose, client)
        assert eventually(lambda: bool(server.stored()), 10), "its bytes are on their way"
        server.kill()
        assert lost.result() is None
    server.start()
    assert server.admin.total("files") == 0
    server.wait_until_clean(30)


def _lose(client: Client) -> requests.Response | None:
    try:
        return client.put_file(noise(MEGABYTE), "thinks.bin")
    except requests.ConnectionError:
        return None


@pytest.mark.slow
def test_memory_stays_flat_when_the_scanner_is_slower_than_the_client(
    fresh_server: Callable[..., Server], tmp_path: Path
) -> None:
    if not Path("/proc/self/status").exists():
        missing("Memory is read from /proc: run this on Linux.")
    server = fresh_server(workers=2, environ=installed(tmp_path))
    server.set_value("max_file_size_bytes", str(300 * MEGABYTE))
    for _ in range(20):  # every worker has seen uploads
        with server.admin.fork() as another:
            another.upload(b"warm" * 500_000)
    before = {pid: peak_memory(pid) for pid in server.workers()}
    file = server.admin.upload(bytes(300 * MEGABYTE), "slow.bin")
    assert file["annotations"]["scanner"]["bytes"] == 300 * MEGABYTE
    for pid, peak in before.items():
        assert peak_memory(pid) - peak < GROWTH
