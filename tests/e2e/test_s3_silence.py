"""A store that takes everything and says nothing: the longest anybody waits."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.support.client import FILES
from tests.support.corpora import noise
from tests.support.faults import FaultProxy
from tests.support.raw import Answer, Wire, head
from tests.support.s3 import S3Server
from tests.support.shelf import MIB, Shelf, download_path

LONGEST = 170
"""Two tries of a minute, one look and one clean-up of ten seconds each, and some air."""
MANY = 20
LARGE = noise(MIB) * 20


@pytest.mark.slow
@pytest.mark.skipif("STOWAGE_TEST_PATIENCE" not in os.environ, reason="waits for minutes: set STOWAGE_TEST_PATIENCE=1")
def test_a_silent_store_is_given_up_and_keeps_nobody_else_waiting(
    s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bucket = s3_server.bucket()
    with FaultProxy(urlsplit(bucket.url).port or 0) as proxy:
        bucket.url = proxy.url
        with Shelf(tmp_path_factory.mktemp("silence"), bucket, s3_presigned_downloads=False) as shelf:
            file = shelf.admin.upload(LARGE, "large.bin")
            fault = proxy.fail("silent", times=10**6, seconds=600)
            begun = time.monotonic()
            with ThreadPoolExecutor(MANY + 2) as pool:
                asked = [
                    pool.submit(sent, shelf, "PUT", f"{FILES}/upload/large.bin", LARGE),
                    pool.submit(sent, shelf, "GET", download_path(file), b""),
                    *(pool.submit(sent, shelf, "PUT", f"{FILES}/upload/{n}.bin", noise(1000)) for n in range(MANY)),
                ]
                while not all(each.done() for each in asked):
                    started = time.monotonic()
                    assert shelf.admin.info(file).status_code == 200
                    assert time.monotonic() - started < 2, "others wait for the store too"
                    time.sleep(0.5)
                for answer in (each.result() for each in asked):
                    shelf.backend_error(answer)
            assert time.monotonic() - begun < LONGEST
            fault.times = 0
            shelf.wait_until_clean(60)
            assert shelf.admin.content(file) == LARGE


def sent(shelf: Shelf, method: str, path: str, body: bytes) -> Answer:
    with Wire(shelf.server.url, timeout=LONGEST + 30) as wire:
        wire.send(head(method, path, [*shelf.admin.auth, ("Content-Length", str(len(body)))]) + body)
        return wire.answer()
