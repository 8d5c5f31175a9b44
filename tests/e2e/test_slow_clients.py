"""Slow clients wait for themselves, not others for them."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.support.client import FILES
from tests.support.raw import Wire, head
from tests.support.server import Server

SLOW = 100
PATIENCE = 1.0


@pytest.mark.slow
def test_a_hundred_slow_clients_do_not_block_the_others(fresh_server: Callable[..., Server]) -> None:
    server = fresh_server(workers=2)
    admin, over = server.admin, threading.Event()
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(server.url)) for _ in range(SLOW)]
        for number, wire in enumerate(wires):
            request = head("PUT", f"{FILES}/upload/slow{number}.bin", [*admin.auth, ("Content-Length", "100000")])
            wire.send(request[: len(request) - 4 * (number % 2)])  # every other one is slow in its headers already

        def drip() -> None:
            while not over.wait(0.2):
                for wire in wires[::2]:
                    wire.try_send(b"x" * 400)

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            time.sleep(0.5)
            waits = sorted(_timed(server) for _ in range(60))
        finally:
            over.set()
            dripping.join()
    assert waits[int(len(waits) * 0.95)] < PATIENCE, f"p95 {waits[57]:.2f} s, slowest {waits[-1]:.2f} s"
    assert waits[-1] < 10, f"slowest {waits[-1]:.2f} s"
    server.wait_until_clean()
    assert not server.admin.every(q="slow")


def _timed(server: Server) -> float:
    """One small upload, a list and a download, on a new connection."""
    start = time.monotonic()
    with server.admin.fork() as client:
        file = client.upload(b"quick", "quick.txt")
        assert client.page(per_page=5)["items"]
        assert client.content(file) == b"quick"
    return time.monotonic() - start
