"""Many clients that upload slowly, and what others notice of them.

The slow ones run in a process of their own; each sends its file in small pieces at
a fixed pace and then wants its 201. The probe asks on a fixed schedule, always on
a new connection, and counts from the moment the request was due: a stall shows in
every request that had to wait for it.
"""

import multiprocessing
import selectors
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from benchmarks import stream
from benchmarks.clients import ClientError, parse_head

PIECE = 512
PIECES_PER_SECOND = 4  # 2 KB/s
CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 20.0
PROBES_PER_SECOND = 50


@dataclass(frozen=True)
class Probe:
    """Milliseconds that others waited."""

    p50: float
    p95: float
    worst: float


def probe(port: int, request: bytes, seconds: float) -> Probe:
    """Ask at a steady pace for ``seconds``; stop early should the server stall altogether."""
    due = time.perf_counter()
    end, give_up = due + seconds, due + 3 * seconds
    waited = []
    while due < end and time.perf_counter() < give_up:
        time.sleep(max(0.0, due - time.perf_counter()))
        status, _ = stream.read(port, request)
        if status != 200:
            raise ClientError(f"the probe was answered {status}")
        waited.append((time.perf_counter() - due) * 1e3)
        due += 1 / PROBES_PER_SECOND
    return Probe(statistics.median(waited), statistics.quantiles(waited, n=20)[-1], max(waited))


class SlowClients:
    """Slow uploads under way; ``finished`` of them ended with a 201."""

    def __init__(self) -> None:
        self.finished = 0


@contextmanager
def uploading(port: int, heads: list[bytes], size: int) -> Iterator[SlowClients]:
    """Upload ``size`` bytes per head, all at once and slowly; at the end of the block wait for their answers."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_upload_all, args=(port, heads, size, theirs), daemon=True)
    process.start()
    clients = SlowClients()
    try:
        if not ours.poll(30):
            raise ClientError("the slow clients could not connect")
        ours.recv()
        yield clients
        if ours.poll(size / (PIECE * PIECES_PER_SECOND) + 2 * ANSWER_SECONDS):
            clients.finished = ours.recv()
    finally:
        process.kill()
        process.join()


def file_size(seconds: float) -> int:
    """How much a slow client sends in so many seconds."""
    return round(seconds * PIECES_PER_SECOND) * PIECE


def _upload_all(port: int, heads: list[bytes], size: int, pipe: Connection) -> None:
    sockets = []
    for head in heads:
        connection = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head)
        sockets.append(connection)
        time.sleep(CONNECT_SECONDS / len(heads))
    pipe.send("connected")
    began = time.perf_counter()
    piece = stream.BLOCK[:PIECE]
    for turn in range(size // PIECE):
        for number, connection in enumerate(sockets):
            due = began + (turn + number / len(sockets)) / PIECES_PER_SECOND
            time.sleep(max(0.0, due - time.perf_counter()))
            with suppress(OSError):  # it will be missing among those finished
                connection.sendall(piece)
    pipe.send(_count_created(sockets))


def _count_created(sockets: list[socket.socket]) -> int:
    created = 0
    deadline = time.perf_counter() + ANSWER_SECONDS
    with selectors.DefaultSelector() as selector:
        for connection in sockets:
            selector.register(connection, selectors.EVENT_READ)
        while selector.get_map() and time.perf_counter() < deadline:
            for key, _ in selector.select(1):
                created += _is_created(sockets, key.fd)
                selector.unregister(key.fileobj)
    return created


def _is_created(sockets: list[socket.socket], fd: int) -> bool:
    connection = next(one for one in sockets if one.fileno() == fd)
    with suppress(OSError, ClientError, ValueError):
        head = connection.recv(65536).partition(b"\r\n\r\n")[0]
        return bool(head) and parse_head(head)[0] == 201
    return False
