"""One large transfer over one connection: bodies that are sent from, and received into, nowhere."""

import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.clients import DISCARD, STALL_SECONDS, ClientError, parse_head

# Small enough to stay in the cache, so that the sender costs one copy by the kernel and no memory traffic.
BLOCK = os.urandom(1 << 20)


@dataclass(frozen=True)
class Transfer:
    """How long it took, how much came or went, and the body of the answer to an upload."""

    seconds: float
    size: int
    answer: bytes = b""

    @property
    def rate(self) -> float:
        """MB (10^6 bytes) per second."""
        return self.size / self.seconds / 1e6

    def json(self) -> dict[str, str]:
        """The answer, parsed."""
        parsed: dict[str, str] = json.loads(self.answer)
        return parsed


def blocks(size: int) -> Iterator[memoryview]:
    """A body of ``size`` bytes."""
    view = memoryview(BLOCK)
    while size > 0:
        yield view[:size]
        size -= len(BLOCK)


def send(port: int, head: bytes, size: int, before: bytes = b"", after: bytes = b"") -> Transfer:
    """Upload ``size`` bytes, between two pieces of framing, and wait for the 201."""
    with _connect(port) as connection:
        began = time.perf_counter()
        connection.sendall(head + before)
        for block in blocks(size):
            connection.sendall(block)
        connection.sendall(after)
        status, answer = _answer(connection)
        seconds = time.perf_counter() - began
    if status != 201:
        raise ClientError(f"upload answered {status}: {answer[:300]!r}")
    return Transfer(seconds, size, answer)


def fetch(port: int, head: bytes, size: int) -> Transfer:
    """Download a body that must have ``size`` bytes; its bytes are dropped by the kernel."""
    with _connect(port) as connection:
        began = time.perf_counter()
        connection.sendall(head)
        status, length, rest = _head(connection)
        if status not in {200, 206} or length != size:
            raise ClientError(f"download answered {status} with {length} bytes instead of {size}")
        left = length - len(rest)
        while left:
            received = connection.recv_into(DISCARD, min(left, len(DISCARD)), socket.MSG_TRUNC)
            if not received:
                raise ClientError("the download was cut")
            left -= received
        return Transfer(time.perf_counter() - began, size)


def read(port: int, head: bytes) -> tuple[int, bytes]:
    """One request whose answer is wanted."""
    with _connect(port) as connection:
        connection.sendall(head)
        return _answer(connection)


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=STALL_SECONDS * 2)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _answer(connection: socket.socket) -> tuple[int, bytes]:
    status, length, body = _head(connection)
    while len(body) < length:
        piece = connection.recv(1 << 20)
        if not piece:
            raise ClientError("the answer was cut")
        body += piece
    return status, body


def _head(connection: socket.socket) -> tuple[int, int, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            raise ClientError(f"the server closed the connection without an answer: {data[:200]!r}")
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    status, length, _ = parse_head(head)
    return status, length, rest
